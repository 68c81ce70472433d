// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Maps with initial values: programs to jump to, and a map in a map. */
#include "types.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define MAP_TYPE_PROG_ARRAY 3
#define MAP_TYPE_ARRAY_OF_MAPS 12

int next(void *ctx);

struct {
	__uint(type, MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} jumps SEC(".maps") = {
	.values = { [0] = (void *)&next },
};

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} first SEC(".maps");

struct {
	__uint(type, MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} maps SEC(".maps") = {
	.values = { [1] = &first },
};

SEC("raw_tp/sys_enter")
int next(void *ctx)
{
	__u32 key = 1;
	void *map = bpf_map_lookup_elem(&maps, &key);

	return map != 0;
}

SEC("raw_tp/sys_enter")
int jump(void *ctx)
{
	bpf_tail_call(ctx, &jumps, 0);
	return 0;
}
