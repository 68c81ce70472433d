// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* More instructions than kernels before 5.2 take of anybody, and later ones of users who may not much. */
#include "types.h"

char LICENSE[] SEC("license") = "GPL";

SEC("socket") __attribute__((naked)) int many(void *skb)
{
	asm volatile(".rept 5000; r0 = 0; .endr; exit;");
}
