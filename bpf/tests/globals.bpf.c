// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Globals of every kind of data section, for somebody who reads and sets them while the program runs: it counts
 * calls of prctl(2) by the process `target`.
 */
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define NR_PRCTL 167

const volatile __u32 target = 0;
const volatile __u32 factor SEC(".rodata.fixed") = 2;

__u64 counter = 0;
__u32 enabled = 1;
__u32 step SEC(".data.mine") = 3;
__u8 byte_before SEC(".bss.more");
__u16 calls SEC(".bss.more");

/* Sections of static variables alone are not mapped. */
static volatile __u64 hidden SEC(".data.hidden") = 5;

/* May be made longer: it is the last of its section. */
__u64 table[4] SEC(".data.table");

SEC("raw_tp/sys_enter")
int count(struct raw_args *ctx)
{
	__u64 number = ctx->args[1];

	if (number != NR_PRCTL || bpf_get_current_pid_tgid() >> 32 != target)
		return 0;
	calls++;
	byte_before = 0xaa;
	if (enabled) {
		counter += step * factor;
		hidden++;
		table[calls % 4]++;
	}
	return 0;
}
