// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A congestion control for TCP that never grows. Its struct has the members that it needs, in an order of its own,
 * and one that no kernel has.
 */
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

typedef unsigned int u32;
struct sock;

struct tcp_congestion_ops {
	char name[16];
	void (*cong_avoid)(struct sock *sk, u32 ack, u32 acked);
	u32 (*undo_cwnd)(struct sock *sk);
	u32 (*not_in_any_kernel)(struct sock *sk);
	u32 (*ssthresh)(struct sock *sk);
	u32 flags;
};

SEC("struct_ops/ssthresh")
u32 ssthresh(__u64 *ctx)
{
	return 2;
}

SEC("struct_ops/undo_cwnd")
u32 undo_cwnd(__u64 *ctx)
{
	return 2;
}

SEC("struct_ops/cong_avoid")
void cong_avoid(__u64 *ctx)
{
}

SEC(".struct_ops")
struct tcp_congestion_ops still = {
	.ssthresh = (void *)ssthresh,
	.undo_cwnd = (void *)undo_cwnd,
	.cong_avoid = (void *)cong_avoid,
	.name = "btfly_still",
};

/* A second one of the same functions, by another flavour of the struct. */
struct tcp_congestion_ops___small {
	u32 (*ssthresh)(struct sock *sk);
	u32 (*undo_cwnd)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, u32 ack, u32 acked);
	char name[16];
};

SEC(".struct_ops")
struct tcp_congestion_ops___small quiet = {
	.ssthresh = (void *)ssthresh,
	.undo_cwnd = (void *)undo_cwnd,
	.cong_avoid = (void *)cong_avoid,
	.name = "btfly_quiet",
};
