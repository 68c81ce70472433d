// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * prctl(OPTION, n) sends record n through one of several rings, each of which says in its own way of
 * which type its records are.
 */
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define OPTION 0x6274666c
#define NR_PRCTL 167 /* asm-generic/unistd.h */
#define BPF_MAP_TYPE_RINGBUF 27

struct valued {
	__u32 by_value;
};

struct by_tag {
	__u32 tagged;
};

struct usual_event {
	__u32 usual;
};

enum kind { KIND_EXEC = 1, KIND_OPEN = 2 };

struct exec {
	enum kind kind;
	__u32 pid;
	char type[8];
};

struct open_event {
	enum kind kind;
	__s32 fd;
};

struct small {
	__u64 a;
};

struct large {
	__u64 a, b, c;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
	__type(value, struct valued);
} valued SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} tagged SEC(".maps") __attribute__((btf_decl_tag("btfly:event=by_tag")));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} usual SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} mixed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} sized SEC(".maps");

struct placed_event {
	void *function;
	void *heap;
	__u32 calls;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} placed SEC(".maps");

const struct placed_event *placed_is_kept;
const struct by_tag *by_tag_is_kept;
const struct usual_event *usual_is_kept;
const struct exec *exec_is_kept;
const struct open_event *open_is_kept;
const struct small *small_is_kept;
const struct large *large_is_kept;

SEC("raw_tp/sys_enter")
int send(struct raw_args *ctx)
{
	struct user_pt_regs *regs = (void *)ctx->args[0];
	__u64 option = 0, n = 0;
	struct exec exec = { KIND_EXEC, 4711, "sh" };
	struct open_event open = { KIND_OPEN, -2 };
	struct large large = { 1, 2, 3 };
	struct placed_event placed_event = {};
	__u32 number;

	if (ctx->args[1] != NR_PRCTL)
		return 0;
	bpf_probe_read_kernel(&option, sizeof(option), &regs->regs[0]);
	if (option != OPTION)
		return 0;
	bpf_probe_read_kernel(&n, sizeof(n), &regs->regs[1]);
	number = n;
	switch (n) {
	case 1:
		bpf_ringbuf_output(&valued, &number, sizeof(number), 0);
		break;
	case 2:
		bpf_ringbuf_output(&tagged, &number, sizeof(number), 0);
		break;
	case 3:
		bpf_ringbuf_output(&usual, &number, sizeof(number), 0);
		break;
	case 4:
		bpf_ringbuf_output(&mixed, &exec, sizeof(exec), 0);
		break;
	case 5:
		bpf_ringbuf_output(&mixed, &open, sizeof(open), 0);
		break;
	case 6:
		bpf_ringbuf_output(&mixed, &number, sizeof(number), 0);
		break;
	case 7:
		bpf_ringbuf_output(&sized, &large, sizeof(large), 0);
		break;
	case 8:
		bpf_ringbuf_output(&sized, &large, 8, 0);
		break;
	case 9:
		/* From where in the kernel, and what lies in memory where no symbol is. */
		bpf_get_stack(ctx, &placed_event.function, sizeof(placed_event.function), 0);
		placed_event.heap = (void *)0xffff000012345678ULL;
		placed_event.calls = 1;
		bpf_ringbuf_output(&placed, &placed_event, sizeof(placed_event), 0);
		break;
	}
	return 0;
}
