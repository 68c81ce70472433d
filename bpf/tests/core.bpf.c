// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Each kind of CO-RE relocation against types that every kernel has, in the forms that compilers make
 * of them: arithmetic, loads and stores, sixteen-byte constants; present and missing. What comes out is
 * compared with other loaders, slot by slot, so the numbers need no meaning.
 */
#include "kernel.h"
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define OPTION 0x6274666c

/* Bits, a field in a union without a name, one in an inner struct, arrays of structs. */
struct list_head___few {
	struct list_head___few *prev;
} CORE;

struct sched_entity___few {
	struct list_head___few group_node;
	__u64 vruntime;
} CORE;

struct task_struct___few {
	unsigned int sched_reset_on_fork : 1;
	unsigned int in_execve : 1;
	unsigned int no_such_bit : 3;
	int static_prio;
	int exit_code;
	struct sched_entity___few se;
	char comm[16];
	long state;
	unsigned int __state;
	void *no_such_pointer;
} CORE;

struct sk_buff___few {
	__u8 pkt_type : 3;
	__u8 ip_summed : 2;
	__u8 cb[48];
	__u32 len;
} CORE;

struct trace_event_raw_sys_enter {
	long id;
	unsigned long args[6];
} CORE;

/* Another width than the kernel's: loads are adjusted where both have no sign, and poisoned else. */
struct trace_event_raw_sys_exit___narrow {
	int id;
	int ret;
} CORE;

struct bpf_perf_event_data_kern___wide {
	void *regs;
} CORE;

struct task_struct___wide {
	__u64 flags;
	__u64 static_prio;
} CORE;

enum bpf_map_type___few {
	BPF_MAP_TYPE_HASH___few = 1,
	BPF_MAP_TYPE_RINGBUF___few = 1000,
	BPF_MAP_TYPE_NO_SUCH___few = 7,
};

enum hrtimer_restart___few {
	HRTIMER_RESTART___few = 5,
};

enum no_such_enum {
	NO_SUCH_VALUE = 3,
};

struct no_such_type {
	int x;
} CORE;

union no_such_union {
	int x;
} CORE;

/* As the kernel has it, member by member; and not so. */
struct hlist_node {
	struct hlist_node *next, **pprev;
} CORE;

struct hlist_head___other {
	int first;
} CORE;

typedef unsigned short umode_t;
typedef int pid_t___other;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} numbers SEC(".maps");

static __always_inline void put(__u32 slot, __u64 number)
{
	__u64 *to = bpf_map_lookup_elem(&numbers, &slot);

	if (to)
		*to = number;
}

/* A subprogram with relocations of its own. */
static __noinline int types_and_enums(void)
{
	put(20, bpf_core_type_id_local(struct hlist_node));
	put(21, bpf_core_type_id_kernel(struct hlist_node));
	put(22, bpf_core_type_id_kernel(struct no_such_type));
	put(23, bpf_core_type_exists(struct hlist_node));
	put(24, bpf_core_type_exists(union no_such_union));
	put(25, bpf_core_type_size(struct hlist_node));
	put(26, bpf_core_type_size(struct no_such_type));
	put(27, bpf_core_type_matches(struct hlist_node));
	put(28, bpf_core_type_matches(struct hlist_head___other));
	put(29, bpf_core_type_exists(umode_t));
	put(30, bpf_core_type_size(umode_t));
	put(31, bpf_core_enum_value_exists(enum bpf_map_type___few, BPF_MAP_TYPE_HASH___few));
	put(32, bpf_core_enum_value_exists(enum bpf_map_type___few, BPF_MAP_TYPE_NO_SUCH___few));
	put(33, bpf_core_enum_value(enum bpf_map_type___few, BPF_MAP_TYPE_RINGBUF___few));
	put(34, bpf_core_enum_value(enum hrtimer_restart___few, HRTIMER_RESTART___few));
	put(35, bpf_core_enum_value_exists(enum no_such_enum, NO_SUCH_VALUE));
	if (bpf_core_enum_value_exists(enum no_such_enum, NO_SUCH_VALUE))
		put(36, bpf_core_enum_value(enum no_such_enum, NO_SUCH_VALUE));
	put(37, bpf_core_type_matches(enum hrtimer_restart___few));
	put(38, bpf_core_type_exists(pid_t___other));
	return 0;
}

SEC("tp/syscalls/sys_enter_prctl")
int fields(struct trace_event_raw_sys_enter *ctx)
{
	struct task_struct___few *task = (void *)bpf_get_current_task();
	struct sk_buff___few *no_skb = (void *)task;

	if (ctx->args[0] != OPTION)
		return 0;
	put(0, ctx->id);
	put(1, ctx->args[2]);
	put(2, BPF_CORE_READ_BITFIELD_PROBED(task, sched_reset_on_fork));
	put(3, BPF_CORE_READ_BITFIELD_PROBED(task, in_execve));
	put(4, bpf_core_field_exists(task->no_such_bit));
	if (bpf_core_field_exists(task->no_such_bit))
		put(5, BPF_CORE_READ_BITFIELD_PROBED(task, no_such_bit));
	put(6, BPF_CORE_READ(task, static_prio));
	put(7, BPF_CORE_READ(task, se.vruntime));
	put(8, (long)BPF_CORE_READ(task, se.group_node.prev));
	put(9, bpf_core_field_offset(task->comm[3]));
	put(10, bpf_core_field_size(task->comm));
	put(11, bpf_core_field_exists(task->state));
	put(12, bpf_core_field_exists(task->__state));
	put(13, bpf_core_field_offset(no_skb->cb[7]));
	put(14, bpf_core_field_size(no_skb->pkt_type));
	put(15, __CORE_RELO(no_skb, pkt_type, LSHIFT_U64));
	put(16, __CORE_RELO(no_skb, ip_summed, RSHIFT_U64));
	put(17, __CORE_RELO(task, exit_code, SIGNED));
	put(18, __CORE_RELO(no_skb, len, SIGNED));
	if (bpf_core_field_exists(task->no_such_pointer))
		put(19, (long)BPF_CORE_READ(task, no_such_pointer));
	types_and_enums();
	return 0;
}

/* Loads that are relocated themselves, of another width than the kernel's field. */
SEC("?tp/syscalls/sys_exit_prctl")
int narrow(struct trace_event_raw_sys_exit___narrow *ctx)
{
	put(40, ctx->ret);
	return 0;
}

SEC("?raw_tp/sched_process_fork")
int wide(struct bpf_perf_event_data_kern___wide *ctx)
{
	struct task_struct___wide *task = (void *)ctx;

	put(41, (long)ctx->regs);
	put(42, task->flags);
	put(43, task->static_prio);
	task->flags = 1;
	return 0;
}
