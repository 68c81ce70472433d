/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Contexts whose layout never changes, so that nothing about them needs relocating: they are the
 * kernel's promise to user space, or that of the tracefs format files.
 */
#ifndef BTFLY_ABI_H
#define BTFLY_ABI_H

#include "types.h"

/* What a kprobe program on arm64 gets (asm/ptrace.h), and how struct pt_regs begins. */
struct user_pt_regs {
	__u64 regs[31];
	__u64 sp;
	__u64 pc;
	__u64 pstate;
};

/* events/syscalls/sys_enter_NAME/format: each argument takes eight bytes. */
struct sys_enter {
	__u64 common;
	__s64 id;
	__u64 args[6];
};

/* events/syscalls/sys_exit_NAME/format. */
struct sys_exit {
	__u64 common;
	__s64 id;
	__s64 ret;
};

/* What a raw tracepoint program gets: the tracepoint's arguments. */
struct raw_args {
	__u64 args[6];
};

#endif
