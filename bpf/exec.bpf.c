// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Every execve and execveat: who called it, with which arguments, and what came of it.
 *
 * Arguments are read when the call returns. On failure they come through the caller's argv, whose
 * pages the kernel has just touched. On success they come from the new program's memory: in one
 * piece where the kernel's types are known, and else (a kernel without BTF) through the stack that
 * the kernel made for it, which the user's registers point to. Where a kernel does not show those
 * either, argv is what could be read when the call began. The loader patches each "does this
 * field exist" to 0 there, so that the verifier never reaches code which needs kernel types;
 * paths and parents then come from the tracepoints of exec and fork.
 *
 * An event carries ARGS as strings, each ended by a zero byte: first the path as it was given to
 * the system call, then argv[0], argv[1] and so on. For a script the kernel has put its
 * interpreter in front of them; argv0 is argv[0] as the caller gave it, so that user space can
 * tell a script (its argv[0] has changed) and leave the interpreter out.
 */
#include "kernel.h"
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Calls that fail are reported too. */
const volatile __u8 include_failed = 0;
/* Only calls of this user are reported; all ones: of every user. */
const volatile __u32 target_uid = ~0U;
/* Arguments after argv[0] that are read one by one. */
const volatile __u32 max_args = 59;
/* Where tp/sched/sched_process_fork has child_pid; its format file says so too. */
const volatile __u32 child_pid_offset = 44;
/* Where tp/sched/sched_process_exec has filename, as a place (low half) and a length. */
const volatile __u32 filename_offset = 8;

#define PATH_MAX 512	/* bytes of the path, its end included */
#define ARGV_MAX 4096	/* bytes of all arguments together */
#define ARG_MAX 1024	/* bytes of one argument that is read through argv */
#define MAX_ARGS 60	/* arguments that are read through argv */
#define ARGS_AT_ONCE 8	/* read by one function; no loop goes over all */
#define ARGS_SIZE (PATH_MAX + ARGV_MAX)

/* ARGS is not all that there was. */
#define EVENT_TRUNCATED 1
/* A part of ARGS is not in memory and stands there as an empty string. */
#define EVENT_UNREADABLE 2

struct event {
	__u64 time_ns;		/* when the call returned, by the monotonic clock */
	__u32 pid;
	__u32 ppid;		/* 0: not known */
	__u32 uid;
	__s32 ret;		/* 0 or a negative error number */
	__u32 flags;
	__u32 args_size;	/* bytes of args that are used */
	char comm[16];
	char argv0[32];		/* its beginning, ended by a zero byte */
	char args[ARGS_SIZE];
} __attribute__((aligned(8)));

