// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How many system calls there were, of which kind or of which process, and how long they took. */
#include "tool.h"
#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 target_pid = 0;
const volatile syscall_t target_call = ~0U;
const volatile __u8 failed_only = 0;
const volatile __u8 by_process = 0;

/* Negative outside of system calls. */
struct pt_regs___call {
	__s32 syscallno;
} __attribute__((preserve_access_index));

struct process {
	__u32 pid;
	char comm[16];
};

struct count {
	__u64 calls;
	__u64 total_ns;		/* only where times are asked for */
};

/* Calls in progress, by thread, since when. */
LRU_HASH(since, 4096, __u32, __u64);
HASH(calls, 512, syscall_t, struct count);
HASH(processes, 1024, struct process, struct count);

const struct count no_count = {};

static __always_inline int is_wanted(__u64 id)
{
	return !target_pid || id >> 32 == target_pid;
}

SEC("?raw_tp/sys_enter")
int begun(struct raw_args *ctx)
{
	__u64 now = bpf_ktime_get_ns(), id = bpf_get_current_pid_tgid();
	__u32 thread = id;

	if (!is_wanted(id))
		return 0;
	if (target_call != ~0U && ctx->args[1] != target_call)
		return 0;
	bpf_map_update_elem(&since, &thread, &now, BPF_ANY);
	return 0;
}

SEC("raw_tp/sys_exit")
int ended(struct raw_args *ctx)
{
	__u64 id = bpf_get_current_pid_tgid(), *begun, ns = 0;
	struct pt_regs___call *regs = (void *)ctx->args[0];
	syscall_t call = BPF_CORE_READ(regs, syscallno);
	struct process process = {};
	__u32 thread = id;
	struct count *count;

	if (!is_wanted(id))
		return 0;
	if (target_call != ~0U && call != target_call)
		return 0;
	begun = bpf_map_lookup_elem(&since, &thread);
	if (begun) {
		ns = bpf_ktime_get_ns() - *begun;
		bpf_map_delete_elem(&since, &thread);
	}
	if (failed_only && (__s64)ctx->args[1] >= 0)
		return 0;
	/* What returns from a signal's handler has no number any more. */
	if ((__s32)call < 0)
		return 0;
	if (by_process) {
		process.pid = id >> 32;
		bpf_get_current_comm(process.comm, sizeof(process.comm));
		bpf_map_update_elem(&processes, &process, &no_count, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&processes, &process);
	} else {
		bpf_map_update_elem(&calls, &call, &no_count, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&calls, &call);
	}
	if (!count)
		return 0;
	__sync_fetch_and_add(&count->calls, 1);
	__sync_fetch_and_add(&count->total_ns, ns);
	return 0;
}
