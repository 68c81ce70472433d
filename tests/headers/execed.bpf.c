// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What is written against a vmlinux.h: structs of the kernel, a bitfield, an enum and the header's own integers. It
// sends each program that the process `parent` starts.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile pid_t parent = 0;

struct event {
	pid_t pid;
	u32 reset_on_fork;
	u32 of_kernel;
	char comm[16];
	char file[32];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__type(key, u32);
	__type(value, u32);
} events SEC(".maps");

/* Keeps the type of the events in the object's BTF. */
const struct event *event_of_events;

SEC("raw_tp/sched_process_exec")
int execed(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)ctx->args[0];
	struct linux_binprm *program = (void *)ctx->args[2];
	struct event event = {};

	if (BPF_CORE_READ(task, real_parent, tgid) != parent)
		return 0;
	event.pid = BPF_CORE_READ(task, tgid);
	event.reset_on_fork = BPF_CORE_READ_BITFIELD_PROBED(task, sched_reset_on_fork);
	event.of_kernel = bpf_core_enum_value(enum pid_type, PIDTYPE_SID);
	bpf_get_current_comm(event.comm, sizeof(event.comm));
	bpf_probe_read_kernel_str(event.file, sizeof(event.file), BPF_CORE_READ(program, filename));
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &event, sizeof(event));
	return 0;
}
