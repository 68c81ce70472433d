// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Functions that nothing in the object calls: the kernel does, for each entry of a map and when a program throws. */
#include "types.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} numbers SEC(".maps");

static __noinline __u64 weighed(__u64 x)
{
	return x * 3 + 1;
}

static long add(void *map, __u32 *key, __u64 *value, __u64 *sum)
{
	*sum += weighed(*value);
	return 0;
}

/* Nothing calls it, and another global function comes before it. */
__noinline int before(int x)
{
	return x + 2;
}

__noinline int caught(__u64 cookie)
{
	return weighed(cookie) & 1;
}

struct pair {
	__u64 a, b;
};

/* By itself this is wrong, for it does not ask whether there is a pair. */
__hidden __noinline __u64 product(struct pair *of)
{
	return of->a * of->b;
}

SEC("tc")
int calls_hidden(void *ctx)
{
	struct pair pair = { weighed(1), 2 };

	return product(&pair) & 1;
}

SEC("tc")
int each_entry(void *ctx)
{
	__u64 sum = 0;

	bpf_for_each_map_elem(&numbers, add, &sum, 0);
	return (sum + weighed(2)) & 1;
}

__attribute__((btf_decl_tag("exception_callback:caught")))
SEC("tc")
int may_throw(void *ctx)
{
	return before(1) & 1;
}
