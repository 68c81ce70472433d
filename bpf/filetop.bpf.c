// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which files are read and written most, and by whom. */
#include "tool.h"
#include "file.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Only files of this process; 0: of every. */
const volatile __u32 target_pid = 0;
/* Also what is no regular file: pipes, sockets, devices. */
const volatile __u8 all_files = 0;

struct use {
	__u32 pid;
	dev_t dev;
	__u64 inode;
};

struct used {
	char comm[COMM_LEN];
	__u64 reads;
	__u64 writes;
	__u64 read_bytes;
	__u64 write_bytes;
	char file[FILE_LEN];
};

/* Calls in progress, by thread. */
LRU_HASH(calls, 1024, __u32, const struct file *);

HASH(files, 2048, struct use, struct used);

static __noinline int enter(const struct file *file)
{
	__u32 tid = current_tid();

	if (target_pid && current_pid() != target_pid)
		return 0;
	if (!all_files && (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFREG)
		return 0;
	bpf_map_update_elem(&calls, &tid, &file, BPF_ANY);
	return 0;
}

static __always_inline struct used *leave(void)
{
	__u32 tid = current_tid();
	const struct file **called = bpf_map_lookup_elem(&calls, &tid), *file;
	struct used first = {}, *used;
	struct use use = {};
	struct inode *inode;

	if (!called)
		return 0;
	file = *called;
	bpf_map_delete_elem(&calls, &tid);
	inode = BPF_CORE_READ(file, f_inode);
	use.pid = current_pid();
	use.dev = BPF_CORE_READ(inode, i_sb, s_dev);
	use.inode = BPF_CORE_READ(inode, i_ino);
	used = bpf_map_lookup_elem(&files, &use);
	if (used)
		return used;
	bpf_get_current_comm(first.comm, sizeof(first.comm));
	read_name(first.file, BPF_CORE_READ(file, f_path.dentry));
	bpf_map_update_elem(&files, &use, &first, BPF_NOEXIST);
	return bpf_map_lookup_elem(&files, &use);
}

SEC("kprobe/vfs_read")
int read_begins(struct user_pt_regs *ctx)
{
	return enter((const void *)ctx->regs[0]);
}

SEC("kprobe/vfs_write")
int write_begins(struct user_pt_regs *ctx)
{
	return enter((const void *)ctx->regs[0]);
}

SEC("kretprobe/vfs_read")
int read_ends(struct user_pt_regs *ctx)
{
	struct used *used = leave();
	__s64 bytes = ctx->regs[0];

	if (!used)
		return 0;
	__sync_fetch_and_add(&used->reads, 1);
	if (bytes > 0)
		__sync_fetch_and_add(&used->read_bytes, bytes);
	return 0;
}

SEC("kretprobe/vfs_write")
int write_ends(struct user_pt_regs *ctx)
{
	struct used *used = leave();
	__s64 bytes = ctx->regs[0];

	if (!used)
		return 0;
	__sync_fetch_and_add(&used->writes, 1);
	if (bytes > 0)
		__sync_fetch_and_add(&used->write_bytes, bytes);
	return 0;
}
