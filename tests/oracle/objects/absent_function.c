/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A kernel function that need not be there, and is not. */
#include "types.h"

char LICENSE[] SEC("license") = "GPL";

extern int absent_function(int x) __ksym __weak;

SEC("raw_tp/absent")
int absent(void *ctx)
{
	if (absent_function)
		return absent_function(1);
	return 2;
}
