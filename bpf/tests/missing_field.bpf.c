// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Reads a field that no kernel has, where the verifier gets to it. */
#include "types.h"
#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct task_struct {
	int tgid;
	int no_such_field;
} __attribute__((preserve_access_index));

int sum;

SEC("raw_tp/sys_enter")
int read_missing_field(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	sum += BPF_CORE_READ(task, tgid);
	sum += BPF_CORE_READ(task, no_such_field);
	return 0;
}
