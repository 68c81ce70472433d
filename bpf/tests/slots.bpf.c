// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Maps with initial slots: a jump through a program array counts, in a map that is found through a map of maps,
 * calls of prctl(2) by the process `target`.
 */
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define NR_PRCTL 167
#define MAP_TYPE_PROG_ARRAY 3
#define MAP_TYPE_ARRAY_OF_MAPS 12
#define MAP_TYPE_HASH_OF_MAPS 13

const volatile __u32 target = 0;

int next(struct raw_args *ctx);

struct {
	__uint(type, MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 5);
	__uint(key_size, sizeof(__u32));
	__array(values, int(struct raw_args *));
} jumps SEC(".maps") = {
	.values = { [3] = &next },
};

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
};

extern struct inner second SEC(".maps");

/* Filled with maps that come after it, too. */
struct {
	__uint(type, MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 3);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = {
	.values = { [1] = (void *)&second },
};

struct inner first SEC(".maps");
struct inner second SEC(".maps");

struct {
	__uint(type, MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 3);
	__type(key, __u32);
	__array(values, struct inner);
} by_hash SEC(".maps") = {
	.values = { [0] = (void *)&first, [2] = (void *)&second },
};

static __always_inline void count(void *outer, __u32 key, __u64 add)
{
	__u32 zero = 0;
	__u64 *value;
	void *inner;

	inner = bpf_map_lookup_elem(outer, &key);
	if (!inner)
		return;
	value = bpf_map_lookup_elem(inner, &zero);
	if (value)
		__sync_fetch_and_add(value, add);
}

SEC("raw_tp/sys_enter")
int jump(struct raw_args *ctx)
{
	if (ctx->args[1] == NR_PRCTL && bpf_get_current_pid_tgid() >> 32 == target) {
		count(&by_hash, 0, 100);
		bpf_tail_call(ctx, &jumps, 3);
		/* Nothing is in that slot. */
		count(&by_hash, 0, 1);
	}
	return 0;
}

SEC("raw_tp")
int next(struct raw_args *ctx)
{
	count(&outer, 1, 1000);
	count(&by_hash, 2, 1);
	return 0;
}
