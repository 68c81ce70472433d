// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The verifier refuses this on every kernel: it reads behind the end of a map's value. */
#include "types.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct numbers {
	__u64 number[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct numbers);
} numbers SEC(".maps");

int sum;

SEC("raw_tp/sys_enter")
int read_behind_the_end(void *ctx)
{
	__u32 zero = 0;
	__u64 *first = bpf_map_lookup_elem(&numbers, &zero);

	if (!first)
		return 0;
	sum = first[40]; /* behind the end */
	return 0;
}
