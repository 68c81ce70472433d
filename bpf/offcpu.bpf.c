// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How long threads were off CPU, and where in the kernel they were then. */
#include "tool.h"
#include "records.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 target_pid = 0;
const volatile __u32 target_tid = 0;
const volatile char target_comm[16] = {};
const volatile __u64 min_ns = 1000;
const volatile __u64 max_ns = ~0ULL;
/* States (bits of the kernel's task states) that count; all ones: all but running. */
const volatile __u32 states = ~0U;

struct place {
	__u32 pid;
	char comm[16];
	__s32 kern_stack_id;
};

struct left {
	__u64 ns;
	struct place place;
};

struct off {
	__u64 total_ns;
	__u64 times;
};

HASH(left, 4096, __u32, struct left);
HASH(off, 4096, struct place, struct off);
STACKS(stacks, 2048);

const struct off never = {};

SEC("tp/sched/sched_switch")
int switched(struct trace_event_raw_sched_switch *ctx)
{
	__u64 id = bpf_get_current_pid_tgid(), now = bpf_ktime_get_ns(), ns;
	__u32 thread = id, next = ctx->next_pid;
	struct left leaves = {};
	struct place place;
	struct left *since;
	struct off *sum;

	if (thread && (!target_pid || id >> 32 == target_pid) && (!target_tid || thread == target_tid) &&
	    (states == ~0U || ctx->prev_state & states) && is_command(target_comm)) {
		leaves.ns = now;
		leaves.place.pid = id >> 32;
		bpf_get_current_comm(leaves.place.comm, sizeof(leaves.place.comm));
		leaves.place.kern_stack_id = bpf_get_stackid(ctx, &stacks, 0);
		bpf_map_update_elem(&left, &thread, &leaves, BPF_ANY);
	}
	since = bpf_map_lookup_elem(&left, &next);
	if (!since)
		return 0;
	ns = now - since->ns;
	place = since->place;
	bpf_map_delete_elem(&left, &next);
	if (ns < min_ns || ns > max_ns)
		return 0;
	bpf_map_update_elem(&off, &place, &never, BPF_NOEXIST);
	sum = bpf_map_lookup_elem(&off, &place);
	if (!sum)
		return 0;
	__sync_fetch_and_add(&sum->total_ns, ns);
	__sync_fetch_and_add(&sum->times, 1);
	return 0;
}
