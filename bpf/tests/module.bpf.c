// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A type that only a module has: struct loop_device of loop.ko. `status` reads one on the way from a
 * block device, when its status is asked for; `there` says on prctl(OPTION) whether it is known.
 */
#include "abi.h"
#include <bpf/bpf_core_read.h>

#define CORE __attribute__((preserve_access_index))

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define OPTION 0x6274666c
#define LOOP_GET_STATUS64 0x4c05

/* Two types of the kernel proper. */
struct gendisk {
	void *private_data;
	int first_minor;
} CORE;

struct block_device {
	struct gendisk *bd_disk;
} CORE;

struct loop_device {
	long long lo_sizelimit;
	long long lo_offset;
	int lo_number;
	struct gendisk *lo_disk;
	int no_such_field;
} CORE;

struct device {
	__s64 offset;
	__s64 sizelimit;
	__s32 number;
	__u32 round;	/* 1: the disk of this device is the one that led to it */
	__u32 there;
	__u32 missing;
	__u32 size;
} __attribute__((aligned(8)));

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} devices SEC(".maps");

/* Keeps the type of the events in the object's BTF. */
const struct device *device_of_devices;

SEC("kprobe/lo_ioctl")
int status(struct user_pt_regs *ctx)
{
	const struct block_device *bdev = (const void *)ctx->regs[0];
	struct gendisk *disk = BPF_CORE_READ(bdev, bd_disk);
	const struct loop_device *lo = BPF_CORE_READ(disk, private_data);
	struct device d = {};

	if ((__u32)ctx->regs[2] != LOOP_GET_STATUS64)
		return 0;
	d.offset = BPF_CORE_READ(lo, lo_offset);
	d.sizelimit = BPF_CORE_READ(lo, lo_sizelimit);
	d.number = BPF_CORE_READ(lo, lo_number);
	d.round = BPF_CORE_READ(lo, lo_disk) == disk;
	d.there = bpf_core_type_exists(struct loop_device);
	d.missing = bpf_core_field_exists(struct loop_device, no_such_field);
	d.size = bpf_core_type_size(struct loop_device);
	bpf_perf_event_output(ctx, &devices, BPF_F_CURRENT_CPU, &d, sizeof(d));
	return 0;
}

SEC("tp/syscalls/sys_enter_prctl")
int there(struct sys_enter *ctx)
{
	struct device d = {};

	if (ctx->args[0] != OPTION)
		return 0;
	d.number = ctx->args[1];
	d.there = bpf_core_type_exists(struct loop_device);
	d.missing = bpf_core_field_exists(struct loop_device, no_such_field);
	d.size = bpf_core_type_size(struct loop_device);
	bpf_perf_event_output(ctx, &devices, BPF_F_CURRENT_CPU, &d, sizeof(d));
	return 0;
}
