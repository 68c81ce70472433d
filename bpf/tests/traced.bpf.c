// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Types that are known of a kernel without BTF: the records of tracepoints, and registers. Nothing
 * here needs the kernel's BTF. The structs are not laid out as in any kernel, so that what is not
 * relocated is read from a wrong place. Each program sends what it read; `target` is the process
 * whose forks and system calls are seen.
 */
#include "types.h"
#include <bpf/bpf_core_read.h>

#define CORE __attribute__((preserve_access_index))

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The process. It must be set: --set target=PID. */
const volatile __u32 target = 0;

#define OPTION 0x6274666c
#define NR_PRCTL 167 /* asm-generic/unistd.h */

enum {
	SYSTEM_CALL = 1,	/* a record with an array, declared shorter than it is */
	FORK = 2,		/* a record whose fields are elsewhere from 6.16 on */
	WAKEUP = 3,		/* a record of a class of events */
	EXEC = 4,		/* a record with a string behind it */
	REGISTERS = 5,
};

struct trace_event_raw_sys_enter {
	unsigned long args[2];
	long id;
} CORE;

struct trace_event_raw_sched_process_fork {
	int child_pid;
	int parent_pid;
} CORE;

struct trace_event_raw_sched_wakeup_template {
	int target_cpu;
	int pid;
} CORE;

struct trace_event_raw_sched_process_exec {
	int old_pid;
	int pid;
	__u32 __data_loc_filename;
} CORE;

struct user_pt_regs {
	__u64 pstate;
	__u64 pc;
	__u64 sp;
	__u64 regs[31];
} CORE;

struct pt_regs {
	int syscallno;
	__u64 orig_x0;
	__u64 pc;
	__u64 regs[31];
} CORE;

struct pt_regs___longer {
	__u64 no_such_register;
} CORE;

struct raw_args {
	__u64 args[2];
};

struct traced {
	__u32 kind;
	__u32 pid;
	__s64 a;
	__s64 b;
	__s64 c;
	__u32 size;
	__u32 there;
	char text[32];
} __attribute__((aligned(8)));

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} records SEC(".maps");

/* Keeps the type of the events in the object's BTF. */
const struct traced *traced_of_records;

static __always_inline int is_target(void)
{
	return bpf_get_current_pid_tgid() >> 32 == target;
}

static __always_inline int send(void *ctx, struct traced *t)
{
	bpf_perf_event_output(ctx, &records, BPF_F_CURRENT_CPU, t, sizeof(*t));
	return 0;
}

SEC("tp/syscalls/sys_enter_prctl")
int system_call(struct trace_event_raw_sys_enter *ctx)
{
	struct traced t = { .kind = SYSTEM_CALL };

	if (!is_target() || ctx->args[0] != OPTION)
		return 0;
	t.pid = target;
	t.a = ctx->id;
	t.b = ctx->args[1];
	t.c = bpf_core_field_offset(ctx->args);
	t.size = bpf_core_field_size(ctx->args);
	t.there = bpf_core_type_exists(struct trace_event_raw_sys_enter);
	return send(ctx, &t);
}

SEC("tp/sched/sched_process_fork")
int fork(struct trace_event_raw_sched_process_fork *ctx)
{
	struct traced t = { .kind = FORK };

	if (!is_target())
		return 0;
	t.pid = ctx->child_pid;
	t.a = ctx->parent_pid;
	t.b = (__u32)bpf_get_current_pid_tgid();
	t.c = bpf_core_field_offset(ctx->child_pid);
	t.size = bpf_core_field_size(ctx->child_pid);
	t.there = bpf_core_field_exists(ctx->child_pid);
	return send(ctx, &t);
}

SEC("tp/sched/sched_wakeup_new")
int wakeup(struct trace_event_raw_sched_wakeup_template *ctx)
{
	struct traced t = { .kind = WAKEUP };

	if (!is_target())
		return 0;
	t.pid = ctx->pid;
	t.a = ctx->target_cpu;
	t.c = bpf_core_field_offset(ctx->pid);
	t.size = bpf_core_type_size(struct trace_event_raw_sched_wakeup_template);
	t.there = bpf_core_field_exists(ctx->pid);
	return send(ctx, &t);
}

SEC("tp/sched/sched_process_exec")
int exec(struct trace_event_raw_sched_process_exec *ctx)
{
	struct traced t = { .kind = EXEC };

	t.pid = ctx->pid;
	t.a = ctx->old_pid;
	t.b = bpf_get_current_pid_tgid() >> 32;
	t.c = bpf_core_field_offset(ctx->__data_loc_filename);
	t.size = bpf_core_type_size(struct trace_event_raw_sched_process_exec);
	t.there = bpf_core_field_exists(ctx->__data_loc_filename);
	bpf_probe_read_kernel_str(t.text, sizeof(t.text), (void *)ctx + (ctx->__data_loc_filename & 0xffff));
	return send(ctx, &t);
}

SEC("raw_tp/sys_enter")
int registers(struct raw_args *ctx)
{
	const struct pt_regs *regs = (const void *)ctx->args[0];
	const struct user_pt_regs *user = (const void *)regs;
	struct traced t = { .kind = REGISTERS };

	if (!is_target() || ctx->args[1] != NR_PRCTL || BPF_CORE_READ(regs, orig_x0) != OPTION)
		return 0;
	t.pid = target;
	t.a = BPF_CORE_READ(regs, syscallno);
	t.b = BPF_CORE_READ(regs, regs[1]);
	t.c = BPF_CORE_READ(user, regs[2]);
	t.size = BPF_CORE_READ(regs, pc) == BPF_CORE_READ(user, pc);
	t.there = bpf_core_field_exists(((struct pt_regs___longer *)regs)->no_such_register);
	return send(ctx, &t);
}
