/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel types that the programs read, with only the fields that they read. The order and the
 * offsets here mean nothing: the loader puts in those of the running kernel.
 */
#ifndef BTFLY_KERNEL_H
#define BTFLY_KERNEL_H

#include "types.h"
#include <bpf/bpf_core_read.h>

#define CORE __attribute__((preserve_access_index))

/* The user's memory of a process; addresses of its first argument byte and the one after the last. */
struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
	unsigned long env_start;
	unsigned long env_end;
} CORE;

struct task_struct {
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct mm_struct *mm;
	char comm[16];
} CORE;

/* The registers of a task in the kernel, as arm64 saves them. orig_x0 survives the return value. */
struct pt_regs {
	__u64 orig_x0;
} CORE;

#endif
