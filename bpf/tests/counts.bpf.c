// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Maps that are looked at while they change: each prctl(OPTION, x) by the process `target` counts in all of them.
 * With FORGET set in x it removes x from `counts` instead; with FILL it puts a thousand numbers there, from x on.
 */
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define OPTION 0x6274666c
#define NR_PRCTL 167 /* asm-generic/unistd.h */
#define FORGET 0x80000000ULL
#define FILL 0x40000000ULL
#define AT_ONCE 1000
#define SLOTS 27
#define BPF_MAP_TYPE_PERCPU_HASH 5
#define BPF_MAP_TYPE_STACK_TRACE 7

const volatile __u32 target = 0;

/* What reached `counts`, and what found it full. */
__u64 counted;
__u64 refused;
/* By x modulo 8. */
__u32 remainders[8];

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct sums {
	__u64 calls;
	__u64 sum;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct sums);
} by_cpu SEC(".maps");

struct named {
	__u32 calls;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, struct named);
} named SEC(".maps");

struct hist {
	__u32 slots[SLOTS];
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct hist);
} hists SEC(".maps");

struct slot_key {
	__u32 parity;
	__u32 slot;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct slot_key);
	__type(value, __u64);
} slotted SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 64);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, 64 * sizeof(__u64));
} stacks SEC(".maps");

struct call {
	__u32 pid;
	__s32 kern_stack_id;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct call);
	__type(value, __u64);
} calls SEC(".maps");

/* From where in the kernel. */
struct place {
	void *function;
	__u64 calls;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct place);
} places SEC(".maps");

/* Nothing that counts. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__uint(value_size, 16);
} texts SEC(".maps");

/* Nor anything that is known. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, 4);
	__uint(value_size, 6);
} bytes SEC(".maps");

static __always_inline void add(void *map, const void *key)
{
	__u64 zero = 0, *value;

	value = bpf_map_lookup_elem(map, key);
	if (!value) {
		bpf_map_update_elem(map, key, &zero, BPF_NOEXIST);
		value = bpf_map_lookup_elem(map, key);
	}
	if (value)
		__sync_fetch_and_add(value, 1);
	if (map == &counts)
		__sync_fetch_and_add(value ? &counted : &refused, 1);
}

static __always_inline __u32 log2(__u64 x)
{
	__u32 slot = 0;
	int i;

#pragma clang loop unroll(full)
	for (i = 5; i >= 0; i--) {
		if (x >> (1 << i)) {
			x >>= 1 << i;
			slot += 1 << i;
		}
	}
	return slot;
}

SEC("raw_tp/sys_enter")
int count(struct raw_args *ctx)
{
	struct user_pt_regs *regs = (void *)ctx->args[0];
	struct sums sums = {}, *of_cpu;
	struct hist *hist, empty = {};
	struct slot_key slot_key = {};
	__u64 option = 0, x = 0, one = 1;
	struct call call = {};
	struct place place = {};
	struct named *named_one;
	char text[16] = "";
	char six[6] = {};
	__u32 key, slot, i;

	if (ctx->args[1] != NR_PRCTL || bpf_get_current_pid_tgid() >> 32 != target)
		return 0;
	bpf_probe_read_kernel(&option, sizeof(option), &regs->regs[0]);
	if (option != OPTION)
		return 0;
	bpf_probe_read_kernel(&x, sizeof(x), &regs->regs[1]);
	if (x & FORGET) {
		key = x & ~FORGET;
		bpf_map_delete_elem(&counts, &key);
		return 0;
	}
	if (x & FILL) {
		for (i = 0; i < AT_ONCE; i++) {
			key = (x & ~FILL) + i;
			bpf_map_update_elem(&counts, &key, &one, BPF_ANY);
		}
		return 0;
	}
	key = x;
	add(&counts, &key);
	__sync_fetch_and_add(&remainders[x & 7], 1);

	key = x & 7;
	of_cpu = bpf_map_lookup_elem(&by_cpu, &key);
	if (!of_cpu) {
		bpf_map_update_elem(&by_cpu, &key, &sums, BPF_NOEXIST);
		of_cpu = bpf_map_lookup_elem(&by_cpu, &key);
	}
	if (of_cpu) {
		of_cpu->calls++;
		of_cpu->sum += x;
	}

	key = 1;
	named_one = bpf_map_lookup_elem(&named, &key);
	if (named_one) {
		named_one->calls++;
		bpf_get_current_comm(named_one->comm, sizeof(named_one->comm));
	}

	slot = log2(x);
	key = x & 1;
	hist = bpf_map_lookup_elem(&hists, &key);
	if (!hist) {
		bpf_map_update_elem(&hists, &key, &empty, BPF_NOEXIST);
		hist = bpf_map_lookup_elem(&hists, &key);
	}
	if (hist && slot < SLOTS) {
		__sync_fetch_and_add(&hist->slots[slot], 1);
		bpf_get_current_comm(hist->comm, sizeof(hist->comm));
	}
	slot_key.parity = x & 1;
	slot_key.slot = slot;
	add(&slotted, &slot_key);

	call.pid = target;
	call.kern_stack_id = bpf_get_stackid(ctx, &stacks, 0);
	bpf_get_current_comm(call.comm, sizeof(call.comm));
	add(&calls, &call);

	place.calls = 1;
	bpf_get_stack(ctx, &place.function, sizeof(place.function), 0);
	key = 0;
	bpf_map_update_elem(&places, &key, &place, BPF_ANY);

	key = x & 7;
	bpf_get_current_comm(text, sizeof(text));
	bpf_map_update_elem(&texts, &key, text, BPF_ANY);
	key = 1;
	six[0] = 0xab;
	bpf_map_update_elem(&bytes, &key, six, BPF_ANY);
	return 0;
}
