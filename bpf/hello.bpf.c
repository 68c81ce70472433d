// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Sends an event for every execve: who, what, and a message that may be set for each user.
 *
 *   btfly run hello.bpf.o --event output=data_t --put my_config 0 '{message: "hey root"}'
 */
#include "kernel.h"
#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* What users without a message of their own get. */
char message[12] = "Hello World";

struct data_t {
	int pid;
	int uid;
	char command[16];
	char message[12];
	char path[16];
};

struct user_msg_t {
	char message[12];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} output SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, struct user_msg_t);
} my_config SEC(".maps");

/* Keeps the type of the events in the object's BTF: nothing else there mentions it. */
const struct data_t *data_t_of_output;

SEC("ksyscall/execve")
int hello(struct user_pt_regs *ctx)
{
	/* The function that is probed takes the registers of the system call, not its arguments. */
	const struct pt_regs *call = (const void *)ctx->regs[0];
	struct task_struct *task = (void *)bpf_get_current_task();
	struct data_t data = {};
	struct user_msg_t *own;
	__u32 uid = bpf_get_current_uid_gid();

	data.pid = BPF_CORE_READ(task, tgid);
	data.uid = uid;
	bpf_get_current_comm(data.command, sizeof(data.command));
	bpf_probe_read_user_str(data.path, sizeof(data.path), (const void *)BPF_CORE_READ(call, orig_x0));

	own = bpf_map_lookup_elem(&my_config, &uid);
	bpf_probe_read_kernel_str(data.message, sizeof(data.message), own ? own->message : message);
	bpf_perf_event_output(ctx, &output, BPF_F_CURRENT_CPU, &data, sizeof(data));
	return 0;
}
