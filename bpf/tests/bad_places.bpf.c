// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Places that can't be had, each to be asked for by the name of its program, and one that can. */
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PROGRAM(name, section) \
	SEC(section) int name(void *ctx) { return 0; }

PROGRAM(no_file, "?uprobe//tmp/no-such-file:work")
PROGRAM(no_elf, "?uprobe//tmp/probed.txt:work")
PROGRAM(no_symbol, "?uprobe//tmp/probed:wrok")
PROGRAM(stripped, "?uprobe//tmp/probed.stripped:work")
PROGRAM(twins, "?uprobe//tmp/probed:twin")
PROGRAM(no_library, "?uprobe/libno_such.so.7:work")
PROGRAM(no_colon, "?uprobe//tmp/probed")
PROGRAM(return_offset, "?uretprobe//tmp/probed:work+4")
PROGRAM(outside, "?uprobe//tmp/probed:0x7fffffff")
PROGRAM(no_match, "?uprobe.multi//tmp/probed:none_*")
PROGRAM(no_kernel_match, "?kprobe.multi/no_such_function_*")
PROGRAM(too_many, "?kprobe.multi/*")
PROGRAM(middle, "?kprobe/vfs_read+2")
PROGRAM(no_function, "?kprobe/no_such_function_anywhere")
PROGRAM(no_tracepoint, "?tp/sched/no_such_tracepoint")
PROGRAM(no_target, "?fentry/no_such_function_anywhere")
PROGRAM(good, "?tp/syscalls/sys_enter_getppid")
