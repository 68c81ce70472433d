// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What an object can describe besides programs and maps: tables of functions, variables in an arena, callbacks for exceptions. */
#include "types.h"

char LICENSE[] SEC("license") = "GPL";

#define MAP_TYPE_ARENA 33
#define __arena __attribute__((address_space(1)))

struct {
	__uint(type, MAP_TYPE_ARENA);
	__uint(map_flags, 1024); /* BPF_F_MMAPABLE */
	__uint(max_entries, 10);
} arena SEC(".maps");

__u64 __arena shared = 3;
int __arena table[4] = { 1, 2, 3, 4 };

/* A part of the kernel's struct, and a function that kernels do not have. */
struct tcp_congestion_ops {
	void (*init)(void *sk);
	__u32 flags;
	__u32 (*ssthresh)(void *sk);
	void (*of_no_kernel)(void);
	char name[16];
};

SEC("struct_ops/ssthresh")
__u32 ssthresh(void *ctx)
{
	return 2;
}

SEC("struct_ops")
int init(void *ctx)
{
	return 0;
}

SEC(".struct_ops")
struct tcp_congestion_ops plain = {
	.ssthresh = (void *)ssthresh,
	.flags = 2,
	.name = "plain",
};

SEC(".struct_ops.link")
struct tcp_congestion_ops linked = {
	.init = (void *)init,
	.ssthresh = (void *)ssthresh,
	.name = "linked",
};

SEC("?.struct_ops.link")
struct tcp_congestion_ops asked_for = {
	.name = "asked_for",
};

extern void bpf_throw(__u64 cookie) __ksym;

static __noinline int twice(int x)
{
	return x * 2;
}

__noinline int caught(__u64 cookie)
{
	return twice(cookie) + 1;
}

__attribute__((btf_decl_tag("exception_callback:caught")))
SEC("tc")
int throws(void *ctx)
{
	if (!ctx)
		bpf_throw(1);
	return twice(5);
}

SEC("syscall")
int reads(void *ctx)
{
	return table[2] + shared;
}
