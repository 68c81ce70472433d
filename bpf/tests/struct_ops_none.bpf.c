// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A table of functions of a kind that no kernel takes. */
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

typedef unsigned int u32;
struct sock;

struct no_such_ops {
	u32 (*ssthresh)(struct sock *sk);
	u32 no_such_setting;
	char name[16];
};

SEC("struct_ops/ssthresh")
u32 ssthresh(__u64 *ctx)
{
	return 2;
}

SEC(".struct_ops")
struct no_such_ops odd = {
	.ssthresh = (void *)ssthresh,
	.no_such_setting = 0,
	.name = "btfly_odd",
};
