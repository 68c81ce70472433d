// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What bpf_get_attach_cookie() tells programs of each kind that can have a cookie. */
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct hit {
	__u32 pid;
	__u64 cookie;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} hits SEC(".maps");

const struct hit *hit_of_hits;

static __always_inline int send(void *ctx)
{
	struct hit hit = {
		.pid = bpf_get_current_pid_tgid() >> 32,
		.cookie = bpf_get_attach_cookie(ctx),
	};

	bpf_perf_event_output(ctx, &hits, BPF_F_CURRENT_CPU, &hit, sizeof(hit));
	return 0;
}

SEC("?kprobe/__arm64_sys_getppid")
int of_kprobe(struct user_pt_regs *ctx)
{
	return send(ctx);
}

SEC("?uprobe//tmp/probed:work")
int of_uprobe(struct user_pt_regs *ctx)
{
	return send(ctx);
}

SEC("?tp/syscalls/sys_enter_getppid")
int of_tracepoint(void *ctx)
{
	return send(ctx);
}

SEC("?kprobe.multi/__arm64_sys_getppid")
int of_kernel(struct user_pt_regs *ctx)
{
	return send(ctx);
}

SEC("?uprobe.multi//tmp/probed:work")
int of_each(struct user_pt_regs *ctx)
{
	return send(ctx);
}

SEC("?perf_event")
int of_sample(void *ctx)
{
	return send(ctx);
}

SEC("?raw_tp/sys_enter")
int of_raw_tracepoint(struct raw_args *ctx)
{
	/* getppid(2) alone: there would be too many. */
	return ctx->args[1] == 173 ? send(ctx) : 0;
}

SEC("?fentry/__arm64_sys_getppid")
int of_fentry(struct raw_args *ctx)
{
	return send(ctx);
}
