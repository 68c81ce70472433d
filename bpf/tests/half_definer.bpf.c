// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The other half of half_user.bpf.c.
 */
#include "half.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct half_ring halves SEC(".maps");

const volatile __u64 half_factor = 6;
__u64 half_count;

static volatile __u64 calls = 2000;

const struct half_event *half_event_of_halves;

__noinline __u64 half_product(__u64 x, __u64 y)
{
	half_count++;
	return x * y + ++calls;
}
