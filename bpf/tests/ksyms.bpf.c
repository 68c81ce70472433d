// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a program asks of the kernel by name, to be loaded: each writes what it found to a global
 * variable. Some of it no kernel has.
 */
#include "abi.h"
#include <bpf/bpf_core_read.h>

#define CORE __attribute__((preserve_access_index))

char LICENSE[] SEC("license") = "GPL";

struct rq {
	int cpu;
	int nr_running;
} CORE;

struct task_struct {
	int pid;
} CORE;

struct block_device {
	unsigned int bd_dev;
} CORE;

extern int LINUX_KERNEL_VERSION __kconfig;
extern _Bool LINUX_HAS_BPF_COOKIE __kconfig __weak;
extern _Bool LINUX_HAS_SYSCALL_WRAPPER __kconfig __weak;
extern int LINUX_OF_THE_FUTURE __kconfig __weak;
extern int CONFIG_HZ __kconfig __weak;
extern _Bool CONFIG_BPF_SYSCALL __kconfig __weak;
extern enum libbpf_tristate CONFIG_BTFLY_TRI __kconfig __weak;
extern char CONFIG_BTFLY_TEXT[8] __kconfig __weak;
extern unsigned long CONFIG_BTFLY_LONG __kconfig __weak;
extern int CONFIG_BTFLY_ABSENT __kconfig __weak;

extern const void init_task __ksym;
extern const void btfly_no_such_symbol __ksym __weak;
extern const void btfly_no_such_strong_symbol __ksym;

extern const struct rq runqueues __ksym;
extern const struct rq btfly_no_such_variable __ksym __weak;

extern struct task_struct *bpf_task_acquire(struct task_struct *) __ksym __weak;
extern void bpf_task_release___mine(struct task_struct *task) __ksym __weak;
extern void bpf_task_release___old(long first, long second) __ksym __weak;
extern void btfly_no_such_function(void) __ksym __weak;
extern void btfly_no_such_strong_function(void) __ksym;
/* Of loop.ko, and no function for programs: the verifier says so when it finds the right one. */
extern int lo_ioctl(struct block_device *device, unsigned int mode, unsigned int command,
		    unsigned long argument) __ksym __weak;

__u64 address = 1;
__u64 weak_address = 1;
__u64 cpu = 1;
__u64 weak_variable = 1;
__u64 version, cookie = 5, wrapper = 5, future = 5;
__u64 hz = 5, syscall = 5, tristate = 5, text = 5, number = 5, absent = 5;
__u64 found_function = 5, found_old = 5, found_none = 5, found_module = 5;

SEC("?raw_tp")
int config(void *ctx)
{
	version = LINUX_KERNEL_VERSION;
	cookie = LINUX_HAS_BPF_COOKIE;
	wrapper = LINUX_HAS_SYSCALL_WRAPPER;
	future = LINUX_OF_THE_FUTURE;
	hz = CONFIG_HZ;
	syscall = CONFIG_BPF_SYSCALL;
	tristate = CONFIG_BTFLY_TRI;
	text = CONFIG_BTFLY_TEXT[0];
	number = CONFIG_BTFLY_LONG;
	absent = CONFIG_BTFLY_ABSENT;
	return 0;
}

SEC("?raw_tp")
int addresses(void *ctx)
{
	address = (__u64)&init_task;
	weak_address = (__u64)&btfly_no_such_symbol;
	return 0;
}

SEC("?raw_tp")
int no_symbol(void *ctx)
{
	address = (__u64)&btfly_no_such_strong_symbol;
	return 0;
}

SEC("?raw_tp")
int variables(void *ctx)
{
	const struct rq *rq = bpf_per_cpu_ptr(&runqueues, 0);

	if (rq)
		cpu = rq->cpu;
	weak_variable = (__u64)&btfly_no_such_variable;
	return 0;
}

/* Loads on each kernel with BTF, with and without these functions. */
SEC("?tp_btf/task_newtask")
int functions(__u64 *ctx)
{
	struct task_struct *task;

	if (btfly_no_such_function)
		btfly_no_such_function();
	if (bpf_task_release___old)
		bpf_task_release___old(1, 2);
	if (!bpf_task_acquire || !bpf_task_release___mine)
		return 0;
	task = bpf_task_acquire((struct task_struct *)ctx[0]);
	if (task)
		bpf_task_release___mine(task);
	return 0;
}

SEC("?raw_tp")
int exists(void *ctx)
{
	found_none = !!btfly_no_such_function;
	found_old = !!bpf_task_release___old;
	found_function = !!bpf_task_release___mine;
	found_module = !!lo_ioctl;
	return 0;
}

SEC("?raw_tp")
int unguarded(void *ctx)
{
	btfly_no_such_function();
	return 0;
}

SEC("?raw_tp")
int no_function(void *ctx)
{
	btfly_no_such_strong_function();
	return 0;
}

SEC("?tp_btf/task_newtask")
int of_module(__u64 *ctx)
{
	return lo_ioctl((void *)ctx[0], 1, 2, 3) & 0;
}
