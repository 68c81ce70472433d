// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How long requests to block devices took. A request is known by its device and first sector: that is all that
 * every kernel tells of it.
 */
#include "tool.h"
#include "records.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u8 milliseconds = 0;
const volatile __u8 queued = 0;
const volatile __u8 by_disk = 0;
const volatile __u8 by_flags = 0;
const volatile dev_t target_disk = 0;

struct trace_event_raw_block_rq___begins {
	__u32 dev;
	__u64 sector;
	char rwbs[8];
} RECORD;

/* The second name is that of 5.16 and later. */
struct trace_event_raw_block_rq_complete {
	__u32 dev;
	__u64 sector;
} RECORD;

struct trace_event_raw_block_rq_completion {
	__u32 dev;
	__u64 sector;
} RECORD;

struct request {
	__u64 sector;
	dev_t disk;
	__u32 zero;
};

struct begun {
	__u64 ns;
	char flags[8];
};

struct kind {
	dev_t disk;
	char flags[8];
};

/* Requests in progress. */
LRU_HASH(begun, 8192, struct request, struct begun);
HASH(took, 256, struct kind, struct hist);

const struct hist no_hist = {};

static __always_inline int begins(struct trace_event_raw_block_rq___begins *ctx, __u64 flags)
{
	struct request request = { .sector = ctx->sector, .disk = ctx->dev };
	struct begun now = {};

	if (target_disk && request.disk != target_disk)
		return 0;
	now.ns = bpf_ktime_get_ns();
	bpf_probe_read_kernel_str(now.flags, sizeof(now.flags), ctx->rwbs);
	bpf_map_update_elem(&begun, &request, &now, flags);
	return 0;
}

/* Only where the time in the queue counts. */
SEC("?tp/block/block_rq_insert")
int inserted(struct trace_event_raw_block_rq___begins *ctx)
{
	return begins(ctx, BPF_ANY);
}

SEC("tp/block/block_rq_issue")
int issued(struct trace_event_raw_block_rq___begins *ctx)
{
	/* Some requests see no queue. */
	return begins(ctx, queued ? BPF_NOEXIST : BPF_ANY);
}

SEC("tp/block/block_rq_complete")
int completed(void *ctx)
{
	struct trace_event_raw_block_rq_completion *now = ctx;
	struct trace_event_raw_block_rq_complete *before = ctx;
	struct request request = {};
	struct kind kind = {};
	struct begun *since;
	struct hist *hist;
	__u64 ns;

	/* Read and not loaded: the compiler would make one load of both, through a changed pointer. */
	if (bpf_core_field_exists(struct trace_event_raw_block_rq_completion, sector)) {
		bpf_core_read(&request.sector, sizeof(request.sector), &now->sector);
		bpf_core_read(&request.disk, sizeof(request.disk), &now->dev);
	} else {
		bpf_core_read(&request.sector, sizeof(request.sector), &before->sector);
		bpf_core_read(&request.disk, sizeof(request.disk), &before->dev);
	}
	since = bpf_map_lookup_elem(&begun, &request);
	if (!since)
		return 0;
	ns = bpf_ktime_get_ns() - since->ns;
	if (by_disk)
		kind.disk = request.disk;
	if (by_flags)
		__builtin_memcpy(kind.flags, since->flags, sizeof(kind.flags));
	bpf_map_delete_elem(&begun, &request);
	bpf_map_update_elem(&took, &kind, &no_hist, BPF_NOEXIST);
	hist = bpf_map_lookup_elem(&took, &kind);
	if (hist)
		count_in(hist->slots, SLOTS, ns / (milliseconds ? 1000000 : 1000));
	return 0;
}
