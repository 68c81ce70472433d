// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which files are read and written most, and by whom. */
#include "tool.h"
#include "file.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Only files of this process; 0: of every. */
const volatile __u32 target_pid = 0;
/* Also what is no regular file: pipes, sockets, devices. */
const volatile __u8 all_files = 0;

struct inode___sized {
	__s64 i_size;
} FILE_CORE;

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

HASH(files, 2048, struct use, struct used);

/*
 * Of a read, no more than the file has behind its place; what has no size, as files of the kernel's own, gives what
 * it is asked for. Nothing waits for the end of a call: who sleeps in one, reading a pipe, would keep one of the few
 * places that the kernel has for that, and the reads of all others would be missed.
 */
static __noinline int count(struct user_pt_regs *ctx, int writes)
{
	const struct file *file = (const void *)ctx->regs[0];
	const struct inode *inode = BPF_CORE_READ(file, f_inode);
	unsigned short kind = BPF_CORE_READ(inode, i_mode) & S_IFMT;
	__u64 bytes = ctx->regs[2], left = 0;
	struct used first = {}, *used;
	struct use use = {};

	use.pid = current_pid();
	if ((target_pid && use.pid != target_pid) || (!all_files && kind != S_IFREG))
		return 0;
	if (!writes && kind == S_IFREG) {
		__u64 size = BPF_CORE_READ((const struct inode___sized *)inode, i_size), at = 0;

		bpf_probe_read_kernel(&at, sizeof(at), (const void *)ctx->regs[3]);
		if (at < size)
			left = size - at;
		if (size && bytes > left)
			bytes = left;
	}
	use.dev = BPF_CORE_READ(inode, i_sb, s_dev);
	use.inode = BPF_CORE_READ(inode, i_ino);
	used = bpf_map_lookup_elem(&files, &use);
	if (!used) {
		bpf_get_current_comm(first.comm, sizeof(first.comm));
		read_name(first.file, BPF_CORE_READ(file, f_path.dentry));
		bpf_map_update_elem(&files, &use, &first, BPF_NOEXIST);
		used = bpf_map_lookup_elem(&files, &use);
		if (!used)
			return 0;
	}
	if (writes) {
		__sync_fetch_and_add(&used->writes, 1);
		__sync_fetch_and_add(&used->write_bytes, bytes);
	} else {
		__sync_fetch_and_add(&used->reads, 1);
		__sync_fetch_and_add(&used->read_bytes, bytes);
	}
	return 0;
}

/* (file, buffer, count, place) */
SEC("kprobe/vfs_read")
int read_called(struct user_pt_regs *ctx)
{
	return count(ctx, 0);
}

SEC("kprobe/vfs_write")
int write_called(struct user_pt_regs *ctx)
{
	return count(ctx, 1);
}
