// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * TCP connections that ended: whose, between whom, how long they lived, and how much went either way.
 *
 * The tracepoint of a change of state knows no process where a packet caused it. Who connects and who
 * closes is known.
 */
#include "tool.h"
#include "records.h"
#include "tcp.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Only connections of this process, of this kind (AF_INET or AF_INET6), and of these ports; 0: of all. */
const volatile __u32 target_pid = 0;
const volatile __u16 target_family = 0;
const volatile __u16 target_sport = 0;
const volatile __u16 target_dport = 0;

struct tcp_sock {
	__u64 bytes_received;
	__u64 bytes_acked;
} RECORD;

struct event {
	__u32 pid;
	char comm[COMM_LEN];
	__u8 saddr[16];
	__u16 sport;
	__u16 dport;
	__u8 daddr[16];
	__u32 :32;
	__u64 span_ns;
	/* Not sent where kernel types are not known. */
	__u64 tx_bytes;
	__u64 rx_bytes;
};

struct life {
	__u64 since;
	__u32 pid;
	char comm[COMM_LEN];
};

/* By socket. */
LRU_HASH(lives, 4096, const void *, struct life);

EVENTS(events);

static __noinline int send(void *ctx, struct event *event, const struct tcp_sock *sock)
{
	if (!bpf_core_field_exists(sock->bytes_acked))
		return bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, event,
					     __builtin_offsetof(struct event, tx_bytes));
	event->tx_bytes = BPF_CORE_READ(sock, bytes_acked);
	event->rx_bytes = BPF_CORE_READ(sock, bytes_received);
	return bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, event, sizeof(*event));
}

SEC("tp/sock/inet_sock_set_state")
int changed(struct trace_event_raw_inet_sock_set_state *ctx)
{
	const void *sock = ctx->skaddr;
	struct life first = {}, *life;
	struct event event = {};
	int state = ctx->newstate;

	event.sport = ctx->sport;
	event.dport = ctx->dport;
	if (ctx->protocol != IPPROTO_TCP || (target_family && ctx->family != target_family) ||
	    (target_sport && event.sport != target_sport) || (target_dport && event.dport != target_dport))
		return 0;

	life = bpf_map_lookup_elem(&lives, &sock);
	if (state < TCP_FIN_WAIT1) {
		if (!life) {
			bpf_map_update_elem(&lives, &sock, &first, BPF_ANY);
			life = bpf_map_lookup_elem(&lives, &sock);
		}
		if (life)
			life->since = bpf_ktime_get_ns();
	}
	if (!life)
		return 0;
	/* These three are what a process does. */
	if (!life->pid && (state == TCP_SYN_SENT || state == TCP_FIN_WAIT1 || state == TCP_LAST_ACK)) {
		life->pid = current_pid();
		bpf_get_current_comm(life->comm, sizeof(life->comm));
	}
	if (state != TCP_CLOSE)
		return 0;

	event.span_ns = bpf_ktime_get_ns() - life->since;
	event.pid = life->pid;
	__builtin_memcpy(event.comm, life->comm, sizeof(event.comm));
	bpf_map_delete_elem(&lives, &sock);
	if (target_pid && event.pid != target_pid)
		return 0;
	bpf_probe_read_kernel(event.saddr, sizeof(event.saddr), ctx->saddr_v6);
	bpf_probe_read_kernel(event.daddr, sizeof(event.daddr), ctx->daddr_v6);
	send(ctx, &event, sock);
	return 0;
}
