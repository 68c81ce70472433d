// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* An arena with globals: calls of prctl(2) by the process `target`, counted on from what is there. */
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define NR_PRCTL 167
#define MAP_TYPE_ARENA 33
#define BPF_F_MMAPABLE (1 << 10)
#define __arena __attribute__((address_space(1)))

const volatile __u32 target = 0;

struct {
	__uint(type, MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 100);
	__uint(map_extra, 0x10000000);
} arena SEC(".maps");

__u64 __arena shared = 1000;
__u32 __arena far[5000] = { [4999] = 7 };

SEC("raw_tp/sys_enter")
int count(struct raw_args *ctx)
{
	/* The verifier knows the arena of a program by an instruction that names it. */
	void *named = &arena;

	asm volatile("" : "+r"(named));
	if (ctx->args[1] != NR_PRCTL || bpf_get_current_pid_tgid() >> 32 != target)
		return 0;
	shared++;
	far[4999] += 2;
	return 0;
}
