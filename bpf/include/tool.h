/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What tools keep things in, and the words that they are filtered by.
 */
#ifndef BTFLY_TOOL_H
#define BTFLY_TOOL_H

#include "common.h"

/*
 * A hash of this many entries, of which the memory is taken at once: before 6.1 programs that run under the
 * kernel's locks can't take any.
 */
#define HASH(name, entries, key_type, value_type) \
	struct { \
		__uint(type, BPF_MAP_TYPE_HASH); \
		__uint(max_entries, entries); \
		__type(key, key_type); \
		__type(value, value_type); \
	} name SEC(".maps")

/* The same, that forgets what was not used for longest. */
#define LRU_HASH(name, entries, key_type, value_type) \
	struct { \
		__uint(type, BPF_MAP_TYPE_LRU_HASH); \
		__uint(max_entries, entries); \
		__type(key, key_type); \
		__type(value, value_type); \
	} name SEC(".maps")

/* One value for each CPU: for what is too large for the stack (512 bytes). */
#define SCRATCH(name, value_type) \
	struct { \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); \
		__uint(max_entries, 1); \
		__type(key, __u32); \
		__type(value, value_type); \
	} name SEC(".maps")

/* Stacks of the kernel, as deep as people look, for bpf_get_stackid(). */
#define STACK_DEPTH 64
#define STACKS(name, entries) \
	struct { \
		__uint(type, BPF_MAP_TYPE_STACK_TRACE); \
		__uint(max_entries, entries); \
		__uint(key_size, sizeof(__u32)); \
		__uint(value_size, STACK_DEPTH * sizeof(__u64)); \
	} name SEC(".maps")

/* A histogram by powers of two. */
#define SLOTS 26
struct hist {
	__u32 slots[SLOTS];
};

/* Whether a command is the one that is asked for; an empty name is that of all. */
static __always_inline int is_command(const volatile char *wanted)
{
	__u64 comm[2] = {};
	const volatile __u64 *words = (const volatile __u64 *)wanted;

	if (!words[0])
		return 1;
	bpf_get_current_comm(comm, sizeof(comm));
	return comm[0] == words[0] && comm[1] == words[1];
}

#endif
