// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Counts the system calls of each command, and how long they took. It sends no events: what it found is in maps.
 *
 *   btfly run calls.bpf.o --show calls --top 10 --by total_ns
 *   btfly run calls.bpf.o --hist took:usecs --interval 10
 */
#include "types.h"
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define SLOTS 26

struct command {
	char comm[16];
};

struct calls {
	__u64 calls;
	__u64 total_ns;
};

struct hist {
	__u32 slots[SLOTS];
};

/* Calls that go on: by thread, since when. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u64);
} started SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct command);
	__type(value, struct calls);
} calls SEC(".maps");

/* Microseconds that calls took, by powers of two. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct command);
	__type(value, struct hist);
} took SEC(".maps");

const struct calls no_calls = {};
const struct hist no_hist = {};

SEC("raw_tp/sys_enter")
int entered(void *ctx)
{
	__u32 thread = bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&started, &thread, &now, BPF_ANY);
	return 0;
}

static __u32 log2_of(__u64 value)
{
	__u32 slot = 0;

	for (__u32 half = 32; half; half /= 2)
		if (value >> half) {
			value >>= half;
			slot += half;
		}
	return slot;
}

SEC("raw_tp/sys_exit")
int left(void *ctx)
{
	__u32 thread = bpf_get_current_pid_tgid();
	__u64 *since = bpf_map_lookup_elem(&started, &thread), ns;
	struct command command = {};
	struct calls *count;
	struct hist *hist;
	__u32 slot;

	if (!since)
		return 0;
	ns = bpf_ktime_get_ns() - *since;
	bpf_map_delete_elem(&started, &thread);
	bpf_get_current_comm(command.comm, sizeof(command.comm));

	bpf_map_update_elem(&calls, &command, &no_calls, BPF_NOEXIST);
	count = bpf_map_lookup_elem(&calls, &command);
	if (count) {
		__sync_fetch_and_add(&count->calls, 1);
		__sync_fetch_and_add(&count->total_ns, ns);
	}

	bpf_map_update_elem(&took, &command, &no_hist, BPF_NOEXIST);
	hist = bpf_map_lookup_elem(&took, &command);
	slot = log2_of(ns / 1000);
	if (hist && slot < SLOTS)
		__sync_fetch_and_add(&hist->slots[slot], 1);
	return 0;
}
