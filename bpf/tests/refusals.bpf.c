// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Small programs, each of which the verifier refuses for another reason, on every kernel. */
#include "types.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct numbers {
	__u64 number[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct numbers);
} numbers SEC(".maps");

struct {
	__uint(type, 27); /* BPF_MAP_TYPE_RINGBUF */
	__uint(max_entries, 4096);
} ring SEC(".maps");

const volatile __u64 limit = 1;
__u64 sum;

struct raw_tp {
	__u64 args[2];
};

SEC("raw_tp/sys_enter")
int number_as_address(struct raw_tp *ctx)
{
	sum = *(__u64 *)ctx->args[0]; /* follows a number */
	return 0;
}

SEC("raw_tp/sys_enter")
int no_null_check(void *ctx)
{
	__u32 zero = 0;
	struct numbers *found = bpf_map_lookup_elem(&numbers, &zero);

	sum = found->number[0]; /* may be NULL */
	return 0;
}

SEC("raw_tp/sys_enter")
int unbounded_index(struct raw_tp *ctx)
{
	__u32 zero = 0;
	struct numbers *found = bpf_map_lookup_elem(&numbers, &zero);

	if (found)
		sum = found->number[ctx->args[1]]; /* any index */
	return 0;
}

SEC("raw_tp/sys_enter")
int negative_length(struct raw_tp *ctx)
{
	char name[16];
	int length = ctx->args[1];

	if (length < 16)
		bpf_probe_read_kernel(name, length, (void *)ctx->args[0]); /* may be negative */
	return 0;
}

SEC("raw_tp/sys_enter")
int not_a_pointer(struct raw_tp *ctx)
{
	bpf_probe_read_kernel((void *)ctx->args[1], 8, (void *)ctx->args[0]); /* to a number */
	return 0;
}

SEC("raw_tp/sys_enter")
int write_to_const(void *ctx)
{
	__u64 *place = (__u64 *)&limit;

	barrier_var(place);
	*place = 2; /* .rodata */
	return 0;
}

SEC("raw_tp/sys_enter")
int behind_the_context(struct raw_tp *ctx)
{
	sum = ctx->args[20]; /* sys_enter has two */
	return 0;
}

SEC("raw_tp/sys_enter")
int not_given_back(void *ctx)
{
	__u64 *record = bpf_ringbuf_reserve(&ring, 8, 0);

	if (record)
		*record = 1;
	return 0; /* nor submitted */
}

SEC("raw_tp/sys_enter")
int helper_of_another_kind(void *ctx)
{
	bpf_skb_load_bytes(ctx, 0, &sum, 1); /* there is no packet here */
	return 0;
}

static __noinline int half(char c)
{
	char bytes[320];

	bytes[0] = c;
	asm volatile("" ::"r"(bytes) : "memory"); /* all of it may be looked at */
	return bytes[0];
}

SEC("raw_tp/sys_enter")
int too_much_stack(void *ctx)
{
	char bytes[320];

	bytes[0] = 1;
	asm volatile("" ::"r"(bytes) : "memory");
	return half(bytes[0]) & 0; /* 640 bytes */
}

/* Its start, as linux/bpf.h has it. */
struct xdp_md {
	__u32 data;
	__u32 data_end;
};

#define XDP_DROP 1
#define XDP_PASS 2

SEC("xdp")
int packet_too_short(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;

	return data[20] ? XDP_PASS : XDP_DROP; /* no look at data_end */
}

SEC("cgroup_skb/egress")
int bad_return_value(void *ctx)
{
	return 77; /* 0 to 3 */
}

/* What a compiler would not write. */
#define ASM_PROGRAM(name, code)                                                                    \
	SEC("raw_tp/sys_enter") __attribute__((naked)) int name(void *ctx)                         \
	{                                                                                          \
		asm volatile(code "r0 = 0; exit;" ::: "memory");                                   \
	}

ASM_PROGRAM(never_set, "r0 = r6;")
ASM_PROGRAM(off_the_stack, "*(u64 *)(r10 - 520) = r1;")
ASM_PROGRAM(not_aligned, "r1 = 0; *(u64 *)(r10 - 12) = r1;")
ASM_PROGRAM(no_such_helper, "call 9999;")
ASM_PROGRAM(not_reached, "r0 = 0; exit;")
ASM_PROGRAM(without_end, "1: r0 = 0; if r0 != 1 goto 1b;")
ASM_PROGRAM(moved_context, "r2 = *(u64 *)(r1 + 0); r1 += r2; r0 = *(u64 *)(r1 + 0);")
