// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Maps as they were declared before BTF, by a struct in the section maps; without_btf.bpf.c is the same without any types. */
#include "types.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct map_def {
	__u32 type;
	__u32 key_size;
	__u32 value_size;
	__u32 max_entries;
	__u32 map_flags;
	/* What later loaders added. */
	__u32 inner_map_idx;
	__u32 numa_node;
};

SEC("maps") struct map_def legacy_counts = {
	.type = BPF_MAP_TYPE_HASH,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u64),
	.max_entries = 64,
};

SEC("maps") struct map_def legacy_slots = {
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u64),
	.max_entries = 4,
};

static volatile __u64 step = 2;
__u64 seen;

static __noinline int count(__u32 key)
{
	__u64 one = step, *value = bpf_map_lookup_elem(&legacy_counts, &key);

	if (value)
		__sync_fetch_and_add(value, step);
	else
		bpf_map_update_elem(&legacy_counts, &key, &one, BPF_ANY);
	return value != 0;
}

SEC("raw_tp/sys_enter")
int legacy_enter(void *ctx)
{
	__u32 key = 3;
	__u64 *slot = bpf_map_lookup_elem(&legacy_slots, &key);

	if (slot)
		seen += *slot;
	return count(key);
}

SEC("raw_tp/sys_exit")
int legacy_exit(void *ctx)
{
	return count(4) + seen;
}
