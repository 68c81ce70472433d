// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A program for each way of attaching by a link. Those that see something say so in an event: what
 * they are, and a number that prctl(OPTION, number) or a packet carried. Others decide.
 */
#include "abi.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

#define CORE __attribute__((preserve_access_index))

char LICENSE[] SEC("license") = "GPL";

#define OPTION 0x6274666c
#define EACCES 13
#define ENOSYS 38
#define PORT 4711

enum { ENTRY, EXIT, MODULE, RAW, PACKET, EGRESS, REPLACED, COOKIE };

struct pt_regs {
	struct user_pt_regs user_regs;
} CORE;

struct task_struct {
	int pid;
} CORE;

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id;
	__u64 seq_num;
} CORE;

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} CORE;

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	void *map;
	const __u32 *key;
	const __u32 *value;
} CORE;

/* linux/bpf.h. */
struct xdp_md {
	__u32 data;
	__u32 data_end;
};

struct __sk_buff {
	__u32 len;
};

struct bpf_sock_addr {
	__u32 user_family;
	__u32 user_ip4;
	__u32 user_ip6[4];
	__u32 user_port;
};

struct event {
	__u32 what;
	__u32 number;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u32);
} counts SEC(".maps");

/* Keeps the type of the events in the object's BTF. */
const struct event *event_of_events;

#define SEND(ctx, ...)                                                                                \
	do {                                                                                          \
		struct event e = {__VA_ARGS__};                                                       \
		bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &e, sizeof(e));                \
	} while (0)

SEC("?fentry/__arm64_sys_prctl")
int entry(__u64 *ctx)
{
	const struct pt_regs *regs = (void *)ctx[0];

	if ((__u32)regs->user_regs.regs[0] == OPTION)
		SEND(ctx, ENTRY, regs->user_regs.regs[1]);
	return 0;
}

SEC("?fentry/__arm64_sys_prctl")
int cookie(__u64 *ctx)
{
	SEND(ctx, COOKIE, bpf_get_attach_cookie(ctx));
	return 0;
}

SEC("?fexit/placeholder")
int leave(__u64 *ctx)
{
	const struct pt_regs *regs = (void *)ctx[0];

	if ((__u32)regs->user_regs.regs[0] == OPTION)
		SEND(ctx, EXIT, regs->user_regs.regs[1] - (int)ctx[1]);
	return 0;
}

/* Of the functions that may be decided for, those of the security modules are in every kernel. */
SEC("?fmod_ret/security_task_prctl")
int modify(__u64 *ctx)
{
	return (__u32)ctx[0] == OPTION ? -EACCES : 0;
}

SEC("?lsm/task_prctl")
int decide(__u64 *ctx)
{
	return (__u32)ctx[0] == OPTION ? -EACCES : -ENOSYS;
}

SEC("?fentry/loop:lo_ioctl")
int of_module(__u64 *ctx)
{
	SEND(ctx, MODULE, ctx[2]);
	return 0;
}

SEC("?tp_btf/sys_enter")
int raw(__u64 *ctx)
{
	const struct pt_regs *regs = (void *)ctx[0];

	if ((__u32)regs->user_regs.regs[0] == OPTION)
		SEND(ctx, RAW, regs->user_regs.regs[1]);
	return 0;
}

SEC("?iter/task")
int tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task)
		BPF_SEQ_PRINTF(ctx->meta->seq, "task %d\n", task->pid);
	return 0;
}

SEC("?iter/bpf_map_elem")
int elements(struct bpf_iter__bpf_map_elem *ctx)
{
	const __u32 *key = ctx->key, *value = ctx->value;

	if (key && value)
		BPF_SEQ_PRINTF(ctx->meta->seq, "%u is %u\n", *key, *value);
	return 0;
}

SEC("?syscall")
int answer(void *ctx)
{
	return 42;
}

SEC("?syscall")
int zeros(const __u64 *ctx)
{
	return ctx[0] || ctx[100] ? 1 : -7;
}

SEC("?xdp")
int packets(struct xdp_md *ctx)
{
	const __u8 *start = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	/* Ethernet and IP without options, UDP: the port that it is for. */
	if (start + 42 <= end && start[23] == 17)
		SEND(ctx, PACKET, start[36] << 8 | start[37]);
	return 2; /* XDP_PASS */
}

SEC("?cgroup_skb/egress")
int egress(struct __sk_buff *skb)
{
	SEND(skb, EGRESS, skb->len);
	return 1;
}

SEC("?cgroup/connect4")
int connects(struct bpf_sock_addr *ctx)
{
	return ctx->user_port != bpf_htons(PORT);
}

#define ALLOW(section, name)                                                                          \
	SEC("?" section) int name(void *ctx)                                                          \
	{                                                                                             \
		return 1;                                                                             \
	}

ALLOW("cgroup_skb/ingress", ingress)
ALLOW("cgroup/skb", either_way)
ALLOW("cgroup/sock", sock)
ALLOW("cgroup/sock_create", sock_create)
ALLOW("cgroup/sock_release", sock_release)
ALLOW("cgroup/post_bind4", post_bind)
ALLOW("cgroup/bind4", binds)
ALLOW("cgroup/sendmsg4", sends)
ALLOW("cgroup/recvmsg4", receives)
ALLOW("cgroup/getpeername4", peers)
ALLOW("cgroup/getsockname6", names)
ALLOW("cgroup/sysctl", sysctl)
ALLOW("cgroup/getsockopt", gets)
ALLOW("cgroup/setsockopt", sets)
ALLOW("cgroup/dev", devices)
ALLOW("sockops", sockops)
ALLOW("lsm_cgroup/socket_bind", bind_hook)

/* Of kinds that are loaded and not attached, and of none. */
SEC("?tc")
int classifier(struct __sk_buff *skb)
{
	return 0;
}

SEC("?tp/only_a_name")
int half(void *ctx)
{
	return 0;
}

SEC("?xdp_custom")
int custom(struct xdp_md *ctx)
{
	return 2;
}

/* What a program of another object may replace, and what says what it returns. */
__noinline int number(int from)
{
	asm volatile("" : "+r"(from));
	return from + 1;
}

/* What replaces a function of a raw tracepoint program may return nothing but 0. */
SEC("?tp/syscalls/sys_enter_prctl")
int replaceable(struct sys_enter *ctx)
{
	if ((__u32)ctx->args[0] == OPTION)
		SEND(ctx, REPLACED, number(ctx->args[1]));
	return 0;
}

SEC("?freplace/number")
int replacement(int from)
{
	return from + 1000;
}
