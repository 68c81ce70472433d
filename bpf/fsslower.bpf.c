// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Slow reads, writes, opens and syncs of one file system: of which file, by whom, and how long they took.
 *
 * Which functions are probed is for user space to say; those of ext4 stand for them here.
 */
#include "tool.h"
#include "file.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Only what took as long. */
const volatile __u64 min_ns = 10000000;
/* Only calls of this process; 0: of every. */
const volatile __u32 target_pid = 0;

enum operation { READ, WRITE, OPEN, FSYNC };

struct kiocb {
	struct file *ki_filp;
	long long ki_pos;
} FILE_CORE;

struct event {
	__u32 pid;
	char comm[COMM_LEN];
	enum operation operation;
	__s64 bytes;	/* or a negative error number */
	__s64 offset;
	__u64 took_ns;
	char file[FILE_LEN];
};

struct call {
	__u64 since;
	const struct file *file;
	__s64 offset;
};

/* Calls in progress, by thread. */
LRU_HASH(calls, 1024, __u32, struct call);

EVENTS(events);

static __noinline int begin(const struct file *file, __s64 offset)
{
	struct call call = { 0, file, offset };
	__u32 tid = current_tid();

	if (target_pid && current_pid() != target_pid)
		return 0;
	call.since = bpf_ktime_get_ns();
	bpf_map_update_elem(&calls, &tid, &call, BPF_ANY);
	return 0;
}

static __noinline int send(void *ctx, struct event *event)
{
	return bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, event, sizeof(*event));
}

static __noinline int end(struct user_pt_regs *ctx, enum operation operation)
{
	__u32 tid = current_tid();
	struct call *call = bpf_map_lookup_elem(&calls, &tid);
	struct event event = {};
	const struct file *file;

	if (!call)
		return 0;
	file = call->file;
	event.took_ns = bpf_ktime_get_ns() - call->since;
	event.offset = call->offset;
	if (event.took_ns >= min_ns) {
		event.pid = current_pid();
		bpf_get_current_comm(event.comm, sizeof(event.comm));
		event.operation = operation;
		event.bytes = ctx->regs[0];
		/* Opens and syncs return an int. */
		if (operation >= OPEN)
			event.bytes = (__s32)event.bytes;
		read_name(event.file, BPF_CORE_READ(file, f_path.dentry));
		send(ctx, &event);
	}
	bpf_map_delete_elem(&calls, &tid);
	return 0;
}

static __always_inline int begin_transfer(struct user_pt_regs *ctx)
{
	const struct kiocb *kiocb = (const void *)ctx->regs[0];

	return begin(BPF_CORE_READ(kiocb, ki_filp), BPF_CORE_READ(kiocb, ki_pos));
}

SEC("kprobe/ext4_file_read_iter")
int read_begins(struct user_pt_regs *ctx)
{
	return begin_transfer(ctx);
}

SEC("kretprobe/ext4_file_read_iter")
int read_ends(struct user_pt_regs *ctx)
{
	return end(ctx, READ);
}

SEC("kprobe/ext4_file_write_iter")
int write_begins(struct user_pt_regs *ctx)
{
	return begin_transfer(ctx);
}

SEC("kretprobe/ext4_file_write_iter")
int write_ends(struct user_pt_regs *ctx)
{
	return end(ctx, WRITE);
}

/* (inode, file) */
SEC("kprobe/ext4_file_open")
int open_begins(struct user_pt_regs *ctx)
{
	return begin((const void *)ctx->regs[1], 0);
}

SEC("kretprobe/ext4_file_open")
int open_ends(struct user_pt_regs *ctx)
{
	return end(ctx, OPEN);
}

/* (file, from, to, …) */
SEC("kprobe/ext4_sync_file")
int sync_begins(struct user_pt_regs *ctx)
{
	return begin((const void *)ctx->regs[0], ctx->regs[1]);
}

SEC("kretprobe/ext4_sync_file")
int sync_ends(struct user_pt_regs *ctx)
{
	return end(ctx, FSYNC);
}
