// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Programs for what the kernel's BTF describes: each reads a field of an argument, which the verifier
 * allows only if the right function or tracepoint was named to it at load.
 */
#include "abi.h"
#include <bpf/bpf_core_read.h>

#define CORE __attribute__((preserve_access_index))

char LICENSE[] SEC("license") = "GPL";

struct task_struct {
	int pid;
} CORE;

struct file {
	unsigned int f_flags;
} CORE;

struct bpf_iter__task {
	struct task_struct *task;
} CORE;

struct block_device {
	unsigned int bd_dev;
} CORE;

struct __sk_buff {
	__u32 len;
};

__u64 seen;

SEC("tp_btf/task_newtask")
int tracepoint(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];

	seen += task->pid;
	return 0;
}

SEC("fentry/vfs_fsync_range")
int entry(__u64 *ctx)
{
	struct file *file = (void *)ctx[0];

	seen += file->f_flags;
	return 0;
}

SEC("fexit/vmlinux:vfs_fsync_range")
int leave(__u64 *ctx)
{
	struct file *file = (void *)ctx[0];

	seen += file->f_flags + ctx[4];
	return 0;
}

SEC("fmod_ret/security_file_open")
int modify(__u64 *ctx)
{
	struct file *file = (void *)ctx[0];

	seen += file->f_flags;
	return 0;
}

SEC("?lsm/file_open")
int hook(__u64 *ctx)
{
	struct file *file = (void *)ctx[0];

	seen += file->f_flags;
	return 0;
}

SEC("iter/task")
int iterate(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task)
		seen += task->pid;
	return 0;
}

/* Of a module. */
SEC("?fentry/lo_ioctl")
int of_module(__u64 *ctx)
{
	struct block_device *device = (void *)ctx[0];

	seen += device->bd_dev;
	return 0;
}

SEC("?fentry/loop:lo_ioctl")
int of_loop(__u64 *ctx)
{
	struct block_device *device = (void *)ctx[0];

	seen += device->bd_dev;
	return 0;
}

SEC("?fentry/no_such_module:vfs_fsync_range")
int other_module(void *ctx)
{
	return 0;
}

SEC("?fentry")
int nowhere(void *ctx)
{
	return 0;
}

SEC("?fexit/no_such_function")
int no_function(void *ctx)
{
	return 0;
}

SEC("?tp_btf/no_such_tracepoint")
int no_tracepoint(void *ctx)
{
	return 0;
}

SEC("?lsm/no_such_hook")
int no_hook(void *ctx)
{
	return 0;
}

SEC("?iter/no_such_iterator")
int no_iterator(void *ctx)
{
	return 0;
}

/* What another program may replace, and a replacement. */
__noinline int replaced(struct __sk_buff *skb)
{
	asm volatile("");
	return skb->len;
}

SEC("?socket")
int replaceable(struct __sk_buff *skb)
{
	return replaced(skb);
}

SEC("?freplace")
int replacement(struct __sk_buff *skb)
{
	return skb->len + 1;
}
