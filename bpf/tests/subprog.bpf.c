// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Calls between functions, static and global, two levels deep; globals in .rodata, .data and
 * .bss; two programs in one section. prctl(OPTION, x) gives two events, one of each program.
 */
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define OPTION 0x6274666c
#define NR_PRCTL 167 /* asm-generic/unistd.h */

struct result {
	__u32 program;
	__u32 pid;
	__u64 x;
	__u64 tripled;	/* by a global function */
	__u64 mixed;	/* by two static functions: (3x + factor) * 2 + step */
	__u64 total;	/* of x over all events so far: .bss */
	char greeting[8];
};

const volatile __u64 factor = 7;	/* .rodata */
__u64 step = 100;			/* .data */
char greeting[8] = "moin";		/* .data */
__u64 total;				/* .bss */

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} results SEC(".maps");

const struct result *result_of_results;

__noinline int triple(int x)
{
	return x * 3;
}

static __noinline __u64 add_factor(__u64 x)
{
	return triple(x) + factor;
}

static __noinline __u64 mix(__u64 x)
{
	return add_factor(x) * 2 + step;
}

static __always_inline int report(struct raw_args *ctx, __u32 program)
{
	struct user_pt_regs *regs = (void *)ctx->args[0];
	struct result result = { .program = program };
	__u64 option = 0;

	if (ctx->args[1] != NR_PRCTL)
		return 0;
	bpf_probe_read_kernel(&option, sizeof(option), &regs->regs[0]);
	if (option != OPTION)
		return 0;
	bpf_probe_read_kernel(&result.x, sizeof(result.x), &regs->regs[1]);
	result.pid = bpf_get_current_pid_tgid() >> 32;
	result.tripled = triple(result.x);
	result.mixed = mix(result.x);
	__sync_fetch_and_add(&total, result.x);
	result.total = total;
	bpf_probe_read_kernel_str(result.greeting, sizeof(result.greeting), greeting);
	bpf_perf_event_output(ctx, &results, BPF_F_CURRENT_CPU, &result, sizeof(result));
	return 0;
}

SEC("raw_tp/sys_enter")
int first(struct raw_args *ctx)
{
	return report(ctx, 1);
}

SEC("raw_tp/sys_enter")
int second(struct raw_args *ctx)
{
	return report(ctx, 2);
}
