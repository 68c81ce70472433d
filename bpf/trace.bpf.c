// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A function of the kernel or a tracepoint that is named at run time, with its arguments. What is in an event is
 * said by whoever loads this, who knows the function's parameters or the tracepoint's fields: here they are
 * numbers and bytes.
 */
#include "tool.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define ARGS 8		/* that are in registers */
#define TEXTS 2		/* that are read for an event */
#define TEXT_LEN 64
#define RECORD_LEN 256
#define NO_TEXT 0xff

const volatile __u32 target_pid = 0;
const volatile char target_comm[16] = {};
/* Bits that an argument does not have, and whether it is signed. */
const volatile __u8 arg_shift[ARGS] = {};
const volatile __u8 arg_signed[ARGS] = {};
/* Arguments that are text, or point to a struct that points to text so many bytes from its start (minus one). */
const volatile __u8 text_arg[TEXTS] = { NO_TEXT, NO_TEXT };
const volatile __u32 text_behind[TEXTS] = {};
/* Where a tracepoint's record has the place of a text, or nothing (0). */
const volatile __u32 text_at[TEXTS] = {};

struct head {
	__u32 pid;
	__u32 tid;
	char comm[16];
};

struct call {
	struct head head;
	__u64 args[ARGS];
	char texts[TEXTS][TEXT_LEN];
};

struct record {
	struct head head;
	__u8 bytes[RECORD_LEN];
	char texts[TEXTS][TEXT_LEN];
};

EVENTS(events);
SCRATCH(calls, struct call);
SCRATCH(records, struct record);

static __always_inline int begin(struct head *head)
{
	__u64 id = bpf_get_current_pid_tgid();

	if (target_pid && id >> 32 != target_pid)
		return 0;
	if (!is_command(target_comm))
		return 0;
	head->pid = id >> 32;
	head->tid = id;
	bpf_get_current_comm(head->comm, sizeof(head->comm));
	return 1;
}

static __always_inline void read_text(struct call *call, __u32 text, __u64 from)
{
	char *to = call->texts[text];

	to[0] = 0;
	if (text_behind[text])
		bpf_probe_read_kernel(&from, sizeof(from), (void *)(from + text_behind[text] - 1));
	/* The kernel's own, or the user's: an address is only one of them. */
	if (bpf_probe_read_kernel_str(to, TEXT_LEN, (void *)from) <= 0 || !to[0])
		bpf_probe_read_user_str(to, TEXT_LEN, (void *)from);
}

SEC("?kprobe")
int function(struct user_pt_regs *ctx)
{
	__u32 zero = 0;
	struct call *call = bpf_map_lookup_elem(&calls, &zero);

	if (!call || !begin(&call->head))
		return 0;
#pragma clang loop unroll(full)
	for (__u32 i = 0; i < ARGS; i++) {
		__u64 value = ctx->regs[i] << arg_shift[i];

		if (arg_signed[i])
			value = (__s64)value >> arg_shift[i];
		else
			value >>= arg_shift[i];
		call->args[i] = value;
#pragma clang loop unroll(full)
		for (__u32 text = 0; text < TEXTS; text++)
			if (text_arg[text] == i)
				read_text(call, text, value);
	}
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, call, sizeof(*call));
	return 0;
}

SEC("?tp")
int tracepoint(void *ctx)
{
	__u32 zero = 0;
	struct record *record = bpf_map_lookup_elem(&records, &zero);
	__u32 place;

	if (!record || !begin(&record->head))
		return 0;
	/* Behind a short record is other memory of the kernel's, which nobody is shown. */
	bpf_probe_read_kernel(record->bytes, sizeof(record->bytes), ctx);
#pragma clang loop unroll(full)
	for (__u32 text = 0; text < TEXTS; text++) {
		record->texts[text][0] = 0;
		if (!text_at[text])
			continue;
		place = 0;
		bpf_probe_read_kernel(&place, sizeof(place), ctx + text_at[text]);
		bpf_probe_read_kernel_str(record->texts[text], TEXT_LEN, ctx + (place & 0xffff));
	}
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, record, sizeof(*record));
	return 0;
}
