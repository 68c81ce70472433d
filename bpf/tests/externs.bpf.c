// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Everything that a program can ask of the kernel by name: its configuration, symbols with a type
 * and without, functions, some of which need not be there. `btfly check` answers it; nobody loads it.
 */
#include "kernel.h"

char LICENSE[] SEC("license") = "GPL";

extern int LINUX_KERNEL_VERSION __kconfig;
extern _Bool CONFIG_BPF_SYSCALL __kconfig __weak;
extern char CONFIG_CC_VERSION_TEXT[12] __kconfig __weak;
extern unsigned long CONFIG_HZ __kconfig __weak;
extern enum libbpf_tristate CONFIG_IPV6 __kconfig __weak;

extern const void init_task __ksym;
extern const void no_such_symbol __ksym __weak;

struct rq {
	int cpu;
};
extern const struct rq runqueues __ksym;
extern const struct rq no_such_variable __ksym __weak;

extern struct task_struct *bpf_task_acquire(struct task_struct *task) __ksym;
/* A flavour is the same function. */
extern void bpf_task_release___mine(struct task_struct *task) __ksym __weak;
/* Weak, and of another form than the kernel's. */
extern int bpf_task_from_pid___old(long first, long second) __ksym __weak;
extern void bpf_no_such_function(struct task_struct *task) __ksym __weak;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} values SEC(".maps");

__u64 seen;

static __noinline __u64 config(void)
{
	return LINUX_KERNEL_VERSION + CONFIG_BPF_SYSCALL + CONFIG_CC_VERSION_TEXT[1] + CONFIG_HZ +
	       CONFIG_IPV6;
}

static long each(void *map, __u32 *key, __u64 *value, void *ctx)
{
	*value += config();
	return 0;
}

SEC("fentry/do_exit")
int symbols(void *ctx)
{
	seen = (__u64)&init_task + (__u64)&no_such_symbol + (__u64)&runqueues +
	       (__u64)&no_such_variable;
	bpf_for_each_map_elem(&values, each, 0, 0);
	return config();
}

SEC("?tp_btf/task_newtask")
int functions(__u64 *ctx)
{
	struct task_struct *task = bpf_task_acquire((struct task_struct *)ctx[0]);

	if (!task)
		return 0;
	seen = task->pid;
	if (bpf_task_release___mine)
		bpf_task_release___mine(task);
	else if (bpf_no_such_function)
		bpf_no_such_function(task);
	return bpf_task_from_pid___old(1, 2);
}
