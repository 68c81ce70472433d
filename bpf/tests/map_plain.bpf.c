// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A map of which tests make one of any type: they write other numbers over these, each of which is
 * in the object only once.
 */
#include "types.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, 0x61001);
	__uint(key_size, 0x61002);
	__uint(value_size, 0x61003);
	__uint(max_entries, 0x61004);
	__uint(map_flags, 0x61005);
	__uint(map_extra, 0x61006);
} any SEC(".maps");

SEC("raw_tp/sys_enter")
int nothing(void *ctx)
{
	return 0;
}
