// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Memory of the kernel that was taken and not given back: how much, by where it was taken.
 *
 * Only what is taken while this runs is known.
 */
#include "tool.h"
#include "records.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Only pieces of at least and at most so many bytes. */
const volatile __u64 min_size = 0;
const volatile __u64 max_size = ~0ULL;
/* One piece of so many; all at 1. */
const volatile __u32 sample_every = 1;

#define DEPTH 24
/* Functions of the tracepoint itself that lie above the one that takes memory. */
#define SKIP 2

struct piece {
	__u64 bytes;
	__s32 stack_id;
};

struct held {
	__u64 bytes;
	__u64 pieces;
};

/* By address. */
HASH(pieces, 16384, __u64, struct piece);

/* A negative number stands for no stack: it could not be kept, or there was no room to follow its piece. */
struct by_stack {
	__s32 stack_id;
};

HASH(held, 1024, struct by_stack, struct held);

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 2048);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, DEPTH * sizeof(__u64));
} stacks SEC(".maps");

const struct held nothing = {};

static __noinline int give(__u64 address)
{
	struct piece *piece = bpf_map_lookup_elem(&pieces, &address);
	struct by_stack stack;
	struct held *from;

	if (!piece)
		return 0;
	stack.stack_id = piece->stack_id;
	from = bpf_map_lookup_elem(&held, &stack);
	if (from) {
		__sync_fetch_and_add(&from->bytes, -piece->bytes);
		__sync_fetch_and_add(&from->pieces, -1);
	}
	bpf_map_delete_elem(&pieces, &address);
	return 0;
}

static __noinline int take(void *ctx, __u64 address, __u64 bytes)
{
	struct by_stack stack, unknown = { -1 };
	struct piece piece = {};
	struct held *to;

	if (!address || bytes < min_size || bytes > max_size ||
	    (sample_every > 1 && bpf_get_prandom_u32() % sample_every))
		return 0;
	/* Kernels give some pieces back by the dozen, without a tracepoint. */
	give(address);
	stack.stack_id = bpf_get_stackid(ctx, &stacks, SKIP);
	piece.bytes = bytes;
	piece.stack_id = stack.stack_id;
	if (bpf_map_update_elem(&pieces, &address, &piece, BPF_ANY))
		stack = unknown;
	bpf_map_update_elem(&held, &stack, &nothing, BPF_NOEXIST);
	to = bpf_map_lookup_elem(&held, &stack);
	if (!to)
		return 0;
	__sync_fetch_and_add(&to->bytes, bytes);
	__sync_fetch_and_add(&to->pieces, 1);
	return 0;
}

/* How these records begin, on every kernel. */
struct freed {
	__u64 common;
	__u64 call_site;
	__u64 address;
};

/* And how most go on. */
struct taken {
	struct freed begin;
	__u64 bytes_req;
	__u64 bytes_alloc;
};

SEC("tp/kmem/kmalloc")
int kmalloc(struct taken *ctx)
{
	return take(ctx, ctx->begin.address, ctx->bytes_alloc);
}

/* Since 7.0 with a name before the sizes; this record has a struct of its own since 6.1. */
SEC("tp/kmem/kmem_cache_alloc")
int kmem_cache_alloc(struct taken *ctx)
{
	struct trace_event_raw_kmem_cache_alloc *record = (void *)ctx;
	__u64 bytes = ctx->bytes_alloc;

	/* One load after the other: a choice of places in the context would be no fixed place. */
	asm volatile("" : "+r"(bytes));
	if (bpf_core_field_exists(record->bytes_alloc))
		bytes = record->bytes_alloc;
	return take(ctx, ctx->begin.address, bytes);
}

/* These two went into the ones above in 6.1. */
SEC("?tp/kmem/kmalloc_node")
int kmalloc_node(struct taken *ctx)
{
	return take(ctx, ctx->begin.address, ctx->bytes_alloc);
}

SEC("?tp/kmem/kmem_cache_alloc_node")
int kmem_cache_alloc_node(struct taken *ctx)
{
	return take(ctx, ctx->begin.address, ctx->bytes_alloc);
}

SEC("tp/kmem/kfree")
int kfree(struct freed *ctx)
{
	return give(ctx->address);
}

SEC("tp/kmem/kmem_cache_free")
int kmem_cache_free(struct freed *ctx)
{
	return give(ctx->address);
}
