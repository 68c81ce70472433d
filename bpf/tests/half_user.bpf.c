// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One of two halves: it uses the ring, the function and the variables of half_definer.bpf.c.
 * prctl(OPTION, x) gives an event.
 */
#include "half.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

extern struct half_ring halves SEC(".maps");
extern const volatile __u64 half_factor;
extern __u64 half_count;
extern __u64 half_product(__u64 x, __u64 y);

/* Of the same name in the other half, too. */
static volatile __u64 calls = 1000;

SEC("raw_tp/sys_enter")
int half_user(struct raw_args *ctx)
{
	struct user_pt_regs *regs = (void *)ctx->args[0];
	struct half_event event = {};
	__u64 option = 0, x = 0;

	if (ctx->args[1] != NR_PRCTL)
		return 0;
	bpf_probe_read_kernel(&option, sizeof(option), &regs->regs[0]);
	if (option != OPTION)
		return 0;
	bpf_probe_read_kernel(&x, sizeof(x), &regs->regs[1]);
	event.pid = bpf_get_current_pid_tgid() >> 32;
	event.product = half_product(x, half_factor);
	event.count = half_count;
	event.calls = ++calls;
	bpf_perf_event_output(ctx, &halves, BPF_F_CURRENT_CPU, &event, sizeof(event));
	return 0;
}
