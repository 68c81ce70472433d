// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * TCP connections as they are asked for: connect(2) leaves the state CLOSE for SYN_SENT, and that is told in the
 * process that called it. The port of this side is not yet chosen then.
 */
#include "tool.h"
#include "records.h"
#include "tcp.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 target_pid = 0;
const volatile __u32 target_uid = ~0U;
const volatile __u16 target_port = 0;

struct event {
	__u32 pid;
	__u32 uid;
	char comm[16];
	__u8 saddr[16];
	__u8 daddr[16];
	__u16 dport;
};

EVENTS(events);

static __noinline void send(void *ctx, struct event *e)
{
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, e, sizeof(*e));
}

SEC("tp/sock/inet_sock_set_state")
int connects(struct trace_event_raw_inet_sock_set_state *ctx)
{
	struct event e = {};

	if (ctx->oldstate != TCP_CLOSE || ctx->newstate != TCP_SYN_SENT || ctx->protocol != IPPROTO_TCP)
		return 0;
	e.pid = bpf_get_current_pid_tgid() >> 32;
	e.uid = bpf_get_current_uid_gid();
	e.dport = ctx->dport;
	if (target_pid && e.pid != target_pid)
		return 0;
	if (target_uid != ~0U && e.uid != target_uid)
		return 0;
	if (target_port && e.dport != target_port)
		return 0;
	bpf_get_current_comm(e.comm, sizeof(e.comm));
	/* IPv4 is there as it is written in IPv6, too. */
	bpf_probe_read_kernel(e.saddr, sizeof(e.saddr), ctx->saddr_v6);
	bpf_probe_read_kernel(e.daddr, sizeof(e.daddr), ctx->daddr_v6);
	send(ctx, &e);
	return 0;
}
