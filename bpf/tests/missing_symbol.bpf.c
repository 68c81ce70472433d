// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A kprobe on a function that no kernel has. */
#include "types.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("kprobe/no_such_function_anywhere")
int never(void *ctx)
{
	return 0;
}
