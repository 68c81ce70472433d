// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* As map_plain.bpf.c, for maps of maps. */
#include "types.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, 0x61001);
	__uint(max_entries, 0x61004);
	__uint(key_size, sizeof(__u32));
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_ARRAY);
		__uint(max_entries, 3);
		__type(key, __u32);
		__type(value, __u64);
	});
} any SEC(".maps");

SEC("raw_tp/sys_enter")
int nothing(void *ctx)
{
	return 0;
}