struct start {
	__u64 path;
	__u64 argv;
	char argv0[32];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

/*
 * Calls in progress, by process: a thread that succeeds takes over its process's number. A call that
 * starts a 32-bit program never ends here (that end has no tracepoint); the oldest then make room.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct start);
} starts SEC(".maps");

/*
 * Calls in progress where kernel types are not known: the event, but for its end. Until then ret
 * is the size of the path.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct event);
} captured SEC(".maps");

/* The parent of each process that was forked, where kernel types are not known. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u32);
} parents SEC(".maps");

/* Too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct event);
} scratch SEC(".maps");

static __always_inline int types_are_known(void)
{
	return bpf_core_field_exists(struct task_struct, mm) &&
	       bpf_core_field_exists(struct task_struct, real_parent) &&
	       bpf_core_field_exists(struct mm_struct, env_end);
}

static __always_inline struct event *scratch_event(void)
{
	__u32 zero = 0;
	struct event *e = bpf_map_lookup_elem(&scratch, &zero);

	if (e) {
		e->flags = 0;
		e->args_size = 0;
	}
	return e;
}

static __always_inline void read_argv0(char *argv0, __u32 size, __u64 argv)
{
	__u64 arg = 0;

	argv0[0] = 0;
	bpf_probe_read_user(&arg, sizeof(arg), (void *)argv);
	bpf_probe_read_user_str(argv0, size, (void *)arg);
}

/* Reads the path to the beginning of args. Returns its size, at most PATH_MAX. */
static __always_inline __u64 read_path(struct event *e, __u64 path)
{
	long n = bpf_probe_read_user_str(e->args, PATH_MAX, (void *)path);

	if (n <= 0) {
		e->flags |= EVENT_UNREADABLE;
		e->args[0] = 0;
		return 1;
	}
	/* Kept apart: joined into one, the verifier would not learn from these comparisons. */
	asm volatile("" : "+r"(n));
	if (n >= PATH_MAX) {
		e->flags |= EVENT_TRUNCATED;
		n = PATH_MAX;
	}
	return n;
}

/*
 * Appends argument i of an argv. Returns 0 if there may be more. A function of its own:
 * 5.10 takes a loop only if the jump backwards is a jump, which clang would arrange otherwise.
 */
static __noinline int read_arg(struct event *e, __u64 argv, __u32 i)
{
	__u64 size = e->args_size, arg = 0;
	long n;

	if (bpf_probe_read_user(&arg, sizeof(arg), (void *)(argv + i * sizeof(arg)))) {
		e->flags |= EVENT_UNREADABLE;
		return 1;
	}
	if (!arg)
		return 1;
	if (i >= MAX_ARGS || i > max_args || size > ARGS_SIZE - ARG_MAX) {
		e->flags |= EVENT_TRUNCATED;
		return 1;
	}
	n = bpf_probe_read_user_str(e->args + size, ARG_MAX, (void *)arg);
	if (n <= 0) {
		e->flags |= EVENT_UNREADABLE;
		e->args[size] = 0;
		n = 1;
	}
	/* No branch, as each doubles what the verifier walks: 1 if the argument fills its room. */
	e->flags |= n / ARG_MAX * EVENT_TRUNCATED;
	e->args_size = size + n;
	return 0;
}

/* As many as one function reads: eight. */
static __noinline int read_args(struct event *e, __u64 argv, __u32 first)
{
#pragma clang loop unroll(full)
	for (__u32 i = 0; i < ARGS_AT_ONCE; i++)
		if (read_arg(e, argv, first + i))
			return 1;
	return 0;
}

/* Appends all arguments of an argv to ARGS, one by one. No loop: kernels before 5.3 take none. */
static __noinline int read_argv(struct event *e, __u64 argv)
{
#pragma clang loop unroll(full)
	for (__u32 i = 0; i <= MAX_ARGS; i += ARGS_AT_ONCE)
		if (read_args(e, argv, i))
			break;
	return 0;
}

/* Fills ARGS from the memory of the new program: the path lies behind the environment. */
static __always_inline void read_memory(struct event *e, struct task_struct *task)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	__u64 start = BPF_CORE_READ(mm, arg_start);
	__u64 size = BPF_CORE_READ(mm, arg_end) - start;
	__u64 path = read_path(e, BPF_CORE_READ(mm, env_end));

	if (size > ARGV_MAX) {
		size = ARGV_MAX;
		e->flags |= EVENT_TRUNCATED;
	}
	if (bpf_probe_read_user(e->args + path, size, (void *)start)) {
		e->flags |= EVENT_UNREADABLE;
		size = 0;
	}
	e->args_size = path + size;
}

static __always_inline void send(void *ctx, struct event *e, __s32 ret)
{
	__u64 size = e->args_size;

	e->time_ns = bpf_ktime_get_ns();
	e->pid = bpf_get_current_pid_tgid() >> 32;
	e->ret = ret;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	if (size > ARGS_SIZE)
		size = ARGS_SIZE;
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, e,
			      __builtin_offsetof(struct event, args) + size);
}

static __noinline int enter(__u64 path, __u64 argv)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	__u32 uid = bpf_get_current_uid_gid();
	struct start start = {};
	struct event *e;

	if (target_uid != ~0U && uid != target_uid)
		return 0;
	start.path = path;
	start.argv = argv;
	read_argv0(start.argv0, sizeof(start.argv0), argv);
	bpf_map_update_elem(&starts, &tgid, &start, BPF_ANY);
	if (types_are_known())
		return 0;
	e = scratch_event();
	if (!e)
		return 0;
	e->uid = uid;
	__builtin_memcpy(e->argv0, start.argv0, sizeof(e->argv0));
	e->args_size = read_path(e, path);
	e->ret = e->args_size;
	read_argv(e, argv);
	bpf_map_update_elem(&captured, &tgid, e, BPF_ANY);
	return 0;
}

/*
 * The stack pointer of a program that just begins, or 0. A tracepoint program may not look at the
 * first eight bytes of its context, but they can be read: they point to registers, on 5.10 the
 * user's. Where they are the kernel's own, its stack is no user memory, and the answer is 0.
 */
