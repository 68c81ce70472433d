/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A variable whose type is not known here: no kernel has one of this type. */
#include "types.h"

char LICENSE[] SEC("license") = "GPL";

struct rq;
extern const struct rq runqueues __ksym;

SEC("raw_tp/forward")
long forward(void *ctx)
{
	return (long)bpf_per_cpu_ptr(&runqueues, 0);
}
