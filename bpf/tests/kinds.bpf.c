// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One program of each kind, all of them for openat(2) in the process `target`. Each sends its
 * number (see the enum) and, where it returns, what is returned.
 */
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The process. It must be set: --set target=PID. */
const volatile __u32 target = 0;

#define NR_OPENAT 56 /* asm-generic/unistd.h */

enum kind {
	KPROBE = 1,
	KRETPROBE = 2,
	KSYSCALL = 3,
	KRETSYSCALL = 4,
	TP = 5,
	TRACEPOINT = 6,
	RAW_TP = 7,
	RAW_TRACEPOINT = 8,
};

struct seen {
	__u32 kind;
	__u32 pid;
	__s64 ret;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} kinds SEC(".maps");

/* Threads in openat(2), for the raw tracepoint at the end of every system call. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u32);
} opening SEC(".maps");

/* Keeps the type of the events in the object's BTF. */
const struct seen *seen_of_kinds;

static __always_inline int send(void *ctx, enum kind kind, __s64 ret)
{
	struct seen seen = { .kind = kind, .pid = bpf_get_current_pid_tgid() >> 32, .ret = ret };

	if (seen.pid == target)
		bpf_perf_event_output(ctx, &kinds, BPF_F_CURRENT_CPU, &seen, sizeof(seen));
	return 0;
}

/* The one function on the way that is called so on every arm64 kernel. */
SEC("kprobe/__arm64_sys_openat")
int kind_kprobe(struct user_pt_regs *ctx)
{
	return send(ctx, KPROBE, 0);
}

SEC("kretprobe/__arm64_sys_openat")
int kind_kretprobe(struct user_pt_regs *ctx)
{
	return send(ctx, KRETPROBE, ctx->regs[0]);
}

SEC("ksyscall/openat")
int kind_ksyscall(struct user_pt_regs *ctx)
{
	return send(ctx, KSYSCALL, 0);
}

SEC("kretsyscall/openat")
int kind_kretsyscall(struct user_pt_regs *ctx)
{
	return send(ctx, KRETSYSCALL, ctx->regs[0]);
}

SEC("tp/syscalls/sys_enter_openat")
int kind_tp(struct sys_enter *ctx)
{
	return send(ctx, TP, 0);
}

SEC("tracepoint/syscalls/sys_exit_openat")
int kind_tracepoint(struct sys_exit *ctx)
{
	return send(ctx, TRACEPOINT, ctx->ret);
}

SEC("raw_tp/sys_enter")
int kind_raw_tp(struct raw_args *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid(), one = 1;

	if (ctx->args[1] != NR_OPENAT)
		return 0;
	bpf_map_update_elem(&opening, &tid, &one, BPF_ANY);
	return send(ctx, RAW_TP, 0);
}

SEC("raw_tracepoint/sys_exit")
int kind_raw_tracepoint(struct raw_args *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();

	if (bpf_map_delete_elem(&opening, &tid))
		return 0;
	return send(ctx, RAW_TRACEPOINT, ctx->args[1]);
}
