// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What a small tool has, for any compiler that makes BPF: a hash map, read-only and written globals, a
// subprogram, and events by a perf buffer. It counts what each process forks, and sends each fork of `target`.

typedef unsigned int __u32;
typedef unsigned long long __u64;

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int (*name)[value]
#define __type(name, type) __typeof__(type) *name

#define BPF_MAP_TYPE_HASH 1
#define BPF_MAP_TYPE_PERF_EVENT_ARRAY 4
#define BPF_F_CURRENT_CPU 0xffffffffULL

/* Each has its own way to call what the kernel offers by number. */
#ifdef __clang__
#define HELPER(number, type, name, ...) static type (*name)(__VA_ARGS__) = (void *)number
#else
#define HELPER(number, type, name, ...) type name(__VA_ARGS__) __attribute__((kernel_helper(number)))
#endif
HELPER(1, void *, bpf_map_lookup_elem, void *map, const void *key);
HELPER(2, long, bpf_map_update_elem, void *map, const void *key, const void *value, __u64 flags);
HELPER(14, __u64, bpf_get_current_pid_tgid, void);
HELPER(25, long, bpf_perf_event_output, void *ctx, void *map, __u64 flags, void *data, __u64 size);

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 target = 0;
__u64 forks = 0;

struct event {
	__u32 pid;
	__u32 kind;
	__u64 count;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} events SEC(".maps");

/* Keeps the type of the events in the object's BTF. */
const struct event *event_of_events;

__attribute__((noinline)) static __u64 count_one(__u32 pid)
{
	__u64 one = 1, *count = bpf_map_lookup_elem(&counts, &pid);

	if (!count) {
		bpf_map_update_elem(&counts, &pid, &one, 0);
		return 1;
	}
	*count += 1;
	return *count;
}

SEC("raw_tp/sched_process_fork")
int counted(void *ctx)
{
	struct event event = { 0 };

	event.pid = bpf_get_current_pid_tgid() >> 32;
	event.kind = 7;
	event.count = count_one(event.pid);
	forks += 1;
	if (target && event.pid == target)
		bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &event, sizeof(event));
	return 0;
}
