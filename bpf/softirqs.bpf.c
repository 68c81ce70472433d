// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Software interrupts: how many, and the time in them, by kind. */
#include "tool.h"
#include "records.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Distributions in the place of sums. */
const volatile __u8 distribution = 0;
/* Nanoseconds in a unit of distributions. */
const volatile __u32 unit_ns = 1000;


/* linux/interrupt.h. */
enum softirq { HI, TIMER, NET_TX, NET_RX, BLOCK, IRQ_POLL, TASKLET, SCHED, HRTIMER, RCU, SOFTIRQS };

struct spent {
	__u64 count;
	__u64 total_ns;
	__u64 max_ns;
};

/* Since when this CPU is in one. */
SCRATCH(running, __u64);

HASH(softirqs, SOFTIRQS, enum softirq, struct spent);

HASH(softirq_times, SOFTIRQS, enum softirq, struct hist);

const struct spent nothing = {};
const struct hist no_hist = {};

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
	struct hist *hist;

	if (!since || !*since)
		return 0;
	ns = bpf_ktime_get_ns() - *since;
	*since = 0;
	if (distribution) {
		bpf_map_update_elem(&softirq_times, &softirq, &no_hist, BPF_NOEXIST);
		hist = bpf_map_lookup_elem(&softirq_times, &softirq);
		if (hist)
			count_in(hist->slots, SLOTS, ns / unit_ns);
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
