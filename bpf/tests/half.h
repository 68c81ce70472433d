/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What both halves know.
 */
#include "abi.h"

#define OPTION 0x6274666c
#define NR_PRCTL 167 /* asm-generic/unistd.h */

struct half_event {
	__u32 pid;
	__u64 product;	/* x times the factor, and the definer's calls */
	__u64 count;	/* of calls, by the definer */
	__u64 calls;	/* of the user */
};

struct half_ring {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
};
