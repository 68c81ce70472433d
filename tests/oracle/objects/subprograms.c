/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Functions in the order in which calls are met, each once: in sections of their own, in .text, static, global,
 * weak, called twice, called by each other, and given as addresses.
 */
#include "types.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} numbers SEC(".maps");

static __noinline int leaf(int x)
{
	__u32 key = x;
	__u64 *value = bpf_map_lookup_elem(&numbers, &key);

	return value ? *value : x;
}

static __noinline int not_called_by_first(int x)
{
	return leaf(x) + 7;
}

__noinline int global_one(int x)
{
	return leaf(x) * leaf(x + 1);
}

__weak __noinline int weak_one(int x)
{
	return global_one(x) + leaf(x);
}

__hidden __noinline int hidden_one(int x)
{
	return weak_one(x + 1) - global_one(x);
}

static long each(__u32 index, void *context)
{
	*(long *)context += leaf(index);
	return 0;
}

static long every(void *map, __u32 *key, __u64 *value, void *context)
{
	*(long *)context += *value;
	return 0;
}

SEC("raw_tp/first")
int first(void *ctx)
{
	return global_one(1) + leaf(2) + hidden_one(3);
}

/* Two programs of one section. */
SEC("raw_tp/second")
int second(void *ctx)
{
	return hidden_one(4) + not_called_by_first(5);
}

SEC("raw_tp/second")
int third(void *ctx)
{
	return not_called_by_first(6) + leaf(7);
}

SEC("?raw_tp/not_loaded")
int fourth(void *ctx)
{
	return weak_one(8);
}

SEC("raw_tp/addresses")
int addresses(void *ctx)
{
	long sum = 0;

	bpf_loop(4, each, &sum, 0);
	bpf_for_each_map_elem(&numbers, every, &sum, 0);
	bpf_loop(2, each, &sum, 0);
	return sum + leaf(9);
}


SEC("raw_tp/nothing")
int nothing(void *ctx)
{
	return 0;
}
