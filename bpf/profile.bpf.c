// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What runs on the CPUs, looked at many times a second. */
#include "tool.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 target_pid = 0;
const volatile char target_comm[16] = {};
const volatile __u8 idle_too = 0;
const volatile __u8 kernel_only = 0;

#define BPF_F_USER_STACK 256

struct place {
	__u32 pid;
	char comm[16];
	__s32 user_stack_id;
	__s32 kern_stack_id;
};

HASH(samples, 4096, struct place, __u64);
STACKS(stacks, 2048);

SEC("perf_event")
int look(void *ctx)
{
	__u64 id = bpf_get_current_pid_tgid(), one = 1, *count;
	struct place place = {};

	if (!idle_too && !(__u32)id)
		return 0;
	if (target_pid && id >> 32 != target_pid)
		return 0;
	if (!is_command(target_comm))
		return 0;
	place.pid = id >> 32;
	bpf_get_current_comm(place.comm, sizeof(place.comm));
	place.kern_stack_id = bpf_get_stackid(ctx, &stacks, 0);
	place.user_stack_id = -1;
	if (!kernel_only)
		place.user_stack_id = bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK);
	if (!bpf_map_update_elem(&samples, &place, &one, BPF_NOEXIST))
		return 0;
	count = bpf_map_lookup_elem(&samples, &place);
	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}
