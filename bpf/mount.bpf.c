// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * File systems as they are mounted and unmounted: what, where, how, and what came of it. Texts are read when the
 * call returns, for then their memory is there.
 */
#include "tool.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 target_pid = 0;

enum call { MOUNT, UMOUNT, MOVE_MOUNT };

/* include/uapi/linux/mount.h; those of umount(2) are shown as numbers. */
enum mount_flags {
	MS_RDONLY = 1,
	MS_NOSUID = 2,
	MS_NODEV = 4,
	MS_NOEXEC = 8,
	MS_SYNCHRONOUS = 16,
	MS_REMOUNT = 32,
	MS_BIND = 4096,
	MS_MOVE = 8192,
	MS_REC = 16384,
	MS_SILENT = 32768,
	MS_PRIVATE = 1 << 18,
	MS_SHARED = 1 << 20,
	MS_RELATIME = 1 << 21,
};

struct event {
	__u32 pid;
	char comm[16];
	enum call call;
	errno_t ret;
	__u64 took_ns;
	char fs[16];
	enum mount_flags flags;
	char source[256];
	char target[256];
	char data[256];
};

struct begun {
	__u64 ns;
	__u64 source;
	__u64 target;
	__u64 fs;
	__u64 data;
	__u32 flags;
	enum call call;
};

EVENTS(events);
SCRATCH(scratch, struct event);
LRU_HASH(calls, 256, __u32, struct begun);

static __always_inline int enter(struct begun *begun)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 thread = id;

	if (target_pid && id >> 32 != target_pid)
		return 0;
	begun->ns = bpf_ktime_get_ns();
	bpf_map_update_elem(&calls, &thread, begun, BPF_ANY);
	return 0;
}

static __always_inline void read(char *to, __u32 size, __u64 from)
{
	to[0] = 0;
	if (from)
		bpf_probe_read_user_str(to, size, (void *)from);
}

static __noinline int leave(void *ctx, long ret)
{
	__u32 zero = 0, thread = bpf_get_current_pid_tgid();
	struct begun *begun = bpf_map_lookup_elem(&calls, &thread);
	struct event *e = bpf_map_lookup_elem(&scratch, &zero);

	if (!begun || !e)
		return 0;
	e->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	e->call = begun->call;
	e->ret = ret;
	e->took_ns = bpf_ktime_get_ns() - begun->ns;
	e->flags = begun->flags;
	read(e->fs, sizeof(e->fs), begun->fs);
	read(e->source, sizeof(e->source), begun->source);
	read(e->target, sizeof(e->target), begun->target);
	read(e->data, sizeof(e->data), begun->data);
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, e, sizeof(*e));
	bpf_map_delete_elem(&calls, &thread);
	return 0;
}

SEC("tp/syscalls/sys_enter_mount")
int enter_mount(struct sys_enter *ctx)
{
	struct begun begun = {
		.call = MOUNT,
		.source = ctx->args[0],
		.target = ctx->args[1],
		.fs = ctx->args[2],
		.flags = ctx->args[3],
		.data = ctx->args[4],
	};

	return enter(&begun);
}

SEC("tp/syscalls/sys_exit_mount")
int exit_mount(struct sys_exit *ctx)
{
	return leave(ctx, ctx->ret);
}

SEC("tp/syscalls/sys_enter_umount")
int enter_umount(struct sys_enter *ctx)
{
	struct begun begun = {
		.call = UMOUNT,
		.target = ctx->args[0],
		.flags = ctx->args[1],
	};

	return enter(&begun);
}

SEC("tp/syscalls/sys_exit_umount")
int exit_umount(struct sys_exit *ctx)
{
	return leave(ctx, ctx->ret);
}

/* The last step of the newer way to mount, from 5.2 on. */
SEC("?tp/syscalls/sys_enter_move_mount")
int enter_move_mount(struct sys_enter *ctx)
{
	struct begun begun = {
		.call = MOVE_MOUNT,
		.source = ctx->args[1],
		.target = ctx->args[3],
	};

	return enter(&begun);
}

SEC("?tp/syscalls/sys_exit_move_mount")
int exit_move_mount(struct sys_exit *ctx)
{
	return leave(ctx, ctx->ret);
}
