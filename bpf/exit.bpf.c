// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Processes as they end: how long they ran, and why they ended. Where the kernel's types are not known, the
 * status is what the process said when it left or the signal that was delivered to it, and parents and times
 * are those of forks.
 */
#include "tool.h"
#include "records.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define SIGKILL 9

const volatile __u32 target_pid = 0;
const volatile char target_comm[16] = {};
const volatile __u8 threads = 0;
const volatile __u8 failed_only = 0;

struct task_struct___ends {
	int tgid;
	int exit_code;
	__u64 start_time;
	struct task_struct___ends *real_parent;
} RECORD;

struct event {
	__u32 pid;
	__u32 ppid;		/* 0: not known */
	__u32 tid;
	char comm[16];
	__u64 age_ns;		/* 0: not known */
	__s32 status;
	signal_t signal;
};

struct trace_event_raw_sched_process_fork {
	int child_pid;
} RECORD;

struct trace_event_raw_signal_deliver {
	int sig;
	unsigned long sa_handler;
} RECORD;

struct birth {
	__u64 ns;
	__u32 parent;
};

EVENTS(events);
/* These only where kernel types are not known. Codes as the kernel has them: a status in the second byte. */
LRU_HASH(codes, 1024, __u32, __u32);
LRU_HASH(births, 1024, __u32, struct birth);
/* The last signal to a process or thread. */
LRU_HASH(signals, 1024, __u32, __u32);

static __always_inline int types_are_known(void)
{
	return bpf_core_field_exists(struct task_struct___ends, exit_code) &&
	       bpf_core_field_exists(struct task_struct___ends, start_time) &&
	       bpf_core_field_exists(struct task_struct___ends, real_parent);
}

static __noinline void send(void *ctx, struct event *e)
{
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, e, sizeof(*e));
}

SEC("tp/sched/sched_process_exit")
int ended(void *ctx)
{
	struct task_struct___ends *task = (void *)bpf_get_current_task();
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tid = id, code = 0, *told;
	struct event e = {};
	struct birth *birth;

	e.pid = id >> 32;
	e.tid = tid;
	if (!threads && e.pid != tid)
		return 0;
	if (target_pid && e.pid != target_pid)
		return 0;
	if (!is_command(target_comm))
		return 0;
	if (types_are_known()) {
		code = BPF_CORE_READ(task, exit_code);
		e.ppid = BPF_CORE_READ(task, real_parent, tgid);
		e.age_ns = bpf_ktime_get_ns() - BPF_CORE_READ(task, start_time);
	} else {
		told = bpf_map_lookup_elem(&codes, &e.pid);
		if (told)
			code = *told;
		birth = bpf_map_lookup_elem(&births, &tid);
		if (birth) {
			e.ppid = birth->parent;
			e.age_ns = bpf_ktime_get_ns() - birth->ns;
		}
		if (e.pid == tid)
			bpf_map_delete_elem(&codes, &e.pid);
		bpf_map_delete_elem(&births, &tid);
		bpf_map_delete_elem(&signals, &tid);
	}
	e.status = code >> 8 & 0xff;
	e.signal = code & 0x7f;
	if (failed_only && !e.status && !e.signal)
		return 0;
	bpf_get_current_comm(e.comm, sizeof(e.comm));
	send(ctx, &e);
	return 0;
}

static __always_inline int remember(__u32 code)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;

	bpf_map_update_elem(&codes, &pid, &code, BPF_ANY);
	return 0;
}

SEC("?tp/syscalls/sys_enter_exit_group")
int leaves(struct sys_enter *ctx)
{
	return remember((ctx->args[0] & 0xff) << 8);
}

SEC("?tp/signal/signal_deliver")
int hit(struct trace_event_raw_signal_deliver *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 pid = id >> 32, thread = id, sig = ctx->sig, *signal;

	/* Read once: of a choice between two places the compiler would make a pointer into the context. */
	asm volatile("" : "+r"(sig));
	/* One that is handled ends nothing, and one that does not end is overwritten by what does. */
	if (ctx->sa_handler)
		return 0;
	/* A signal that ends a process is mostly delivered as SIGKILL to its threads. */
	signal = sig == SIGKILL ? bpf_map_lookup_elem(&signals, &thread) : 0;
	if (!signal && sig == SIGKILL)
		signal = bpf_map_lookup_elem(&signals, &pid);
	if (signal)
		sig = *signal;
	return remember(sig & 0x7f);
}

SEC("?tp/signal/signal_generate")
int sent(struct trace_event_raw_signal_generate *ctx)
{
	__u32 to = ctx->pid, signal = ctx->sig;

	bpf_map_update_elem(&signals, &to, &signal, BPF_ANY);
	return 0;
}

SEC("?tp/sched/sched_process_fork")
int born(struct trace_event_raw_sched_process_fork *ctx)
{
	struct birth birth = {
		.ns = bpf_ktime_get_ns(),
		.parent = bpf_get_current_pid_tgid() >> 32,
	};
	__u32 child = ctx->child_pid;

	bpf_map_update_elem(&births, &child, &birth, BPF_ANY);
	return 0;
}
