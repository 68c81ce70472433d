// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A map that is kept under its name, and counts across runs: calls of prctl(2) by the process `target`. */
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define NR_PRCTL 167
#define LIBBPF_PIN_BY_NAME 1

const volatile __u32 target = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, __u64);
} kept SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} let_go SEC(".maps");

SEC("raw_tp/sys_enter")
int count(struct raw_args *ctx)
{
	__u32 key = 0;
	__u64 one = 1, *value;

	if (ctx->args[1] != NR_PRCTL || bpf_get_current_pid_tgid() >> 32 != target)
		return 0;
	value = bpf_map_lookup_elem(&kept, &key);
	if (value)
		__sync_fetch_and_add(value, 1);
	else
		bpf_map_update_elem(&kept, &key, &one, BPF_ANY);
	value = bpf_map_lookup_elem(&let_go, &key);
	if (value)
		__sync_fetch_and_add(value, 1);
	return 0;
}

/* No kernel has this: it can't be attached. */
SEC("?tp/no_such_category/no_such_event")
int never(void *ctx)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&kept, &key) != 0;
}

/* And this is refused by every verifier. */
SEC("?raw_tp/sys_enter")
int refused(struct raw_args *ctx)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&kept, &key);

	return *value;
}
