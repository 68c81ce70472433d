// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * CO-RE relocations next to the truth. prctl(OPTION) gives one event: what was read or computed
 * through relocations, and where there is one, the same as a helper or the caller knows it.
 */
#include "kernel.h"
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define OPTION 0x6274666c

typedef struct {
	unsigned int val;
} kuid_t;

/* Flavours: the loader drops what follows the three underscores. */
struct cred___of_a_task {
	kuid_t uid;
} CORE;

struct task_struct___flavour {
	const struct cred___of_a_task *cred;
	int tgid;
	int no_such_field;
} CORE;

struct trace_event_raw_sys_enter {
	long id;
	unsigned long args[6];
} CORE;

struct no_such_type {
	int x;
} CORE;

struct values {
	/* Offsets, checked by what is read there. */
	__u32 pid;
	__u32 helper_pid;
	__u32 tgid;
	__u32 helper_tgid;
	__u32 flavour_tgid;
	__u32 ppid;
	__u32 leader_tgid;
	__u32 uid;
	__u32 helper_uid;
	char comm[16];
	char helper_comm[16];
	char argv0[32];
	/* Loads that are relocated themselves. */
	__s64 id;
	__u64 option;
	__u64 number;
	/* Sizes and existence. */
	__u32 size_of_comm;
	__u32 size_of_pid;
	__u32 size_of_mm;
	__u32 field_there;
	__u32 field_missing;
	__u32 type_there;
	__u32 type_missing;
	__u32 guarded;	/* 1: the code that reads a missing field was not reached */
} __attribute__((aligned(8)));

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} relocated SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct values);
} scratch SEC(".maps");

SEC("tp/syscalls/sys_enter_prctl")
int relocate(struct trace_event_raw_sys_enter *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct task_struct___flavour *flavour = (void *)task;
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	__u32 zero = 0;
	struct values *v = bpf_map_lookup_elem(&scratch, &zero);

	if (!v || ctx->args[0] != OPTION)
		return 0;
	v->pid = BPF_CORE_READ(task, pid);
	v->helper_pid = pid_tgid;
	v->tgid = BPF_CORE_READ(task, tgid);
	v->helper_tgid = pid_tgid >> 32;
	v->flavour_tgid = BPF_CORE_READ(flavour, tgid);
	v->ppid = BPF_CORE_READ(task, real_parent, tgid);
	v->leader_tgid = BPF_CORE_READ(task, group_leader, tgid);
	v->uid = BPF_CORE_READ(flavour, cred, uid.val);
	v->helper_uid = bpf_get_current_uid_gid();
	BPF_CORE_READ_STR_INTO(&v->comm, task, comm);
	bpf_get_current_comm(v->helper_comm, sizeof(v->helper_comm));
	bpf_probe_read_user_str(v->argv0, sizeof(v->argv0), (void *)BPF_CORE_READ(task, mm, arg_start));

	v->id = ctx->id;
	v->option = ctx->args[0];
	v->number = ctx->args[1];

	v->size_of_comm = bpf_core_field_size(struct task_struct, comm);
	v->size_of_pid = bpf_core_field_size(struct task_struct, pid);
	v->size_of_mm = bpf_core_field_size(struct task_struct, mm);
	v->field_there = bpf_core_field_exists(struct task_struct, pid);
	v->field_missing = bpf_core_field_exists(struct task_struct___flavour, no_such_field);
	v->type_there = bpf_core_type_exists(struct mm_struct);
	v->type_missing = bpf_core_type_exists(struct no_such_type);
	v->guarded = 1;
	if (bpf_core_field_exists(struct task_struct___flavour, no_such_field))
		v->guarded = BPF_CORE_READ(flavour, no_such_field);

	bpf_perf_event_output(ctx, &relocated, BPF_F_CURRENT_CPU, v, sizeof(*v));
	return 0;
}
