// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A tracepoint, maps, globals and events, and no CO-RE relocation: runs on a kernel without BTF.
 *
 * Each prctl(OPTION, number) of any process gives an event with its number and how often the
 * process has called.
 */
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* "btfl": not an option that prctl(2) knows, so the call itself does nothing. */
#define OPTION 0x6274666c

struct call {
	__u32 pid;
	__u32 times;
	__u64 number;
	__u64 added;
	char command[16];
};

/* What is added to each number. */
const volatile __u64 offset = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u32);
} times SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct call);
} scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} calls SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_prctl")
int count_prctl(struct sys_enter *ctx)
{
	__u32 zero = 0, one = 1, pid = bpf_get_current_pid_tgid() >> 32;
	struct call *call = bpf_map_lookup_elem(&scratch, &zero);
	__u32 *before;

	if (!call || ctx->args[0] != OPTION)
		return 0;
	before = bpf_map_lookup_elem(&times, &pid);
	if (before)
		__sync_fetch_and_add(before, 1);
	else
		bpf_map_update_elem(&times, &pid, &one, BPF_ANY);
	call->pid = pid;
	call->times = before ? *before : 1;
	call->number = ctx->args[1];
	call->added = ctx->args[1] + offset;
	bpf_get_current_comm(call->command, sizeof(call->command));
	bpf_perf_event_output(ctx, &calls, BPF_F_CURRENT_CPU, call, sizeof(*call));
	return 0;
}
