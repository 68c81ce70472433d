// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Software interrupts: how many, and the time in them, by kind. */
#include "common.h"
#include "records.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Distributions in the place of sums. */
const volatile __u8 distribution = 0;
/* Nanoseconds in a unit of distributions. */
const volatile __u32 unit_ns = 1000;

#define SLOTS 24

/* linux/interrupt.h. */
enum softirq { HI, TIMER, NET_TX, NET_RX, BLOCK, IRQ_POLL, TASKLET, SCHED, HRTIMER, RCU, SOFTIRQS };

struct spent {
	__u64 count;
	__u64 total_ns;
	__u64 max_ns;
};

struct times {
	__u32 slots[SLOTS];
};

/* Since when this CPU is in one. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} running SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SOFTIRQS);
	__type(key, enum softirq);
	__type(value, struct spent);
} softirqs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SOFTIRQS);
	__type(key, enum softirq);
	__type(value, struct times);
} softirq_times SEC(".maps");

const struct spent nothing = {};
const struct times none = {};

SEC("tp/irq/softirq_entry")
int begin(void *ctx)
{
	__u32 zero = 0;
	__u64 *since = bpf_map_lookup_elem(&running, &zero);

	if (since)
		*since = bpf_ktime_get_ns();
	return 0;
}

SEC("tp/irq/softirq_exit")
int end(struct trace_event_raw_softirq *ctx)
{
	__u32 zero = 0;
	__u64 *since = bpf_map_lookup_elem(&running, &zero), ns;
	enum softirq softirq = ctx->vec;
	struct spent *spent;
	struct times *times;

	if (!since || !*since)
		return 0;
	ns = bpf_ktime_get_ns() - *since;
	*since = 0;
	if (distribution) {
		bpf_map_update_elem(&softirq_times, &softirq, &none, BPF_NOEXIST);
		times = bpf_map_lookup_elem(&softirq_times, &softirq);
		if (times)
			count_in(times->slots, SLOTS, ns / unit_ns);
		return 0;
	}
	bpf_map_update_elem(&softirqs, &softirq, &nothing, BPF_NOEXIST);
	spent = bpf_map_lookup_elem(&softirqs, &softirq);
	if (spent) {
		__sync_fetch_and_add(&spent->count, 1);
		__sync_fetch_and_add(&spent->total_ns, ns);
		if (ns > spent->max_ns)
			spent->max_ns = ns;
	}
	return 0;
}
