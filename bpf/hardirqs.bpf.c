// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Hardware interrupts: how many, and the time in their handlers, by the name of the handler. */
#include "tool.h"
#include "records.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Distributions in the place of sums. */
const volatile __u8 distribution = 0;
/* Nanoseconds in a unit of distributions. */
const volatile __u32 unit_ns = 1000;

#define NAME_LEN 32

struct irq {
	char name[NAME_LEN];
};

struct spent {
	__u64 count;
	__u64 total_ns;
	__u64 max_ns;
};

struct running {
	__u64 since;
	struct irq irq;
};

/* The handler that runs on this CPU: no other can begin before it ends. */
SCRATCH(running, struct running);

HASH(irqs, 256, struct irq, struct spent);

HASH(irq_times, 256, struct irq, struct hist);

const struct spent nothing = {};
const struct hist no_hist = {};

SEC("tp/irq/irq_handler_entry")
int begin(struct trace_event_raw_irq_handler_entry *ctx)
{
	__u32 zero = 0;
	struct running *run = bpf_map_lookup_elem(&running, &zero);

	if (!run)
		return 0;
	/* Bytes behind its end would make it another key. */
	__builtin_memset(&run->irq, 0, sizeof(run->irq));
	bpf_probe_read_kernel_str(run->irq.name, sizeof(run->irq.name), TEXT_OF(ctx, name));
	run->since = bpf_ktime_get_ns();
	return 0;
}

SEC("tp/irq/irq_handler_exit")
int end(void *ctx)
{
	__u32 zero = 0;
	struct running *run = bpf_map_lookup_elem(&running, &zero);
	struct spent *spent;
	struct hist *hist;
	__u64 ns;

	if (!run || !run->since)
		return 0;
	ns = bpf_ktime_get_ns() - run->since;
	run->since = 0;
	if (distribution) {
		bpf_map_update_elem(&irq_times, &run->irq, &no_hist, BPF_NOEXIST);
		hist = bpf_map_lookup_elem(&irq_times, &run->irq);
		if (hist)
			count_in(hist->slots, SLOTS, ns / unit_ns);
		return 0;
	}
	bpf_map_update_elem(&irqs, &run->irq, &nothing, BPF_NOEXIST);
	spent = bpf_map_lookup_elem(&irqs, &run->irq);
	if (spent) {
		__sync_fetch_and_add(&spent->count, 1);
		__sync_fetch_and_add(&spent->total_ns, ns);
		if (ns > spent->max_ns)
			spent->max_ns = ns;
	}
	return 0;
}
