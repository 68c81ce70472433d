/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Functions of the kernel, which 5.10 and 6.1 do not have. */
#include "types.h"

char LICENSE[] SEC("license") = "GPL";

extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;

static __noinline void unlock(void)
{
	bpf_rcu_read_unlock();
}

SEC("raw_tp/functions")
int functions(void *ctx)
{
	bpf_rcu_read_lock();
	unlock();
	return 0;
}
