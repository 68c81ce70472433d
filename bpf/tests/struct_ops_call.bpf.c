// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A table of functions with a function that no kernel calls. */
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

typedef unsigned int u32;
struct sock;

struct tcp_congestion_ops {
	u32 (*ssthresh)(struct sock *sk);
	u32 (*no_such_call)(struct sock *sk);
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
	.no_such_call = (void *)ssthresh,
	.name = "btfly_odd",
};
