// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A table of functions that is made, and one that is made only where somebody asks for it: no kernel takes it. */
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

typedef unsigned int u32;
struct sock;

struct tcp_congestion_ops {
	u32 (*ssthresh)(struct sock *sk);
	char name[16];
};

SEC("struct_ops/ssthresh")
u32 ssthresh(__u64 *ctx)
{
	return 2;
}

SEC("struct_ops/call")
u32 never_called(__u64 *ctx)
{
	return 0;
}

SEC(".struct_ops")
struct tcp_congestion_ops made = {
	.ssthresh = (void *)ssthresh,
	.name = "btfly_made",
};

struct no_such_ops {
	u32 (*call)(struct sock *sk);
};

SEC("?.struct_ops")
struct no_such_ops never = {
	.call = (void *)never_called,
};
