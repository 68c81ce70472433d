// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Files as they are opened: by whom, how, and what came of it. Paths are read when the call returns, for
 * then their memory is there.
 */
#include "tool.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PATH_MAX 256

const volatile __u32 target_pid = 0;
const volatile __u32 target_uid = ~0U;
const volatile char target_comm[16] = {};
const volatile __u8 failed_only = 0;

/* Names of asm-generic/fcntl.h and of arm64's own. */
enum open_flags {
	O_WRONLY = 01,
	O_RDWR = 02,
	O_CREAT = 0100,
	O_EXCL = 0200,
	O_NOCTTY = 0400,
	O_TRUNC = 01000,
	O_APPEND = 02000,
	O_NONBLOCK = 04000,
	O_DSYNC = 010000,
	O_DIRECTORY = 040000,
	O_NOFOLLOW = 0100000,
	O_DIRECT = 0200000,
	O_LARGEFILE = 0400000,
	O_NOATIME = 01000000,
	O_CLOEXEC = 02000000,
	O_SYNC = 04000000,
	O_PATH = 010000000,
};

struct event {
	__u32 pid;
	__u32 uid;
	char comm[16];
	errno_t ret;		/* the file's number, or an error */
	enum open_flags flags;
	char path[PATH_MAX];
};

struct call {
	__u64 path;
	__u32 flags;
};

EVENTS(events);
SCRATCH(scratch, struct event);
/* Calls in progress, by thread. A thread that is killed in one never ends it. */
LRU_HASH(calls, 1024, __u32, struct call);

static __always_inline int enter(__u64 path, __u32 flags)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 thread = id;
	struct call call = { .path = path, .flags = flags };

	if (target_pid && id >> 32 != target_pid)
		return 0;
	if (target_uid != ~0U && (__u32)bpf_get_current_uid_gid() != target_uid)
		return 0;
	if (!is_command(target_comm))
		return 0;
	bpf_map_update_elem(&calls, &thread, &call, BPF_ANY);
	return 0;
}

static __noinline int leave(void *ctx, long ret)
{
	__u32 zero = 0, thread = bpf_get_current_pid_tgid();
	struct call *call = bpf_map_lookup_elem(&calls, &thread);
	struct event *e = bpf_map_lookup_elem(&scratch, &zero);
	long size;

	if (!call || !e)
		return 0;
	if (failed_only && ret >= 0)
		goto out;
	e->pid = bpf_get_current_pid_tgid() >> 32;
	e->uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	e->ret = ret;
	e->flags = call->flags;
	size = bpf_probe_read_user_str(e->path, sizeof(e->path), (void *)call->path);
	if (size <= 0) {
		e->path[0] = 0;
		size = 1;
	}
	/* Kept apart: joined into one, the verifier would not learn from these comparisons. */
	asm volatile("" : "+r"(size));
	if (size > PATH_MAX)
		size = PATH_MAX;
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, e,
			      __builtin_offsetof(struct event, path) + size);
out:
	bpf_map_delete_elem(&calls, &thread);
	return 0;
}

SEC("tp/syscalls/sys_enter_openat")
int enter_openat(struct sys_enter *ctx)
{
	return enter(ctx->args[1], ctx->args[2]);
}

SEC("tp/syscalls/sys_exit_openat")
int exit_openat(struct sys_exit *ctx)
{
	return leave(ctx, ctx->ret);
}

/* From 5.6 on. */
SEC("?tp/syscalls/sys_enter_openat2")
int enter_openat2(struct sys_enter *ctx)
{
	__u64 flags = 0;

	bpf_probe_read_user(&flags, sizeof(flags), (void *)ctx->args[2]);
	return enter(ctx->args[1], flags);
}

SEC("?tp/syscalls/sys_exit_openat2")
int exit_openat2(struct sys_exit *ctx)
{
	return leave(ctx, ctx->ret);
}
