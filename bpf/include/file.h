/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files as the kernel has them, with the fields that are read. */
#ifndef BTFLY_FILE_H
#define BTFLY_FILE_H

#include "types.h"
#include <bpf/bpf_core_read.h>

#define FILE_CORE __attribute__((preserve_access_index))
#define FILE_LEN 64

/* The kind of file in its mode, and two of them: linux/stat.h. */
#define S_IFMT 0170000
#define S_IFREG 0100000

/* In a file's f_mode, where it was made by being opened: linux/fs.h. */
#define FMODE_CREATED 0x100000

struct qstr {
	const unsigned char *name;
} FILE_CORE;

struct super_block {
	dev_t s_dev;
} FILE_CORE;

struct inode {
	unsigned short i_mode;
	struct super_block *i_sb;
	unsigned long i_ino;
} FILE_CORE;

struct dentry {
	struct qstr d_name;
	struct inode *d_inode;
} FILE_CORE;

struct path {
	struct dentry *dentry;
} FILE_CORE;

struct file {
	unsigned int f_mode;
	struct path f_path;
	struct inode *f_inode;
} FILE_CORE;

static __always_inline void read_name(char name[FILE_LEN], const struct dentry *dentry)
{
	bpf_probe_read_kernel_str(name, FILE_LEN, BPF_CORE_READ(dentry, d_name.name));
}

#endif
