// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What happens while a system starts: programs, modules and mounts, by the clock that began with the kernel, and how
 * long each took. A program is told of twice: when it begins, and when it ends.
 */
#include "tool.h"
#include "kernel.h"
#include "records.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define NAME_LEN 64
#define TYPE_LEN 16
#define ARGS_LEN 128

enum what { EXEC, EXIT, MODULE, MOUNT };

struct event {
	__u64 at_ns;	/* since the kernel began; when it began */
	enum what what;
	__u32 pid;
	char comm[COMM_LEN];
	__u64 took_ns;	/* of EXIT since the last EXEC; of EXEC 0 */
	errno_t ret;	/* of the system call */
	char name[NAME_LEN];	/* the program, the module, or where something is mounted */
	char fstype[TYPE_LEN];
	__u32 args_size;
	char args[ARGS_LEN];	/* of a program, each ended by a zero byte; or what is mounted */
};

/* A call's texts are read when it ends: until then the kernel may not have them in memory. */
struct step {
	struct event event;
	__u64 source, name, fstype;
};

/* What goes on: by process a program, by the negative number of a thread a system call. */
LRU_HASH(going_on, 512, __s32, struct step);

EVENTS(events);

/* A step that begins now. It stays in the map until its end. */
static __noinline struct step *begin(__s32 key, enum what what)
{
	struct step step = {};

	step.event.at_ns = bpf_ktime_get_ns();
	step.event.what = what;
	step.event.pid = current_pid();
	bpf_get_current_comm(step.event.comm, sizeof(step.event.comm));
	bpf_map_update_elem(&going_on, &key, &step, BPF_ANY);
	return bpf_map_lookup_elem(&going_on, &key);
}

static __noinline int send(void *ctx, struct event *event)
{
	return bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, event, sizeof(*event));
}

static __noinline int end(void *ctx, __s32 key, __s32 ret)
{
	struct step *step = bpf_map_lookup_elem(&going_on, &key);

	if (!step)
		return 0;
	step->event.took_ns = bpf_ktime_get_ns() - step->event.at_ns;
	step->event.ret = ret;
	if (step->event.what == EXEC)
		step->event.what = EXIT;
	if (step->event.what == MOUNT) {
		bpf_probe_read_user_str(step->event.name, NAME_LEN, (void *)step->name);
		bpf_probe_read_user_str(step->event.fstype, TYPE_LEN, (void *)step->fstype);
		step->event.args_size = ARGS_LEN;
		bpf_probe_read_user_str(step->event.args, ARGS_LEN, (void *)step->source);
	}
	send(ctx, &step->event);
	bpf_map_delete_elem(&going_on, &key);
	return 0;
}

/* The arguments that a new program finds in its memory. */
static __always_inline void read_args(struct event *event)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct mm_struct *mm;
	__u64 begin, size;

	if (!bpf_core_field_exists(task->mm))
		return;
	mm = BPF_CORE_READ(task, mm);
	begin = BPF_CORE_READ(mm, arg_start);
	size = BPF_CORE_READ(mm, arg_end) - begin;
	if (size > ARGS_LEN)
		size = ARGS_LEN;
	if (!bpf_probe_read_user(event->args, size, (void *)begin))
		event->args_size = size;
}

SEC("tp/sched/sched_process_exec")
int program_begins(struct trace_event_raw_sched_process_exec *ctx)
{
	struct step *step = begin(current_pid(), EXEC);

	if (!step)
		return 0;
	bpf_probe_read_kernel_str(step->event.name, NAME_LEN, TEXT_OF(ctx, filename));
	read_args(&step->event);
	send(ctx, &step->event);
	return 0;
}

/* The end of the first thread of a process. */
SEC("tp/sched/sched_process_exit")
int program_ends(void *ctx)
{
	__s32 pid = current_pid();

	if (pid == current_tid())
		end(ctx, pid, 0);
	return 0;
}

/* Kernels without modules have none of these three places. */
SEC("?tp/module/module_load")
int module_begins(struct trace_event_raw_module_load *ctx)
{
	struct step *step = begin(-current_tid(), MODULE);

	if (step)
		bpf_probe_read_kernel_str(step->event.name, NAME_LEN, TEXT_OF(ctx, name));
	return 0;
}

static __always_inline int mount_begins(__u64 source, __u64 name, __u64 fstype)
{
	struct step *step = begin(-current_tid(), MOUNT);

	if (step) {
		step->source = source;
		step->name = name;
		step->fstype = fstype;
	}
	return 0;
}

SEC("tp/syscalls/sys_enter_mount")
int enter_mount(struct sys_enter *ctx)
{
	return mount_begins(ctx->args[0], ctx->args[1], ctx->args[2]);
}

/* How newer programs mount: what was made before, without a name, moves to its place. */
SEC("tp/syscalls/sys_enter_move_mount")
int enter_move_mount(struct sys_enter *ctx)
{
	return mount_begins(ctx->args[1], ctx->args[3], 0);
}

static __always_inline int call_ends(struct sys_exit *ctx)
{
	return end(ctx, -current_tid(), ctx->ret);
}

SEC("tp/syscalls/sys_exit_mount")
int exit_mount(struct sys_exit *ctx)
{
	return call_ends(ctx);
}

SEC("tp/syscalls/sys_exit_move_mount")
int exit_move_mount(struct sys_exit *ctx)
{
	return call_ends(ctx);
}

SEC("?tp/syscalls/sys_exit_init_module")
int exit_init_module(struct sys_exit *ctx)
{
	return call_ends(ctx);
}

SEC("?tp/syscalls/sys_exit_finit_module")
int exit_finit_module(struct sys_exit *ctx)
{
	return call_ends(ctx);
}
