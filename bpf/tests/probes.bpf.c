// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Programs at places of user space, at many kernel functions, and by perf events, each to be asked for
 * by its name. /tmp/probed is made by the tests; it calls work(7) and work_more(8).
 */
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The number of a program is its place in this file. */
struct hit {
	__u32 program;
	__u32 pid;
	__u64 value;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} hits SEC(".maps");

const struct hit *hit_of_hits;

static __always_inline int send(void *ctx, __u32 program, __u64 value)
{
	struct hit hit = {
		.program = program,
		.pid = bpf_get_current_pid_tgid() >> 32,
		.value = value,
	};

	bpf_perf_event_output(ctx, &hits, BPF_F_CURRENT_CPU, &hit, sizeof(hit));
	return 0;
}

SEC("?uprobe//tmp/probed:work")
int on_work(struct user_pt_regs *ctx)
{
	return send(ctx, 1, ctx->regs[0]);
}

SEC("?uretprobe//tmp/probed:work")
int on_return(struct user_pt_regs *ctx)
{
	return send(ctx, 2, ctx->regs[0]);
}

/* Behind the first instruction, which adds one. */
SEC("?uprobe//tmp/probed:work+4")
int on_second_insn(struct user_pt_regs *ctx)
{
	return send(ctx, 3, ctx->regs[0]);
}

/* Where work_more() is in the file. */
SEC("?uprobe//tmp/probed:0xb4")
int on_byte(struct user_pt_regs *ctx)
{
	return send(ctx, 4, ctx->regs[0]);
}

/* Found in the folders of PATH. */
SEC("?uprobe/probed:work")
int on_name(struct user_pt_regs *ctx)
{
	return send(ctx, 5, ctx->regs[0]);
}

SEC("?uprobe.multi//tmp/probed:work*")
int on_each(struct user_pt_regs *ctx)
{
	return send(ctx, 6, ctx->regs[0]);
}

SEC("?uretprobe.multi//tmp/probed:work*")
int on_each_return(struct user_pt_regs *ctx)
{
	return send(ctx, 7, ctx->regs[0]);
}

SEC("?uprobe.session//tmp/probed:work")
int on_both(struct user_pt_regs *ctx)
{
	return send(ctx, 8, ctx->regs[0]);
}

SEC("?kprobe.multi/__arm64_sys_getp*id")
int on_kernel(struct user_pt_regs *ctx)
{
	return send(ctx, 9, 0);
}

SEC("?kretprobe.multi/__arm64_sys_getp*id")
int on_kernel_return(struct user_pt_regs *ctx)
{
	return send(ctx, 10, ctx->regs[0]);
}

SEC("?kprobe.session/__arm64_sys_getp*id")
int on_kernel_both(struct user_pt_regs *ctx)
{
	return send(ctx, 11, 0);
}

SEC("?perf_event")
int on_sample(void *ctx)
{
	return send(ctx, 12, 0);
}

/* A name without a pattern in it. */
SEC("?kretprobe.multi/__arm64_sys_getppid")
int on_one(struct user_pt_regs *ctx)
{
	return send(ctx, 13, ctx->regs[0]);
}
