// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The verifier refuses this for the licence it states: the helper is for programs under the GPL. */
#include "types.h"

char LICENSE[] SEC("license") = "Proprietary";

SEC("raw_tp/sys_enter")
int helper_under_gpl(void *ctx)
{
	__u64 word;

	return bpf_probe_read_kernel(&word, sizeof(word), ctx) & 0;
}
