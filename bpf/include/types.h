/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every program here needs of the kernel's user-space interface, by hand: the objects then
 * depend on no header of the machine that compiles them. The numbers are those of linux/bpf.h.
 */
#ifndef BTFLY_TYPES_H
#define BTFLY_TYPES_H

typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
/* As the kernel has it: 12 bits of major number, 20 of minor. */
typedef __u32 dev_t;

/* Numbers that are shown by name: what a system call answered, a signal, the number of a system call. */
typedef __s32 errno_t;
typedef __u32 signal_t;
typedef __u32 syscall_t;

enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERF_EVENT_ARRAY = 4,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
};

/* Flags of bpf_map_update_elem() and bpf_perf_event_output(). */
#define BPF_ANY 0
#define BPF_NOEXIST 1
#define BPF_F_CURRENT_CPU 0xffffffffULL

#include <bpf/bpf_helpers.h>

#endif