static __always_inline __u64 user_stack(void *ctx)
{
	struct user_pt_regs *regs = 0;
	__u64 sp = 0, argc = 0;

	bpf_probe_read_kernel(&regs, sizeof(regs), ctx);
	bpf_probe_read_kernel(&sp, sizeof(sp), &regs->sp);
	if (bpf_probe_read_user(&argc, sizeof(argc), (void *)sp) || argc >= 1 << 24)
		return 0;
	return sp;
}

/* Sends an event of a call that ended, where kernel types are known. */
static __always_inline void leave_with_types(void *ctx, __u32 tgid, __s32 ret)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct start *start = bpf_map_lookup_elem(&starts, &tgid);
	struct event *e = scratch_event();

	if (!e)
		return;
	e->uid = bpf_get_current_uid_gid();
	e->ppid = BPF_CORE_READ(task, real_parent, tgid);
	if (start)
		__builtin_memcpy(e->argv0, start->argv0, sizeof(e->argv0));
	else
		e->argv0[0] = 0;
	if (ret == 0) {
		/* The new program says everything itself, even if its start was not seen. */
		if (target_uid != ~0U && e->uid != target_uid)
			return;
		read_memory(e, task);
	} else {
		if (!start)
			return;
		e->args_size = read_path(e, start->path);
		read_argv(e, start->argv);
	}
	send(ctx, e, ret);
}

/* The same where they are not. */
static __always_inline void leave_without_types(void *ctx, __u32 tgid, __s32 ret)
{
	struct start *start = bpf_map_lookup_elem(&starts, &tgid);
	struct event *e = bpf_map_lookup_elem(&captured, &tgid);
	__u32 *parent = bpf_map_lookup_elem(&parents, &tgid);
	__u64 argv;

	if (!e || !start)
		return;
	e->ppid = parent ? *parent : 0;
	if (ret == 0) {
		/* argc lies before argv. */
		argv = user_stack(ctx);
		if (argv) {
			e->flags = 0;
			e->args_size = e->ret;
			read_argv(e, argv + sizeof(argv));
		}
	} else {
		e->flags = 0;
		e->args_size = read_path(e, start->path);
		read_argv(e, start->argv);
	}
	send(ctx, e, ret);
}

/* Success and failure are kept apart, so that the verifier need not walk what is not asked for. */
static __noinline int leave(void *ctx, __s64 ret)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;

	if (types_are_known()) {
		if (ret == 0)
			leave_with_types(ctx, tgid, 0);
		else if (include_failed)
			leave_with_types(ctx, tgid, ret);
	} else {
		if (ret == 0 || include_failed)
			leave_without_types(ctx, tgid, ret);
		bpf_map_delete_elem(&captured, &tgid);
	}
	bpf_map_delete_elem(&starts, &tgid);
	return 0;
}

SEC("tp/syscalls/sys_enter_execve")
int enter_execve(struct sys_enter *ctx)
{
	return enter(ctx->args[0], ctx->args[1]);
}

SEC("tp/syscalls/sys_enter_execveat")
int enter_execveat(struct sys_enter *ctx)
{
	return enter(ctx->args[1], ctx->args[2]);
}

SEC("tp/syscalls/sys_exit_execve")
int exit_execve(struct sys_exit *ctx)
{
	return leave(ctx, ctx->ret);
}

SEC("tp/syscalls/sys_exit_execveat")
int exit_execveat(struct sys_exit *ctx)
{
	return leave(ctx, ctx->ret);
}

/* Asked for only where kernel types are not known. The task that forks is the parent. */
SEC("?tp/sched/sched_process_fork")
int fork(void *ctx)
{
	__u32 parent = bpf_get_current_pid_tgid() >> 32;
	__u32 child = 0;

	bpf_probe_read_kernel(&child, sizeof(child), ctx + child_pid_offset);
	bpf_map_update_elem(&parents, &child, &parent, BPF_ANY);
	return 0;
}

/*
 * The path where the caller's memory could not be read: after fork, a CPU that has no access flag
 * in hardware answers the first touch of every page with a fault. The kernel has the path itself.
 */
SEC("?tp/sched/sched_process_exec")
int exec(void *ctx)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct event *e = bpf_map_lookup_elem(&captured, &tgid);
	__u32 filename = 0;
	long n;

	if (!e || e->args[0])
		return 0;
	bpf_probe_read_kernel(&filename, sizeof(filename), ctx + filename_offset);
	n = bpf_probe_read_kernel_str(e->args, PATH_MAX, ctx + (filename & 0xffff));
	if (n > 0) {
		e->ret = n;
		e->args_size = n;
	}
	return 0;
}
