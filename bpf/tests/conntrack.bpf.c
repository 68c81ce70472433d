// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Functions that a module has for programs: nf_conntrack.ko, from Linux 6.1 on. For each UDP packet to
 * PORT a flow of its source port is looked up in the table of connections, entered where it is not in it,
 * and looked up again.
 */
#include "types.h"
#include <bpf/bpf_endian.h>

#define CORE __attribute__((preserve_access_index))

char LICENSE[] SEC("license") = "GPL";

#define PORT 4711
#define IPPROTO_UDP 17
#define XDP_PASS 2
#define IPS_CONFIRMED 8

/* linux/bpf.h. */
struct xdp_md {
	__u32 data;
	__u32 data_end;
};

struct bpf_sock_tuple {
	union {
		struct {
			__be32 saddr;
			__be32 daddr;
			__be16 sport;
			__be16 dport;
		} ipv4;
	};
};

/* Of the module. Later kernels have more behind it, and take this much. */
struct bpf_ct_opts {
	__s32 netns_id;
	__s32 error;
	__u8 l4proto;
	__u8 dir;
	__u8 reserved[2];
};

struct nf_conn {
	unsigned long status;
} CORE;

struct nf_conn___init {
	struct nf_conn ct;
};

extern struct nf_conn *bpf_xdp_ct_lookup(struct xdp_md *ctx, struct bpf_sock_tuple *tuple, __u32 tuple_size,
					 struct bpf_ct_opts *opts, __u32 opts_size) __ksym;
extern struct nf_conn___init *bpf_xdp_ct_alloc(struct xdp_md *ctx, struct bpf_sock_tuple *tuple, __u32 tuple_size,
					       struct bpf_ct_opts *opts, __u32 opts_size) __ksym;
extern struct nf_conn *bpf_ct_insert_entry(struct nf_conn___init *new) __ksym;
extern void bpf_ct_set_timeout(struct nf_conn___init *new, __u32 milliseconds) __ksym;
extern void bpf_ct_release(struct nf_conn *found) __ksym;

struct flow {
	__u32 port;
	__s32 error;	/* of the first lookup */
	__u32 entered;
	__u32 found;
	__u32 status;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} flows SEC(".maps");

/* Keeps the type of the events in the object's BTF. */
const struct flow *flow_of_flows;

SEC("xdp")
int track(struct xdp_md *ctx)
{
	const __u8 *start = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct bpf_ct_opts opts = { .netns_id = -1, .l4proto = IPPROTO_UDP }; /* the device's own */
	struct bpf_sock_tuple tuple = {};
	struct nf_conn___init *new;
	struct flow flow = {};
	struct nf_conn *known;

	/* Ethernet and IP without options, UDP. */
	if (start + 42 > end || start[23] != IPPROTO_UDP || (start[36] << 8 | start[37]) != PORT)
		return XDP_PASS;
	flow.port = start[34] << 8 | start[35];
	tuple.ipv4.saddr = bpf_htonl(0x0a090901);
	tuple.ipv4.daddr = bpf_htonl(0x0a090902);
	tuple.ipv4.sport = bpf_htons(flow.port);
	tuple.ipv4.dport = bpf_htons(PORT);

	known = bpf_xdp_ct_lookup(ctx, &tuple, sizeof(tuple.ipv4), &opts, sizeof(opts));
	if (known) {
		bpf_ct_release(known);
	} else {
		flow.error = opts.error;
		new = bpf_xdp_ct_alloc(ctx, &tuple, sizeof(tuple.ipv4), &opts, sizeof(opts));
		if (new) {
			bpf_ct_set_timeout(new, 60000);
			known = bpf_ct_insert_entry(new);
			if (known) {
				flow.entered = 1;
				bpf_ct_release(known);
			}
		}
	}
	known = bpf_xdp_ct_lookup(ctx, &tuple, sizeof(tuple.ipv4), &opts, sizeof(opts));
	if (known) {
		flow.found = 1;
		flow.status = known->status & IPS_CONFIRMED;
		bpf_ct_release(known);
	}
	bpf_perf_event_output(ctx, &flows, BPF_F_CURRENT_CPU, &flow, sizeof(flow));
	return XDP_PASS;
}
