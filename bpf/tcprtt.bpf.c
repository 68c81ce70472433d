// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How long TCP's packets are on their way and back, as the kernel has it smoothed: a distribution, of all
 * connections or for each address. Its tracepoint comes with each packet of a connection that stands.
 */
#include "tool.h"
#include "records.h"
#include "tcp.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Only of this local and this remote port; 0: of all. */
const volatile __u16 target_sport = 0;
const volatile __u16 target_dport = 0;
/* A distribution for each address: 0 none, 1 local, 2 remote. */
const volatile __u8 by = 0;
/* Microseconds in a unit. */
const volatile __u32 unit_us = 1;

#define BY_LOCAL 1

/* All zero where all are counted together. */
struct address {
	__u8 addr[16];
};

HASH(rtt, 256, struct address, struct hist);

const struct hist no_hist = {};

/* An IPv4 address as IPv6 has it, out of a struct sockaddr. */
static __always_inline void read_address(struct address *to, const __u8 *sockaddr)
{
	__u16 family = 0;

	bpf_probe_read_kernel(&family, sizeof(family), sockaddr);
	if (family == AF_INET) {
		to->addr[10] = to->addr[11] = 0xff;
		bpf_probe_read_kernel(to->addr + 12, 4, sockaddr + 4);
	} else {
		bpf_probe_read_kernel(to->addr, sizeof(to->addr), sockaddr + 8);
	}
}

SEC("tp/tcp/tcp_probe")
int received(struct trace_event_raw_tcp_probe *ctx)
{
	struct address address = {};
	__u32 us = ctx->srtt;
	struct hist *hist;

	if ((target_sport && ctx->sport != target_sport) || (target_dport && ctx->dport != target_dport))
		return 0;
	if (by)
		read_address(&address, by == BY_LOCAL ? ctx->saddr : ctx->daddr);
	bpf_map_update_elem(&rtt, &address, &no_hist, BPF_NOEXIST);
	hist = bpf_map_lookup_elem(&rtt, &address);
	if (hist)
		count_in(hist->slots, SLOTS, us / unit_us);
	return 0;
}
