// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A table of functions with a number that has another size in every kernel. */
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

typedef unsigned int u32;
struct sock;

struct tcp_congestion_ops {
	u32 (*ssthresh)(struct sock *sk);
	__u64 flags;
	char name[16];
};

SEC("struct_ops/ssthresh")
u32 ssthresh(__u64 *ctx)
{
	return 2;
}

SEC(".struct_ops")
struct tcp_congestion_ops odd = {
	.ssthresh = (void *)ssthresh,
	.flags = 1,
	.name = "btfly_odd",
};
