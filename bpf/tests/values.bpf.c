// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * prctl(OPTION, n) sends event n of those below, whose contents are known, through a perf ring and
 * (where the program of it is loaded) a BPF ring buffer.
 */
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define OPTION 0x6274666c
#define NR_PRCTL 167 /* asm-generic/unistd.h */
#define BPF_MAP_TYPE_RINGBUF 27

typedef __u16 __be16;
typedef __u32 __be32;
typedef __s32 pid_t;
typedef __u32 dev_t;

struct in_addr {
	__be32 s_addr;
};

struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__be16 u6_addr16[8];
		__be32 u6_addr32[4];
	} in6_u;
};

enum state { IDLE, RUNNING, STOPPED, DEAD };
enum flags { F_READ = 1, F_WRITE = 2, F_EXEC = 4, F_ALL = 7 };
enum wide { LOW = 1, TOP = 0x8000000000000000ULL };
enum negative { FAILED = -1, DONE = 0 };

struct inner {
	__s32 a;
	__u16 b[3];
};

struct node {
	struct node *next;
	__u32 number;
};

struct event {
	__u64 number;
	__s8 s8;
	__u8 u8;
	__s16 s16;
	__u16 u16;
	__s32 s32;
	__u32 u32;
	__s64 s64;
	__u64 u64;
	unsigned __int128 u128;
	__int128 s128;
	_Bool yes;
	char letter;
	char text[12];
	__u8 bytes[6];
	__u8 name[8];
	enum state state;
	enum flags flags;
	enum wide wide;
	enum negative negative;
	void *pointer;
	struct node node;
	__u32 three : 3;
	__s32 five : 5;
	__u32 one : 1;
	enum state bits : 2;
	struct inner inner[2];
	union {
		__u64 whole;
		__u32 half;
	} either;
	struct {
		__u8 anonymous;
	};
	float single;
	double twice;
	__be32 saddr;
	__be16 dport;
	__be32 sequence;
	struct in_addr v4;
	struct in6_addr v6;
	__u8 daddr_v6[16];
	pid_t pid;
	__u64 latency_ns;
	dev_t dev;
};

/* Event 3 is cut off, event 4 is longer than its type. */
#define SHORT 20
#define MORE 64

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
	__uint(max_entries, 64 * 1024);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sent);
} scratch SEC(".maps");

static __always_inline int is_mine(struct raw_args *ctx, __u64 *number)
{
	struct user_pt_regs *regs = (void *)ctx->args[0];
	__u64 option = 0;

	if (ctx->args[1] != NR_PRCTL)
		return 0;
	bpf_probe_read_kernel(&option, sizeof(option), &regs->regs[0]);
	if (option != OPTION)
		return 0;
	bpf_probe_read_kernel(number, sizeof(*number), &regs->regs[1]);
	return 1;
}

static __always_inline void fill(struct event *e, __u64 number)
{
	static const char text[12] = "plain text";
	static const char odd[12] = "\x1b[2J\xff\"\\,\n\t!";

	__builtin_memset(e, 0, sizeof(*e));
	e->number = number;
	if (number == 0)
		return;
	e->s8 = -128;
	e->u8 = 255;
	e->s16 = -32768;
	e->u16 = 65535;
	e->s32 = -2147483647 - 1;
	e->u32 = 4294967295u;
	e->s64 = -9223372036854775807LL - 1;
	e->u64 = 18446744073709551615ULL;
	e->u128 = ~(unsigned __int128)0;
	e->s128 = -1;
	e->yes = 1;
	e->letter = 'R';
	__builtin_memcpy(e->text, number == 2 ? odd : text, sizeof(e->text));
	e->bytes[0] = 0x52;
	e->bytes[1] = 0x54;
	e->bytes[5] = 0x56;
	e->name[0] = 'e';
	e->name[1] = 't';
	e->name[2] = 'h';
	e->name[3] = '0';
	e->state = number == 2 ? 77 : RUNNING;
	e->flags = number == 2 ? F_WRITE | 0x10 : F_READ | F_EXEC;
	e->wide = TOP;
	e->negative = FAILED;
	e->pointer = (void *)0xffff000012345678ULL;
	e->node.next = (void *)0x1000;
	e->node.number = 3;
	e->three = 5;
	e->five = -16;
	e->one = 1;
	e->bits = STOPPED;
	e->inner[0].a = -1;
	e->inner[0].b[0] = 1;
	e->inner[0].b[1] = 2;
	e->inner[1].a = 7;
	e->inner[1].b[2] = 3;
	e->either.whole = 0x100000002ULL;
	e->anonymous = 9;
	/* No floating point in BPF: 0.1f and -2.5. */
	*(__u32 *)&e->single = 0x3dcccccd;
	*(__u64 *)&e->twice = 0xc004000000000000ULL;
	e->saddr = 0x0100007f;
	e->dport = 0xbb01;
	e->sequence = 0x01000000;
	e->v4.s_addr = 0x0101a8c0;
	e->v6.in6_u.u6_addr8[0] = 0xfe;
	e->v6.in6_u.u6_addr8[1] = 0x80;
	e->v6.in6_u.u6_addr8[15] = 1;
	e->daddr_v6[10] = 0xff;
	e->daddr_v6[11] = 0xff;
	e->daddr_v6[12] = 10;
	e->daddr_v6[15] = 1;
	e->pid = 4711;
	e->latency_ns = 1234567;
	e->dev = 8 << 20 | 1;
}

SEC("raw_tp/sys_enter")
int to_perf(struct raw_args *ctx)
{
	__u32 zero = 0;
	__u64 number = 0;
	struct sent *sent;

	if (!is_mine(ctx, &number))
		return 0;
	sent = bpf_map_lookup_elem(&scratch, &zero);
	if (!sent)
		return 0;
	fill(&sent->event, number);
	if (number == 3)
		bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, sent, SHORT);
	else if (number == 4)
		bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, sent, sizeof(*sent));
	else
		bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, sent, sizeof(sent->event));
	return 0;
}

SEC("?raw_tp/sys_enter")
int to_ring(struct raw_args *ctx)
{
	__u32 zero = 0;
	__u64 number = 0;
	struct sent *sent;

	if (!is_mine(ctx, &number))
		return 0;
	sent = bpf_map_lookup_elem(&scratch, &zero);
	if (!sent)
		return 0;
	fill(&sent->event, number);
	if (number == 3)
		bpf_ringbuf_output(&ring, sent, SHORT, 0);
	else if (number == 4)
		bpf_ringbuf_output(&ring, sent, sizeof(*sent), 0);
	else
		bpf_ringbuf_output(&ring, sent, sizeof(sent->event), 0);
	return 0;
}
