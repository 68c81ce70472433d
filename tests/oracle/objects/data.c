/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Global variables in every kind of data section, and places in the midst of them. */
#include "types.h"

char LICENSE[] SEC("license") = "GPL";

const volatile int option = 5;
const volatile char words[3][8] = { "one", "two", "three" };
int initialised = 7;
static volatile long hidden = 9;
int zero;
static volatile long zeros[16];
const volatile int of_its_own SEC(".rodata.own") = 3;
int data_of_its_own SEC(".data.own") = 4;
int zero_of_its_own SEC(".bss.own");

struct pair {
	int a, b;
};
struct pair pairs[4] = { { 1, 2 }, { 3, 4 } };

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct pair);
} table SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} inner SEC(".maps");

struct {
	__uint(type, 12); /* array of maps */
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = { .values = { &inner } };

SEC("raw_tp/data")
int data(void *ctx)
{
	__u32 key = option;
	struct pair *found = bpf_map_lookup_elem(&table, &key);
	void *map = bpf_map_lookup_elem(&outer, &key);

	if (found)
		pairs[2] = *found;
	if (map)
		bpf_map_update_elem(map, &key, &key, BPF_ANY);
	hidden += words[1][key & 7] + pairs[1].b;
	zeros[3] = initialised++;
	zero = of_its_own;
	data_of_its_own += zero_of_its_own++;
	bpf_printk("format %d and %s", key, words[2]);
	return hidden + zeros[key & 15];
}

static __noinline int reads_data(int x)
{
	return pairs[x & 3].a + zero;
}

SEC("raw_tp/more")
int more(void *ctx)
{
	char text[] = "a string of its own, that is copied";

	bpf_map_delete_elem(&table, text);
	return reads_data(option);
}
