/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maps that are filled at the start, callbacks that call others, strings and constants in
 * sections of the compiler's choice.
 */
#include "types.h"

char LICENSE[] SEC("license") = "GPL";

#define MAP_TYPE_PROG_ARRAY 3
#define MAP_TYPE_ARRAY_OF_MAPS 12
#define MAP_TYPE_HASH_OF_MAPS 13

int jumps_to(void *ctx);

struct {
	__uint(type, MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} jumps SEC(".maps") = {
	.values = { [1] = (void *)&jumps_to, [3] = (void *)&jumps_to },
};

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} one SEC(".maps"), two SEC(".maps");

struct {
	__uint(type, MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 3);
	__type(key, __u32);
	__array(values, struct inner);
} array SEC(".maps") = { .values = { [0] = &two, [2] = &one } };

struct {
	__uint(type, MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, __u32);
	__array(values, struct inner);
} hash SEC(".maps") = { .values = { [5] = &one } };

static const char *const words[] = { "a string", "another", "a third" };
static volatile const double constant_of_eight = 1.5;

static __noinline int inner_leaf(int x)
{
	return x * 7;
}

static __noinline long walks(void *map, __u32 *key, __u64 *value, void *context)
{
	*(long *)context += inner_leaf(*value);
	return 0;
}

__noinline int really(int x)
{
	return inner_leaf(x) + 1;
}

SEC("raw_tp/a")
int jumps_to(void *ctx)
{
	long sum = 0;
	__u32 key = 2;
	void *map = bpf_map_lookup_elem(&array, &key);

	bpf_for_each_map_elem(&one, walks, &sum, 0);
	if (!map)
		map = bpf_map_lookup_elem(&hash, &key);
	return sum + (map != 0);
}

SEC("raw_tp/b")
int jumps_from(void *ctx)
{
	__u64 bits = *(volatile const __u64 *)&constant_of_eight;
	char text[9];

	__builtin_memcpy(text, words[0], sizeof(text));
	bpf_printk("%s", text);
	bpf_tail_call(ctx, &jumps, 3);
	return really(1) + inner_leaf(2) + bits;
}
