// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Capabilities that the kernel looks for: whose, which, and whether they were there. */
#include "tool.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Only checks of this process; 0: of every. */
const volatile __u32 target_pid = 0;
/* Also those that are not for the audit log: the kernel asks, and does something else if not. */
const volatile __u8 all_checks = 0;
/* Each capability but once for a process. */
const volatile __u8 unique = 0;

/* Bits of the last argument of cap_capable(): linux/security.h. */
#define NO_AUDIT 2
#define IN_SETID 4

/* linux/capability.h. */
enum capability {
	CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID, CAP_KILL, CAP_SETGID, CAP_SETUID,
	CAP_SETPCAP, CAP_LINUX_IMMUTABLE, CAP_NET_BIND_SERVICE, CAP_NET_BROADCAST, CAP_NET_ADMIN, CAP_NET_RAW,
	CAP_IPC_LOCK, CAP_IPC_OWNER, CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_CHROOT, CAP_SYS_PTRACE, CAP_SYS_PACCT,
	CAP_SYS_ADMIN, CAP_SYS_BOOT, CAP_SYS_NICE, CAP_SYS_RESOURCE, CAP_SYS_TIME, CAP_SYS_TTY_CONFIG, CAP_MKNOD,
	CAP_LEASE, CAP_AUDIT_WRITE, CAP_AUDIT_CONTROL, CAP_SETFCAP, CAP_MAC_OVERRIDE, CAP_MAC_ADMIN, CAP_SYSLOG,
	CAP_WAKE_ALARM, CAP_BLOCK_SUSPEND, CAP_AUDIT_READ, CAP_PERFMON, CAP_BPF, CAP_CHECKPOINT_RESTORE,
};

struct event {
	__u32 uid;
	__u32 pid;
	__u32 tid;
	char comm[COMM_LEN];
	enum capability cap;
	errno_t ret;	/* 0: it has it */
	__u8 audit;
	__u8 insetid;
	__u16 :16;
};

struct check {
	enum capability cap;
	__u32 options;
};

/* Checks in progress, by thread. */
LRU_HASH(checks, 1024, __u32, struct check);

struct known {
	__u32 pid;
	enum capability cap;
};

LRU_HASH(seen, 4096, struct known, __u8);

EVENTS(events);

SEC("kprobe/cap_capable")
int asked(struct user_pt_regs *ctx)
{
	struct check check = { ctx->regs[2], ctx->regs[3] };
	__u32 tid = current_tid();

	if (target_pid && target_pid != current_pid())
		return 0;
	if (check.options & NO_AUDIT && !all_checks)
		return 0;
	bpf_map_update_elem(&checks, &tid, &check, BPF_ANY);
	return 0;
}

static __noinline int send(void *ctx, struct event *event)
{
	return bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, event, sizeof(*event));
}

SEC("kretprobe/cap_capable")
int answered(struct user_pt_regs *ctx)
{
	__u32 tid = current_tid();
	struct check *check = bpf_map_lookup_elem(&checks, &tid);
	struct event event = {};

	if (!check)
		return 0;
	event.pid = current_pid();
	event.cap = check->cap;
	event.audit = !(check->options & NO_AUDIT);
	event.insetid = !!(check->options & IN_SETID);
	bpf_map_delete_elem(&checks, &tid);
	if (unique) {
		struct known known = { event.pid, event.cap };
		__u8 one = 1;

		if (bpf_map_update_elem(&seen, &known, &one, BPF_NOEXIST))
			return 0;
	}
	event.tid = tid;
	event.uid = bpf_get_current_uid_gid();
	event.ret = ctx->regs[0];
	bpf_get_current_comm(event.comm, sizeof(event.comm));
	send(ctx, &event);
	return 0;
}
