// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How long threads are on a CPU at a time, or off it: a distribution, of all or for each process or thread. */
#include "tool.h"
#include "records.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Time off the CPU in the place of time on it. */
const volatile __u8 off_cpu = 0;
/* Only threads of this process; 0: of all. */
const volatile __u32 target_pid = 0;
/* A distribution for each: 0 none, 1 process, 2 thread. */
const volatile __u8 by = 0;
/* Nanoseconds in a unit. */
const volatile __u32 unit_ns = 1000;

#define BY_PROCESS 1

/* All zero where all are counted together. */
struct task {
	__u32 pid;
	char comm[COMM_LEN];
};

HASH(times, 1024, struct task, struct hist);

/* When this CPU went from one thread to another. */
SCRATCH(on_since, __u64);

struct rest {
	__u64 since;
	__u64 pid;
};

/* When threads went off their CPUs. */
LRU_HASH(off_since, 4096, __u32, struct rest);

const struct hist no_hist = {};

static __always_inline void count(__u64 ns, __u32 pid, __u32 tid, const char *comm)
{
	struct task task = {};
	struct hist *hist;

	if (by) {
		task.pid = by == BY_PROCESS ? pid : tid;
		bpf_probe_read_kernel(task.comm, sizeof(task.comm), comm);
	}
	bpf_map_update_elem(&times, &task, &no_hist, BPF_NOEXIST);
	hist = bpf_map_lookup_elem(&times, &task);
	if (hist)
		count_in(hist->slots, SLOTS, ns / unit_ns);
}

/* The current task is still the one that leaves. */
SEC("tp/sched/sched_switch")
int switched(struct trace_event_raw_sched_switch *ctx)
{
	__u32 zero = 0, prev = ctx->prev_pid, next = ctx->next_pid, pid = current_pid();
	__u64 now = bpf_ktime_get_ns(), *since;

	/* Number 0 is a CPU that has nothing to do. */
	if (off_cpu) {
		struct rest rest = { now, pid }, *rested;

		if (prev && (!target_pid || pid == target_pid))
			bpf_map_update_elem(&off_since, &prev, &rest, BPF_ANY);
		rested = bpf_map_lookup_elem(&off_since, &next);
		if (rested) {
			count(now - rested->since, rested->pid, next, ctx->next_comm);
			bpf_map_delete_elem(&off_since, &next);
		}
		return 0;
	}
	since = bpf_map_lookup_elem(&on_since, &zero);
	if (!since)
		return 0;
	if (*since && prev && (!target_pid || pid == target_pid))
		count(now - *since, pid, prev, ctx->prev_comm);
	*since = now;
	return 0;
}
