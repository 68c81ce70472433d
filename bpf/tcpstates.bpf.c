// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How TCP connections go from state to state, and how long they were in each. */
#include "tool.h"
#include "records.h"
#include "tcp.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Only connections of this kind, AF_INET or AF_INET6; 0: of both. */
const volatile __u16 target_family = 0;
/* Only of this local and this remote port; 0: of all. */
const volatile __u16 target_sport = 0;
const volatile __u16 target_dport = 0;

struct event {
	const void *skaddr;
	__u32 pid;
	char comm[COMM_LEN];
	__u8 saddr[16];
	__u8 daddr[16];
	__u16 sport;
	__u16 dport;
	enum tcp_state oldstate;
	enum tcp_state newstate;
	__u64 delta_ns;	/* in the old state; 0 where its beginning was not seen */
};

/* Since when each socket is in its state. */
LRU_HASH(since, 4096, const void *, __u64);

EVENTS(events);

static __noinline int send(void *ctx, struct event *event)
{
	return bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, event, sizeof(*event));
}

SEC("tp/sock/inet_sock_set_state")
int changed(struct trace_event_raw_inet_sock_set_state *ctx)
{
	struct event event = {};
	__u64 now, *before;

	event.sport = ctx->sport;
	event.dport = ctx->dport;
	if (ctx->protocol != IPPROTO_TCP || (target_family && ctx->family != target_family) ||
	    (target_sport && event.sport != target_sport) || (target_dport && event.dport != target_dport))
		return 0;
	event.skaddr = ctx->skaddr;
	event.oldstate = ctx->oldstate;
	event.newstate = ctx->newstate;
	now = bpf_ktime_get_ns();
	before = bpf_map_lookup_elem(&since, &event.skaddr);
	if (before)
		event.delta_ns = now - *before;
	if (event.newstate == TCP_CLOSE)
		bpf_map_delete_elem(&since, &event.skaddr);
	else
		bpf_map_update_elem(&since, &event.skaddr, &now, BPF_ANY);
	event.pid = current_pid();
	bpf_get_current_comm(event.comm, sizeof(event.comm));
	bpf_probe_read_kernel(event.saddr, sizeof(event.saddr), ctx->saddr_v6);
	bpf_probe_read_kernel(event.daddr, sizeof(event.daddr), ctx->daddr_v6);
	send(ctx, &event);
	return 0;
}
