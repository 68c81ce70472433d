// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Signals as they are sent: by whom, to whom, and what became of them. */
#include "tool.h"
#include "records.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 target_pid = 0;
const volatile __u32 receiver_pid = 0;
const volatile char target_comm[16] = {};
const volatile signal_t target_signal = 0;
const volatile __u8 failed_only = 0;

/* What the kernel calls TRACE_SIGNAL_…. */
enum result { DELIVERED, IGNORED, PENDING_ALREADY, FULL, LOST_INFO };

struct trace_event_raw_signal_generate___all {
	int sig;
	char comm[16];
	int pid;
	int result;
} RECORD;

struct event {
	__u32 pid;
	char comm[16];
	signal_t signal;
	__u32 to_pid;
	char to_comm[16];
	enum result result;
};

EVENTS(events);

static __noinline void send(void *ctx, struct event *e)
{
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, e, sizeof(*e));
}

SEC("tp/signal/signal_generate")
int sent(struct trace_event_raw_signal_generate___all *ctx)
{
	struct event e = {};

	e.pid = bpf_get_current_pid_tgid() >> 32;
	e.signal = ctx->sig;
	e.to_pid = ctx->pid;
	e.result = ctx->result;
	if (target_pid && e.pid != target_pid)
		return 0;
	if (receiver_pid && e.to_pid != receiver_pid)
		return 0;
	if (target_signal && e.signal != target_signal)
		return 0;
	if (failed_only && e.result == DELIVERED)
		return 0;
	if (!is_command(target_comm))
		return 0;
	bpf_get_current_comm(e.comm, sizeof(e.comm));
	bpf_probe_read_kernel_str(e.to_comm, sizeof(e.to_comm), ctx->comm);
	send(ctx, &e);
	return 0;
}
