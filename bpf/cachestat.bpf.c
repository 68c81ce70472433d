// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How often what is read or written was in the page cache.
 *
 * Hits and misses together are pages that were looked at, but for blocks that were written to in the cache of a
 * device. Misses are pages that were added, but for those that are written, which need no reading. Each place changes
 * what it belongs to, so that the sums are right in each moment; from one to the next, one may be less than nothing.
 */
#include "common.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct counts {
	__s64 hits;
	__s64 misses;
	__s64 dirtied;
};

struct counts counts;

/* Whether there are folios, which pages became in 5.16: there, what is probed for pages calls what is for folios. */
__u8 has_folios;

SEC("kprobe/mark_page_accessed")
int page_accessed(void *ctx)
{
	if (!has_folios)
		__sync_fetch_and_add(&counts.hits, 1);
	return 0;
}

SEC("?kprobe/folio_mark_accessed")
int folio_accessed(void *ctx)
{
	has_folios = 1;
	__sync_fetch_and_add(&counts.hits, 1);
	return 0;
}

SEC("tp/block/block_dirty_buffer")
int buffer_dirtied(void *ctx)
{
	__sync_fetch_and_add(&counts.hits, -1);
	return 0;
}

SEC("tp/filemap/mm_filemap_add_to_page_cache")
int added(void *ctx)
{
	__sync_fetch_and_add(&counts.misses, 1);
	__sync_fetch_and_add(&counts.hits, -1);
	return 0;
}

static __always_inline int written(void)
{
	__sync_fetch_and_add(&counts.dirtied, 1);
	__sync_fetch_and_add(&counts.misses, -1);
	__sync_fetch_and_add(&counts.hits, 1);
	return 0;
}

/* One of these two. */
SEC("?tp/writeback/writeback_dirty_page")
int page_dirtied(void *ctx)
{
	return written();
}

SEC("?tp/writeback/writeback_dirty_folio")
int folio_dirtied(void *ctx)
{
	return written();
}
