// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Global functions that are handed the context of programs of several kinds, and say so only by a tag. The
 * verifier looks at each of them by itself, once for each program.
 */
#include "abi.h"

char LICENSE[] SEC("license") = "GPL";

#define OPTION 0x6274666c

/* Of newer headers of libbpf's. */
#ifndef __arg_ctx
#define __arg_ctx __attribute__((btf_decl_tag("arg:ctx")))
#endif

enum { PROBE, REGS, RAW, TRACEPOINT, TYPED, PACKET };

struct xdp_md {
	__u32 data;
	__u32 data_end;
};

struct seen {
	__u32 what;
	__u32 number;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} seens SEC(".maps");

/* Keeps the type of the events in the object's BTF. */
const struct seen *seen_of_seens;

/* Of every kind of program: only a context may be handed on to the helper. */
__noinline int tell(__u32 what, void *ctx __arg_ctx, __u32 number)
{
	struct seen seen = { .what = what, .number = number };

	return bpf_perf_event_output(ctx, &seens, BPF_F_CURRENT_CPU, &seen, sizeof(seen));
}

/* Of probes alone. */
__noinline int first_argument(struct user_pt_regs *ctx __arg_ctx)
{
	return ctx->regs[0];
}

/* What calls it has the context from somebody else. */
__noinline int tell_twice(void *ctx __arg_ctx, __u32 number)
{
	return tell(REGS, ctx, number) + tell(PROBE, ctx, number);
}

SEC("kprobe/__arm64_sys_prctl")
int probe(struct user_pt_regs *ctx)
{
	struct user_pt_regs *args = (void *)(long)ctx->regs[0];
	__u64 option = 0, number = 0;

	bpf_probe_read_kernel(&option, sizeof(option), &args->regs[0]);
	bpf_probe_read_kernel(&number, sizeof(number), &args->regs[1]);
	if (option == OPTION && first_argument(ctx))
		tell_twice(ctx, number);
	return 0;
}

SEC("raw_tp/sys_enter")
int raw(struct raw_args *ctx)
{
	const struct user_pt_regs *args = (void *)(long)ctx->args[0];
	__u64 option = 0, number = 0;

	bpf_probe_read_kernel(&option, sizeof(option), &args->regs[0]);
	bpf_probe_read_kernel(&number, sizeof(number), &args->regs[1]);
	if (option == OPTION)
		tell(RAW, ctx, number);
	return 0;
}

/* A kind whose context has no name. */
SEC("tp/syscalls/sys_enter_prctl")
int tracepoint(struct sys_enter *ctx)
{
	if (ctx->args[0] == OPTION)
		tell(TRACEPOINT, ctx, ctx->args[1]);
	return 0;
}

/* And another. */
SEC("tp_btf/sys_enter")
int typed(__u64 *ctx)
{
	const struct user_pt_regs *args = (void *)(long)ctx[0];
	__u64 option = 0, number = 0;

	bpf_probe_read_kernel(&option, sizeof(option), &args->regs[0]);
	bpf_probe_read_kernel(&number, sizeof(number), &args->regs[1]);
	if (option == OPTION)
		tell(TYPED, ctx, number);
	return 0;
}

SEC("?xdp")
int packet(struct xdp_md *ctx)
{
	tell(PACKET, ctx, 1);
	return 2; /* XDP_PASS */
}
