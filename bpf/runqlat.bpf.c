// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How long threads that could run waited for a CPU. Tracepoints tell of threads alone: to which process one
 * belongs is learnt when it gives its CPU away.
 */
#include "tool.h"
#include "records.h"
#include "sched.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 target_pid = 0;
const volatile __u8 milliseconds = 0;
const volatile __u8 by_process = 0;
const volatile __u8 by_thread = 0;

struct waits {
	__u32 slots[SLOTS];
	char comm[16];
};

/* Threads that wait, since when. */
HASH(since, 4096, __u32, __u64);
/* The processes of threads. */
LRU_HASH(processes, 4096, __u32, __u32);
HASH(waits, 1024, __u32, struct waits);

const struct waits no_waits = {};

static __always_inline int begins_to_wait(__u32 thread)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 *process;

	if (!thread)
		return 0;
	if (target_pid) {
		process = bpf_map_lookup_elem(&processes, &thread);
		if (!process || *process != target_pid)
			return 0;
	}
	bpf_map_update_elem(&since, &thread, &now, BPF_ANY);
	return 0;
}

SEC("tp/sched/sched_wakeup")
int woken(struct trace_event_raw_sched_wakeup_template *ctx)
{
	return begins_to_wait(ctx->pid);
}

SEC("tp/sched/sched_wakeup_new")
int made(struct trace_event_raw_sched_wakeup_template *ctx)
{
	return begins_to_wait(ctx->pid);
}

SEC("tp/sched/sched_switch")
int switched(struct trace_event_raw_sched_switch *ctx)
{
	__u32 before = ctx->prev_pid, thread = ctx->next_pid, process, key = 0;
	__u64 *begun, waited;
	struct waits *of;
	__u32 *known;

	/* The one that gives its CPU away is still the current one. */
	if (target_pid || by_process) {
		process = bpf_get_current_pid_tgid() >> 32;
		bpf_map_update_elem(&processes, &before, &process, BPF_ANY);
	}
	if (can_run(ctx->prev_state))
		begins_to_wait(before);

	begun = bpf_map_lookup_elem(&since, &thread);
	if (!begun)
		return 0;
	waited = bpf_ktime_get_ns() - *begun;
	bpf_map_delete_elem(&since, &thread);
	if (by_process) {
		known = bpf_map_lookup_elem(&processes, &thread);
		key = known ? *known : thread;
	} else if (by_thread) {
		key = thread;
	}
	bpf_map_update_elem(&waits, &key, &no_waits, BPF_NOEXIST);
	of = bpf_map_lookup_elem(&waits, &key);
	if (!of)
		return 0;
	count_in(of->slots, SLOTS, waited / (milliseconds ? 1000000 : 1000));
	if (key)
		bpf_probe_read_kernel_str(of->comm, sizeof(of->comm), ctx->next_comm);
	return 0;
}
