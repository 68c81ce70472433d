// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * prctl(OPTION, how, size, times) sends so many records of so many bytes through one of the rings:
 * each begins with when it was sent and its number, and the rest are words that follow from their place.
 * prctl(OPTION, FILL, from, 0) writes those words, some at a time.
 */
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define OPTION 0x62746672
#define NR_PRCTL 167 /* asm-generic/unistd.h */
#define BPF_MAP_TYPE_RINGBUF 27
#define BPF_F_CURRENT_CPU 0xffffffffULL

enum how { PERF, OUTPUT, RESERVE, DISCARD, FILL };

/* What RESERVE and DISCARD send. */
struct record {
	__u64 time_ns;
	__u64 number;
	__u32 pid;
	__u32 cpu;
	char comm[16];
	__u64 words[3];
};

#define MOST 65528
#define FILLED_AT_ONCE 64
#define TIMES_AT_MOST 32

struct scratch {
	__u64 time_ns;
	__u64 number;
	__u64 words[MOST / 8 - 1];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} memory SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} perf SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} ring SEC(".maps");

const struct record *record_of_both;

/* How many were sent, taken or not, and how many of them a ring had no room for. */
__u64 sent[4];
__u64 refused[4];

static __always_inline void fill(struct scratch *scratch, __u64 from)
{
	int i;

	for (i = 0; i < FILLED_AT_ONCE; i++) {
		__u64 at = from + i;

		/* Or clang counts up an address instead, of which the verifier knows no bound. */
		asm volatile("" : "+r"(at));
		if (at < MOST / 8 - 1)
			scratch->words[at] = (at + 1) * 0x9e3779b97f4a7c15ULL;
	}
}

static __always_inline void by_perf(void *ctx, struct scratch *scratch, __u64 size, __u64 times)
{
	int i;

	for (i = 0; i < TIMES_AT_MOST && i < times; i++) {
		scratch->time_ns = bpf_ktime_get_ns();
		scratch->number = sent[PERF]++;
		/* The sign, without a branch: each doubles what the verifier has to look at. */
		refused[PERF] += (__u64)bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, scratch, size) >> 63;
	}
}

static __always_inline void by_output(struct scratch *scratch, __u64 size, __u64 times)
{
	int i;

	for (i = 0; i < TIMES_AT_MOST && i < times; i++) {
		scratch->time_ns = bpf_ktime_get_ns();
		scratch->number = sent[OUTPUT]++;
		refused[OUTPUT] += (__u64)bpf_ringbuf_output(&ring, scratch, size, 0) >> 63;
	}
}

static __always_inline void by_reserve(__u64 times, const enum how how)
{
	struct record *record;
	int i;

	for (i = 0; i < TIMES_AT_MOST && i < times; i++) {
		__u64 number = sent[how]++;

		record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
		if (!record) {
			refused[how]++;
			continue;
		}
		record->time_ns = bpf_ktime_get_ns();
		record->number = number;
		record->pid = bpf_get_current_pid_tgid() >> 32;
		record->cpu = bpf_get_smp_processor_id();
		bpf_get_current_comm(record->comm, sizeof(record->comm));
		record->words[0] = record->words[1] = record->words[2] = number;
		if (how == DISCARD)
			bpf_ringbuf_discard(record, 0);
		else
			bpf_ringbuf_submit(record, 0);
	}
}

SEC("raw_tp/sys_enter")
int send(struct raw_args *ctx)
{
	struct user_pt_regs *regs = (void *)ctx->args[0];
	__u64 args[4] = {};
	struct scratch *scratch;
	__u32 zero = 0;
	__u64 size, how;

	if (ctx->args[1] != NR_PRCTL)
		return 0;
	bpf_probe_read_kernel(args, sizeof(args), &regs->regs[0]);
	if (args[0] != OPTION)
		return 0;
	scratch = bpf_map_lookup_elem(&memory, &zero);
	if (!scratch)
		return 0;
	how = args[1];
	size = args[2];
	if (how == FILL) {
		fill(scratch, size);
		return 0;
	}
	if (size > MOST)
		return 0;
	if (how == PERF)
		by_perf(ctx, scratch, size, args[3]);
	else if (how == OUTPUT)
		by_output(scratch, size, args[3]);
	else if (how == RESERVE)
		by_reserve(args[3], RESERVE);
	else if (how == DISCARD)
		by_reserve(args[3], DISCARD);
	return 0;
}
