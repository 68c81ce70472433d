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
#include "common.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct counts {
	__u64 accessed;
	__u64 buffers;
	__u64 added;
	__u64 dirtied;
};

struct counts counts;

/* Whether there are folios, which pages became in 5.16: there, what is probed for pages calls what is for folios. */
__u8 has_folios;

SEC("?kprobe/mark_page_accessed")
int page_accessed(void *ctx)
{
	if (!has_folios)
		__sync_fetch_and_add(&counts.accessed, 1);
	return 0;
}

SEC("?kprobe/folio_mark_accessed")
int folio_accessed(void *ctx)
{
	has_folios = 1;
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

/* One of these two. */
SEC("?tp/writeback/writeback_dirty_page")
int page_dirtied(void *ctx)
{
	__sync_fetch_and_add(&counts.dirtied, 1);
	return 0;
}

SEC("?tp/writeback/writeback_dirty_folio")
int folio_dirtied(void *ctx)
{
	__sync_fetch_and_add(&counts.dirtied, 1);
	return 0;
}
