// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Global data of every sort, read in every way: by size and sign, out of structs, by an index, through
 * a switch, by a helper, in functions with many arguments; and memory that is written. prctl(OPTION,
 * x) gives one event, whose numbers are the same on a kernel without global data.
 */
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define OPTION 0x6274666c
#define NR_PRCTL 167 /* asm-generic/unistd.h */

struct answer {
	__u64 x;
	__u64 sum;	/* of unsigned numbers of each size */
	__s64 signed_sum;
	__u64 parts;	/* of a struct */
	__u64 prime;	/* number x & 15 */
	__u64 chosen;	/* by a switch */
	__u64 mixed;	/* by a function of five arguments */
	__u64 version;	/* of the kernel */
	__u64 calls;	/* so far */
	__u32 flags;
	__u32 pid;
	char text[16];
};

const volatile __u8 tiny = 200;
const volatile __u16 shorter = 60000;
const volatile __u32 middle = 4000000000U;
const volatile __u64 long_one = 0x0123456789abcdefULL;
const volatile __u64 all_ones = ~0ULL;
const volatile __s8 tiny_minus = -3;
const volatile __s16 short_minus = -300;
const volatile __s32 minus = -70000;
const volatile __s64 long_minus = -5000000000LL;
const volatile _Bool yes = 1;
const volatile _Bool no = 0;
const volatile char text[16] = "read-only";

const volatile struct {
	__u32 first;
	struct {
		__u64 inner;
		__s16 list[3];
	} nested;
} parts = { 5, { 0x1122334455667788ULL, { 1, -2, 3 } } };

/* A section of its own. */
const volatile __u32 elsewhere SEC(".rodata.elsewhere") = 77;

static const __u32 primes[16] = { 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53 };

extern int LINUX_KERNEL_VERSION __kconfig;

__u64 calls;			/* .bss */
__u64 steps[4] = { 1, 10, 100, 1000 };	/* .data */

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} answers SEC(".maps");

const struct answer *answer_of_answers;

/* The compiler makes a table of it. */
static __noinline __u64 choose(__u64 x)
{
	switch (x & 7) {
	case 0: return 901;
	case 1: return 17;
	case 2: return 66000;
	case 3: return 4;
	case 4: return 31;
	case 5: return 808;
	default: return 3;
	}
}

static __noinline __u64 mix(__u64 a, __u64 b, __u64 c, __u64 d, __u64 e)
{
	__u64 step = steps[a & 3];

	steps[b & 3] += c;
	return a + 2 * b + 3 * c + 5 * d + 7 * e + step + primes[e & 15] + middle;
}

SEC("raw_tp/sys_enter")
int answer(struct raw_args *ctx)
{
	struct user_pt_regs *regs = (void *)ctx->args[0];
	struct answer answer = {};
	__u64 option = 0, x = 0;

	if (ctx->args[1] != NR_PRCTL)
		return 0;
	bpf_probe_read_kernel(&option, sizeof(option), &regs->regs[0]);
	if (option != OPTION)
		return 0;
	bpf_probe_read_kernel(&x, sizeof(x), &regs->regs[1]);
	answer.x = x;
	answer.pid = bpf_get_current_pid_tgid() >> 32;
	answer.sum = tiny + shorter + middle + long_one + all_ones + elsewhere;
	answer.signed_sum = tiny_minus + short_minus + minus + long_minus;
	answer.parts = parts.first + parts.nested.inner + parts.nested.list[1] * parts.nested.list[2];
	answer.prime = primes[x & 15];
	answer.chosen = choose(x);
	answer.mixed = mix(x, x + 1, x + 2, x + 3, x + 4);
	answer.version = LINUX_KERNEL_VERSION;
	__sync_fetch_and_add(&calls, 1);
	answer.calls = calls;
	answer.flags = yes | no << 1 | (x > tiny) << 2;
	bpf_probe_read_kernel_str(answer.text, sizeof(answer.text), (const void *)text);
	bpf_perf_event_output(ctx, &answers, BPF_F_CURRENT_CPU, &answer, sizeof(answer));
	return 0;
}
