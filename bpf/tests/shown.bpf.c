// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is loaded, to be looked at: a name longer than the kernel keeps, maps of several types, a lock. */
#include "abi.h"

char LICENSE[] SEC("license") = "GPL";

#define OPTION 0x6274666c
#define NR_PRCTL 167
#define BPF_MAP_TYPE_PROG_ARRAY 3
#define BPF_MAP_TYPE_PERCPU_HASH 5
#define BPF_MAP_TYPE_PERCPU_ARRAY 6
#define BPF_MAP_TYPE_QUEUE 22

enum mood { CALM, MERRY, CROSS };

struct place {
	__u32 x;
	__s16 y;
};

struct guest {
	__u64 number;
	__s32 balance;
	enum mood mood;
	struct place places[2];
	__u8 low : 3, high : 5;
};

/* As the kernel has it, which looks for it by its name. */
struct bpf_spin_lock {
	__u32 val;
};

struct account {
	struct bpf_spin_lock lock;
	__u32 count;
	__u64 sum;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, struct guest);
} guests SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct place);
} per_cpu SEC(".maps");

/* Of no program's: those that trace may not have a lock. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct account);
} accounts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2);
	__uint(key_size, 6);
	__uint(value_size, 2);
} untyped SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 2);
	__uint(value_size, 4);
} line SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, 4);
	__uint(value_size, 4);
} jumps SEC(".maps");

__u64 seen;

static __noinline __u64 one_more(const __u64 *count)
{
	return (count ? *count : 0) + 1;
}

SEC("raw_tp/sys_enter")
int a_name_longer_than_the_kernel_keeps(struct raw_args *ctx)
{
	struct user_pt_regs *regs = (void *)ctx->args[0];
	__u64 option = 0;
	__u32 key = 0;

	if (ctx->args[1] != NR_PRCTL)
		return 0;
	bpf_probe_read_kernel(&option, sizeof(option), &regs->regs[0]);
	if (option != OPTION)
		return 0;
	seen += one_more(bpf_map_lookup_elem(&counts, &key));
	bpf_printk("shown to %d", (int)bpf_get_current_pid_tgid());
	bpf_map_lookup_elem(&guests, &key);
	bpf_map_lookup_elem(&per_cpu, &key);
	bpf_map_lookup_elem(&untyped, &option);
	bpf_map_pop_elem(&line, &key);
	return 0;
}

SEC("raw_tp/sys_exit")
int target(struct raw_args *ctx)
{
	bpf_tail_call(ctx, &jumps, 0);
	return 0;
}

struct __sk_buff {
	__u32 len;
};

SEC("socket")
int length(struct __sk_buff *packet)
{
	return packet->len;
}
