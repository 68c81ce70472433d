// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The verifier goes some 100,000 instructions along one path before it refuses this. In the log each comes
 * with its source line: that is more than 20 MB on every kernel.
 */
#include "types.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("raw_tp/sys_enter")
int long_way(__u64 *ctx)
{
	volatile __u64 word;

#pragma clang loop unroll(disable)
	for (__u64 i = 0; i < 4000; i++) {
		word = i; /* 00 a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by */
		word = i; /* 01 a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by */
		word = i; /* 02 a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by */
		word = i; /* 03 a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by */
		word = i; /* 04 a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by */
		word = i; /* 05 a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by */
		word = i; /* 06 a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by */
		word = i; /* 07 a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by */
		word = i; /* 08 a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by */
		word = i; /* 09 a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by */
		word = i; /* 10 a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by */
		word = i; /* 11 a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by */
		word = i; /* 12 a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by */
		word = i; /* 13 a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by */
		word = i; /* 14 a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by */
		word = i; /* 15 a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by */
		word = i; /* 16 a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by */
		word = i; /* 17 a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by */
		word = i; /* 18 a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by */
		word = i; /* 19 a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by */
		word = i; /* 20 a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by */
		word = i; /* 21 a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by */
		word = i; /* 22 a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by */
		word = i; /* 23 a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by a long line, as the log repeats each one that it comes by */
	}
	return word + *(__u64 *)ctx[0]; /* follows a number */
}
