// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How often the kernel's file system calls are made, whatever the file system. */
#include "tool.h"
#include "file.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Only calls of this process; 0: of every. */
const volatile __u32 target_pid = 0;

struct calls {
	__u64 read;
	__u64 write;
	__u64 fsync;
	__u64 open;
	__u64 create;
	__u64 unlink;
	__u64 mkdir;
	__u64 rmdir;
};

struct calls calls;

static __always_inline int count(__u64 *call)
{
	if (!target_pid || current_pid() == target_pid)
		__sync_fetch_and_add(call, 1);
	return 0;
}

#define COUNT(name)                         \
	SEC("kprobe/vfs_" #name)            \
	int name##_called(void *ctx)        \
	{                                   \
		return count(&calls.name);  \
	}

COUNT(read)
COUNT(write)
COUNT(create)
COUNT(unlink)
COUNT(mkdir)
COUNT(rmdir)

/* An open that makes a file does not call vfs_create(). */
SEC("kprobe/vfs_open")
int open_called(struct user_pt_regs *ctx)
{
	const struct file *file = (const void *)ctx->regs[1];

	if (bpf_core_field_exists(file->f_mode) && BPF_CORE_READ(file, f_mode) & FMODE_CREATED)
		count(&calls.create);
	return count(&calls.open);
}

/* By the system calls: compilers make one function of the kernel's own, in which there is no place for a probe. */
SEC("tp/syscalls/sys_enter_fsync")
int fsync_called(void *ctx)
{
	return count(&calls.fsync);
}

SEC("tp/syscalls/sys_enter_fdatasync")
int fdatasync_called(void *ctx)
{
	return count(&calls.fsync);
}
