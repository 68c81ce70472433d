// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Each request that a block device served: of which process, how long it waited, and how long it took.
 *
 * A request is known by its device and its place there, which its tracepoints tell. Where it begins on the
 * way, a partition stands in the place of its disk, so that its process is known by the place alone.
 */
#include "tool.h"
#include "records.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Only requests that took as long. */
const volatile __u64 min_ns = 0;
/* Only of this device; 0: of all. */
const volatile dev_t target_dev = 0;

/* How each of the tracepoints' records begins, on every kernel. */
struct request_record {
	__u64 common;
	dev_t dev;
	__u64 sector;
	__u32 nr_sector;
	union {
		__u32 bytes;	/* of a request that is issued */
		__s32 error;	/* of one that is completed */
	};
};

struct place {
	__u64 sector;
	__u64 dev;
};

struct event {
	__u32 pid;
	char comm[COMM_LEN];
	dev_t dev;
	char rwbs[8];	/* what it does: R, W, D (discard), F (flush) and so on */
	__u64 sector;
	__u32 bytes;
	errno_t error;
	__u64 queue_ns;	/* before it was given to the device; 0 where that is not known */
	__u64 took_ns;
};

struct asker {
	__u64 since;
	__u32 pid;
	char comm[COMM_LEN];
};

/* By place. */
LRU_HASH(askers, 1024, __u64, struct asker);

/* Requests that a device has; took_ns is since when. */
LRU_HASH(issued, 1024, struct place, struct event);

EVENTS(events);

SEC("tp/block/block_getrq")
int ask(struct request_record *ctx)
{
	__u64 sector = ctx->sector;
	struct asker asker = {};

	asker.since = bpf_ktime_get_ns();
	asker.pid = current_pid();
	bpf_get_current_comm(asker.comm, sizeof(asker.comm));
	bpf_map_update_elem(&askers, &sector, &asker, BPF_ANY);
	return 0;
}

SEC("tp/block/block_rq_issue")
int issue(struct request_record *ctx)
{
	struct place place = { ctx->sector, ctx->dev };
	struct event event = {};
	struct asker *asker;

	if (target_dev && place.dev != target_dev)
		return 0;
	event.dev = ctx->dev;
	event.sector = ctx->sector;
	event.bytes = ctx->bytes;
	event.took_ns = bpf_ktime_get_ns();
	asker = bpf_map_lookup_elem(&askers, &place.sector);
	if (asker) {
		event.queue_ns = event.took_ns - asker->since;
		event.pid = asker->pid;
		__builtin_memcpy(event.comm, asker->comm, sizeof(event.comm));
		bpf_map_delete_elem(&askers, &place.sector);
	} else {
		event.pid = current_pid();
		bpf_get_current_comm(event.comm, sizeof(event.comm));
	}
	bpf_probe_read_kernel(event.rwbs, sizeof(event.rwbs) - 1, ((struct trace_event_raw_block_rq *)ctx)->rwbs);
	bpf_map_update_elem(&issued, &place, &event, BPF_ANY);
	return 0;
}

SEC("tp/block/block_rq_complete")
int complete(struct request_record *ctx)
{
	struct place place = { ctx->sector, ctx->dev };
	struct event *event;

	/* A flush has no place: it is issued with 0, and completed with this. */
	if (place.sector == ~0ULL)
		place.sector = 0;
	event = bpf_map_lookup_elem(&issued, &place);
	if (!event)
		return 0;
	event->took_ns = bpf_ktime_get_ns() - event->took_ns;
	event->error = ctx->error;
	if (event->took_ns >= min_ns)
		bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, event, sizeof(*event));
	bpf_map_delete_elem(&issued, &place);
	return 0;
}
