/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * PROGRAMS programs such as tools have: kprobes, tracepoints and raw tracepoints in turn, each with field
 * offsets of the kernel's in it, events, and one of the five other maps. What an object takes until it is
 * attached is measured with this: every kernel of the matrix has all of the places.
 */
#include "kernel.h"
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* A filter as tools have it: none. */
const volatile __u32 wanted_uid = 0;

__u64 seen_by_all;

struct event {
	__u32 pid;
	__u32 parent;
	__u64 count;
	char comm[16];
};

/* Keeps the type of the events in the object's BTF. */
const struct event *event_of_events;

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

#define COUNTS(name, kind) \
	struct { \
		__uint(type, kind); \
		__uint(max_entries, 1024); \
		__type(key, __u32); \
		__type(value, __u64); \
	} name SEC(".maps")
COUNTS(counts_0, BPF_MAP_TYPE_HASH);
COUNTS(counts_1, BPF_MAP_TYPE_HASH);
COUNTS(counts_2, BPF_MAP_TYPE_LRU_HASH);
COUNTS(counts_3, BPF_MAP_TYPE_ARRAY);
COUNTS(counts_4, BPF_MAP_TYPE_PERCPU_ARRAY);

static __always_inline int work(void *ctx, void *counts, __u32 key)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct event event = {};
	__u64 one = 1, *count;

	if (wanted_uid && (__u32)bpf_get_current_uid_gid() != wanted_uid)
		return 0;
	event.pid = BPF_CORE_READ(task, tgid);
	event.parent = BPF_CORE_READ(task, real_parent, tgid);
	BPF_CORE_READ_STR_INTO(&event.comm, task, group_leader, comm);
	count = bpf_map_lookup_elem(counts, &key);
	if (count)
		event.count = ++*count;
	else
		bpf_map_update_elem(counts, &key, &one, BPF_ANY);
	__sync_fetch_and_add(&seen_by_all, 1);
	/* Never: what is measured ends at the header. */
	if (event.count == ~0ULL)
		bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &event, sizeof(event));
	return 0;
}

#define PROGRAM(number, section, map) \
	SEC(section) \
	int program_##number(void *ctx) { return work(ctx, &counts_##map, number & 1023); }

/* Places that a system at rest hardly passes. */
#define TEN(n) \
	PROGRAM(n##0, "kprobe/vfs_mkdir", 0) \
	PROGRAM(n##1, "tracepoint/sched/sched_process_exec", 1) \
	PROGRAM(n##2, "raw_tp/sched_process_fork", 2) \
	PROGRAM(n##3, "kprobe/vfs_rename", 3) \
	PROGRAM(n##4, "tracepoint/sched/sched_process_exit", 4) \
	PROGRAM(n##5, "raw_tp/sched_process_exit", 0) \
	PROGRAM(n##6, "kretprobe/vfs_unlink", 1) \
	PROGRAM(n##7, "tracepoint/signal/signal_generate", 2) \
	PROGRAM(n##8, "raw_tp/sched_process_exec", 3) \
	PROGRAM(n##9, "kprobe/vfs_symlink", 4)

#if PROGRAMS == 1
PROGRAM(10, "kprobe/vfs_mkdir", 0)
#elif PROGRAMS == 10
TEN(1)
#elif PROGRAMS == 50
TEN(1) TEN(2) TEN(3) TEN(4) TEN(5)
#endif
