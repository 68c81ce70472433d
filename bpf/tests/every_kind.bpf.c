// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * BTF of all nineteen kinds, in a program and in the value of a map.
 */
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define TYPE_TAG(name) __attribute__((btf_type_tag(name)))
#define DECL_TAG(name) __attribute__((btf_decl_tag(name)))

struct unknown;
union unknown_union;

enum small { MINUS = -1, ONE = 1 };
enum large { HUGE = 0x1234567890ULL, NONE = 0 };

union either {
	__u32 number;
	char letters[4];
};

struct value {
	enum small small;
	enum large large;
	double real;
	float parts[2];
	union either either;
	unsigned int low : 3;
	unsigned int high : 13;
	struct unknown *unknown;
	union unknown_union *also;
	__u32 TYPE_TAG("user") *user;
	const volatile __u32 *constant;
	int (*function)(int, char *restrict, ...);
	long tagged DECL_TAG("member");
} DECL_TAG("whole");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct value);
} values SEC(".maps");

const volatile __u32 constant = 5;
__u64 seen DECL_TAG("variable");

__noinline int global_function(int x DECL_TAG("argument"))
{
	return x + constant;
}

static __noinline int local_function(struct value *restrict value)
{
	return value->low + global_function(3);
}

SEC("raw_tp/sys_enter")
int every_kind(struct raw_args *ctx)
{
	__u32 key = 0;
	struct value *value = bpf_map_lookup_elem(&values, &key);

	if (value)
		seen += local_function(value);
	return 0;
}
