// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Threads that waited long for a CPU after they could run: which, how long, and who ran in their place. */
#include "tool.h"
#include "records.h"
#include "sched.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Only threads that waited as long. */
const volatile __u64 min_ns = 10000000;
/* Only this thread, and only threads of this process; 0: all. */
const volatile __u32 target_tid = 0;
const volatile __u32 target_pid = 0;

struct event {
	char comm[COMM_LEN];
	__u32 tid;
	__u32 prev_tid;
	char prev_comm[COMM_LEN];
	__u64 wait_ns;
};

/* Threads that could run, since when. */
LRU_HASH(waiting, 4096, __u32, __u64);

/* Threads of that process: tracepoints do not tell whose a thread is until it gives its CPU away. */
LRU_HASH(own, 1024, __u32, __u8);

EVENTS(events);

static __noinline int wait(__u32 tid)
{
	__u64 now = bpf_ktime_get_ns();

	/* CPUs have threads of number 0, for when nobody else runs. */
	if (!tid || (target_tid && tid != target_tid) || (target_pid && !bpf_map_lookup_elem(&own, &tid)))
		return 0;
	bpf_map_update_elem(&waiting, &tid, &now, BPF_ANY);
	return 0;
}

SEC("tp/sched/sched_wakeup")
int woken(struct trace_event_raw_sched_wakeup_template *ctx)
{
	return wait(ctx->pid);
}

SEC("tp/sched/sched_wakeup_new")
int begun(struct trace_event_raw_sched_wakeup_template *ctx)
{
	return wait(ctx->pid);
}

static __noinline int send(void *ctx, struct event *event)
{
	return bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, event, sizeof(*event));
}

SEC("tp/sched/sched_switch")
int switched(struct trace_event_raw_sched_switch *ctx)
{
	struct event event = {};
	__u64 *since;

	event.prev_tid = ctx->prev_pid;
	event.tid = ctx->next_pid;
	if (target_pid && current_pid() == target_pid) {
		__u8 one = 1;

		bpf_map_update_elem(&own, &event.prev_tid, &one, BPF_ANY);
	}
	if (can_run(ctx->prev_state))
		wait(event.prev_tid);
	since = bpf_map_lookup_elem(&waiting, &event.tid);
	if (!since)
		return 0;
	event.wait_ns = bpf_ktime_get_ns() - *since;
	bpf_map_delete_elem(&waiting, &event.tid);
	if (event.wait_ns < min_ns)
		return 0;
	bpf_probe_read_kernel(event.comm, sizeof(event.comm), ctx->next_comm);
	bpf_probe_read_kernel(event.prev_comm, sizeof(event.prev_comm), ctx->prev_comm);
	send(ctx, &event);
	return 0;
}
