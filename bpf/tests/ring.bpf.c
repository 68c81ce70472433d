// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * prctl(OPTION, x) gives one event through a ring buffer, on kernels that have them.
 */
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define OPTION 0x6274666c
#define NR_PRCTL 167 /* asm-generic/unistd.h */
#define BPF_MAP_TYPE_RINGBUF 27

struct event {
	__u64 x;
	__u32 pid;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} ring SEC(".maps");

const struct event *event_of_ring;

SEC("raw_tp/sys_enter")
int send(struct raw_args *ctx)
{
	struct user_pt_regs *regs = (void *)ctx->args[0];
	__u64 option = 0, x = 0;
	struct event *event;

	if (ctx->args[1] != NR_PRCTL)
		return 0;
	bpf_probe_read_kernel(&option, sizeof(option), &regs->regs[0]);
	if (option != OPTION)
		return 0;
	bpf_probe_read_kernel(&x, sizeof(x), &regs->regs[1]);
	event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event)
		return 0;
	event->x = x;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->pad = 0;
	bpf_ringbuf_submit(event, 0);
	return 0;
}
