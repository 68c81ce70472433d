// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* As map_plain.bpf.c, for maps that must say the types of their keys and values. */
#include "types.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, 0x61001);
	__uint(max_entries, 0x61004);
	__uint(map_flags, 0x61005);
	__type(key, int);
	__type(value, __u64);
} any SEC(".maps");

SEC("raw_tp/sys_enter")
int nothing(void *ctx)
{
	return 0;
}
