// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Processes that the kernel kills because memory ran out: who asked for memory, and who had to go.
 *
 * The tracepoint of the killing tells no name before 6.8. The signal that comes just before it does, on
 * every kernel. How much memory there was in all is in a struct of the kernel.
 */
#include "tool.h"
#include "records.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define SIGKILL 9
#define SI_KERNEL 0x80

struct oom_control {
	unsigned long totalpages;
} RECORD;

/* fpid is the process in which memory ran out, tpid the one that is killed. */
struct event {
	__u32 fpid;
	__u32 tpid;
	char fcomm[COMM_LEN];
	char tcomm[COMM_LEN];
	__u64 pages;	/* all that could be used; not sent where it is not known */
};

/* By thread, what was seen of the killing so far. */
LRU_HASH(killing, 64, __u32, struct event);

EVENTS(events);

/* For the memory there is, where kernel types are known. */
SEC("?kprobe/oom_kill_process")
int choose(struct user_pt_regs *ctx)
{
	const struct oom_control *oc = (const void *)ctx->regs[0];
	struct event event = {};
	__u32 tid = current_tid();

	if (!bpf_core_field_exists(oc->totalpages))
		return 0;
	event.pages = BPF_CORE_READ(oc, totalpages);
	bpf_map_update_elem(&killing, &tid, &event, BPF_ANY);
	return 0;
}

SEC("tp/signal/signal_generate")
int kill(struct trace_event_raw_signal_generate *ctx)
{
	struct event event = {}, *known;
	__u32 tid = current_tid();

	if (ctx->sig != SIGKILL || ctx->code != SI_KERNEL)
		return 0;
	known = bpf_map_lookup_elem(&killing, &tid);
	if (known)
		event.pages = known->pages;
	event.tpid = ctx->pid;
	bpf_probe_read_kernel(event.tcomm, sizeof(event.tcomm), ctx->comm);
	bpf_map_update_elem(&killing, &tid, &event, BPF_ANY);
	return 0;
}

SEC("tp/oom/mark_victim")
int killed(struct trace_event_raw_mark_victim *ctx)
{
	__u32 tid = current_tid();
	struct event *event = bpf_map_lookup_elem(&killing, &tid);

	if (!event)
		return 0;
	/* One that ends by itself already is marked, too, but gets no signal. */
	if (event->tpid == ctx->pid) {
		event->fpid = current_pid();
		bpf_get_current_comm(event->fcomm, sizeof(event->fcomm));
		bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, event,
				      event->pages ? sizeof(*event) : __builtin_offsetof(struct event, pages));
	}
	bpf_map_delete_elem(&killing, &tid);
	return 0;
}
