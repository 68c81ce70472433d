// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How long a function of the kernel takes: a distribution. Which one is for user space to say. */
#include "tool.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Only calls in this process; 0: in every. */
const volatile __u32 target_pid = 0;
/* Nanoseconds in a unit. */
const volatile __u32 unit_ns = 1;

#define LATENCY_SLOTS 40 /* up to nine minutes of nanoseconds */

struct latency {
	__u32 slots[LATENCY_SLOTS];
};

struct sum {
	__u64 calls;
	__u64 total_ns;
};

struct latency latency;
struct sum sum;

/* Calls in progress, by thread. */
LRU_HASH(calls, 1024, __u32, __u64);

SEC("kprobe/vfs_read")
int begin(void *ctx)
{
	__u32 tid = current_tid();
	__u64 now = bpf_ktime_get_ns();

	if (!target_pid || current_pid() == target_pid)
		bpf_map_update_elem(&calls, &tid, &now, BPF_ANY);
	return 0;
}

SEC("kretprobe/vfs_read")
int end(void *ctx)
{
	__u32 tid = current_tid();
	__u64 *since = bpf_map_lookup_elem(&calls, &tid), ns;

	if (!since)
		return 0;
	ns = bpf_ktime_get_ns() - *since;
	bpf_map_delete_elem(&calls, &tid);
	__sync_fetch_and_add(&sum.calls, 1);
	__sync_fetch_and_add(&sum.total_ns, ns);
	count_in(latency.slots, LATENCY_SLOTS, ns / unit_ns);
	return 0;
}
