/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What many tools have in common: the ring of their events, distributions, and the file types and errors of the ABI. */
#ifndef BTFLY_COMMON_H
#define BTFLY_COMMON_H

#include "abi.h"

#define BPF_MAP_TYPE_STACK_TRACE 7

/* Rings that every kernel has. */
#define EVENTS(name)                                                                                   \
	struct {                                                                                       \
		__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);                                           \
		__uint(key_size, sizeof(__u32));                                                       \
		__uint(value_size, sizeof(__u32));                                                     \
	} name SEC(".maps")

#define COMM_LEN 16

/* The process and the thread of the current task. */
static __always_inline __u32 current_pid(void)
{
	return bpf_get_current_pid_tgid() >> 32;
}

static __always_inline __u32 current_tid(void)
{
	return bpf_get_current_pid_tgid();
}

/*
 * The power of two that a number begins with. Unrolled: kernels before 5.3 take no loops. Without branches: the
 * verifier would walk what follows for each way through all six.
 */
static __always_inline __u32 log2_of(__u64 value)
{
	__u64 power = 0;

#pragma clang loop unroll(full)
	for (__u32 bit = 6; bit--;) {
		__u64 high = value >> (1 << bit), step;

		/* What is not 0 has its sign when it is negated. Kept apart, or it is compared after all. */
		asm volatile("" : "+r"(high));
		step = -high >> 63 << bit;
		value >>= step;
		power += step;
	}
	return power;
}

/* Adds one to what is in an array of slots by powers of two; the last takes all that is larger. */
static __always_inline void count_in(__u32 *slots, __u32 len, __u64 value)
{
	__u32 slot = log2_of(value);

	if (slot >= len)
		slot = len - 1;
	__sync_fetch_and_add(&slots[slot], 1);
}

#endif
