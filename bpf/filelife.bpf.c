// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Files that were made and removed while this ran: by whom, and how old they became.
 *
 * An open that makes a file says so in the file's mode. In this way every file system is seen, but not what mknod
 * and network file systems make by themselves.
 */
#include "tool.h"
#include "file.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Only files that this process removes; 0: every. */
const volatile __u32 target_pid = 0;

/* Both of them say that vfs_unlink() has an argument before the others, which tells how users are mapped. */
struct renamedata {
	void *old_mnt_userns;	/* 5.12 to 6.2 */
} FILE_CORE;
struct mnt_idmap {
	int count;	/* since 6.2 */
} FILE_CORE;

struct event {
	__u32 pid;
	char comm[COMM_LEN];
	__u64 age_ns;
	char file[FILE_LEN];
};

/* By directory entry, when a file was made. */
LRU_HASH(births, 4096, const struct dentry *, __u64);

struct removal {
	const struct dentry *dentry;
	struct event event;
};

/* By thread. */
LRU_HASH(removals, 256, __u32, struct removal);

EVENTS(events);

SEC("kprobe/vfs_open")
int opened(struct user_pt_regs *ctx)
{
	const struct path *path = (const void *)ctx->regs[0];
	const struct file *file = (const void *)ctx->regs[1];
	const struct dentry *dentry = BPF_CORE_READ(path, dentry);
	__u64 now = bpf_ktime_get_ns();

	if (BPF_CORE_READ(file, f_mode) & FMODE_CREATED)
		bpf_map_update_elem(&births, &dentry, &now, BPF_ANY);
	return 0;
}

/* The name is gone when the call returns. */
SEC("kprobe/vfs_unlink")
int removed(struct user_pt_regs *ctx)
{
	__u64 second = ctx->regs[1], third = ctx->regs[2], *birth;
	struct removal removal = {};
	__u32 tid = current_tid();

	/* Chosen are values: a choice of places in the registers would be no fixed place. */
	asm volatile("" : "+r"(second), "+r"(third));
	if (bpf_core_field_exists(struct renamedata, old_mnt_userns) || bpf_core_type_exists(struct mnt_idmap))
		removal.dentry = (const void *)third;
	else
		removal.dentry = (const void *)second;
	birth = bpf_map_lookup_elem(&births, &removal.dentry);
	if (!birth)
		return 0;
	removal.event.pid = current_pid();
	if (target_pid && removal.event.pid != target_pid)
		return 0;
	removal.event.age_ns = bpf_ktime_get_ns() - *birth;
	bpf_get_current_comm(removal.event.comm, sizeof(removal.event.comm));
	read_name(removal.event.file, removal.dentry);
	bpf_map_update_elem(&removals, &tid, &removal, BPF_ANY);
	return 0;
}

SEC("kretprobe/vfs_unlink")
int done(struct user_pt_regs *ctx)
{
	__u32 tid = current_tid();
	struct removal *removal = bpf_map_lookup_elem(&removals, &tid);

	if (!removal)
		return 0;
	if (!ctx->regs[0]) {
		bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &removal->event, sizeof(removal->event));
		bpf_map_delete_elem(&births, &removal->dentry);
	}
	bpf_map_delete_elem(&removals, &tid);
	return 0;
}
