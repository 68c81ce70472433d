// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * prctl(OPTION, number, size) sends the first `size` bytes of an event that no program should send: text without
 * an end, a name of the caller's choice, an enumerator that does not exist, a bool of 2, a type that contains itself
 * by pointer. The ring buffer has one page.
 */
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define OPTION 0x62746668
#define NR_PRCTL 167 /* asm-generic/unistd.h */
#define BPF_MAP_TYPE_RINGBUF 27
#define MORE 64

enum state { IDLE, RUNNING };
enum flags { READ = 1, WRITE = 2, EXEC = 4 };

struct node {
	struct node *next;
	struct event *parent;
};

struct event {
	__u64 number;
	char comm[16];
	char full[8];
	enum state state;
	enum flags flags;
	_Bool yes;
	char letter;
	struct node node;
	__u64 last;
};

struct sent {
	struct event event;
	__u8 more[MORE];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} perf SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sent);
} scratch SEC(".maps");

static __always_inline struct sent *prepare(struct raw_args *ctx, __u64 *size)
{
	struct user_pt_regs *regs = (void *)ctx->args[0];
	__u64 args[3] = {};
	struct sent *sent;
	struct event *e;
	__u32 zero = 0;

	if (ctx->args[1] != NR_PRCTL)
		return 0;
	bpf_probe_read_kernel(args, sizeof(args), &regs->regs[0]);
	if (args[0] != OPTION)
		return 0;
	sent = bpf_map_lookup_elem(&scratch, &zero);
	if (!sent)
		return 0;
	*size = args[2];
	e = &sent->event;
	e->number = args[1];
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	__builtin_memcpy(e->full, "\xc3\xa4" "cdefg\xc3", sizeof(e->full));
	e->state = 77;
	e->flags = WRITE | 0x40;
	*(__u8 *)&e->yes = 2;
	e->letter = '\x1b';
	e->node.next = &e->node;
	e->node.parent = e;
	e->last = ~0ULL;
	return sent;
}

SEC("raw_tp/sys_enter")
int to_perf(struct raw_args *ctx)
{
	__u64 size = 0;
	struct sent *sent = prepare(ctx, &size);

	if (sent && size <= sizeof(*sent))
		bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, sent, size);
	return 0;
}

SEC("?raw_tp/sys_enter")
int to_ring(struct raw_args *ctx)
{
	__u64 size = 0;
	struct sent *sent = prepare(ctx, &size);

	if (sent && size <= sizeof(*sent))
		bpf_ringbuf_output(&ring, sent, size, 0);
	return 0;
}
