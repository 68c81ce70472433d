// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A tracepoint that no kernel has. */
#include "types.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp/no_such_category/no_such_event")
int never(void *ctx)
{
	return 0;
}
