// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Values that are only right as a whole, for which they have a lock; and programs that are attached without links. */
#include "types.h"

char LICENSE[] SEC("license") = "GPL";

#define COPIES 60

/* As the kernel has it, which looks for it by its name. */
struct bpf_spin_lock {
	__u32 val;
};

struct record {
	struct bpf_spin_lock lock;
	__u32 count;
	/* Each is the count. */
	__u64 copies[COPIES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct record);
} records SEC(".maps");

SEC("tc")
int writes(void *ctx)
{
	__u32 key = 0;
	struct record *record = bpf_map_lookup_elem(&records, &key);

	if (!record)
		return 0;
	bpf_spin_lock(&record->lock);
	record->count++;
#pragma unroll
	for (int i = 0; i < COPIES; i++)
		*(volatile __u64 *)&record->copies[i] = record->count;
	bpf_spin_unlock(&record->lock);
	return 0;
}

SEC("cgroup_skb/ingress")
int passes(void *ctx)
{
	return 1;
}

SEC("sk_msg")
int lets(void *ctx)
{
	return 1;
}
