// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How often what is read or written was in the page cache. Counted are
 *
 *   accessed   pages that were looked at, those of files and of block devices
 *   buffers    of these, blocks that were written to in the cache of a device
 *   added      pages that had to be brought in
 *   dirtied    of these, pages that are written as a whole, without reading
 *
 * so that hits and misses together are accessed - buffers, and misses added - dirtied.
 */
#include "tool.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct counts {
	__u64 accessed;
	__u64 buffers;
	__u64 added;
	__u64 dirtied;
};

struct counts counts;

/* One of these two: a folio is what a page became in 5.16, where the older function calls the newer. */
SEC("?kprobe/mark_page_accessed")
int page_accessed(void *ctx)
{
	__sync_fetch_and_add(&counts.accessed, 1);
	return 0;
}

SEC("kprobe/folio_mark_accessed")
int folio_accessed(void *ctx)
{
	__sync_fetch_and_add(&counts.accessed, 1);
	return 0;
}

SEC("tp/block/block_dirty_buffer")
int buffer_dirtied(void *ctx)
{
	__sync_fetch_and_add(&counts.buffers, 1);
	return 0;
}

SEC("tp/filemap/mm_filemap_add_to_page_cache")
int added(void *ctx)
{
	__sync_fetch_and_add(&counts.added, 1);
	return 0;
}

/* And one of these two. */
SEC("?tp/writeback/writeback_dirty_page")
int page_dirtied(void *ctx)
{
	__sync_fetch_and_add(&counts.dirtied, 1);
	return 0;
}

SEC("tp/writeback/writeback_dirty_folio")
int folio_dirtied(void *ctx)
{
	__sync_fetch_and_add(&counts.dirtied, 1);
	return 0;
}
