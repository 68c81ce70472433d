// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A kind of program that does not exist. */
#include "types.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("no_such_kind/x")
int never(void *ctx)
{
	return 0;
}
