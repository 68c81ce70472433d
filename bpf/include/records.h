/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records of tracepoints, with only the fields that are read. The loader puts in their places by the
 * kernel's BTF, and by tracefs where it has none. An event of a class has the class's record.
 */
#ifndef BTFLY_RECORDS_H
#define BTFLY_RECORDS_H

#include "types.h"
#include <bpf/bpf_core_read.h>

#define RECORD __attribute__((preserve_access_index))

struct trace_event_raw_signal_generate {
	int sig;
	int code;
	char comm[16];
	int pid;
} RECORD;

struct trace_event_raw_mark_victim {
	int pid;
} RECORD;

struct trace_event_raw_inet_sock_set_state {
	const void *skaddr;
	int oldstate;
	int newstate;
	__u16 sport;
	__u16 dport;
	__u16 family;
	__u16 protocol;
	__u8 saddr_v6[16];
	__u8 daddr_v6[16];
} RECORD;

/* Addresses are a struct sockaddr_in or sockaddr_in6. */
struct trace_event_raw_tcp_probe {
	__u8 saddr[28];
	__u8 daddr[28];
	__u16 sport;
	__u16 dport;
	__u32 srtt;
} RECORD;

struct trace_event_raw_block_rq {
	char rwbs[8];
} RECORD;

struct trace_event_raw_sched_wakeup_template {
	int pid;
} RECORD;

struct trace_event_raw_sched_switch {
	char prev_comm[16];
	int prev_pid;
	long prev_state;
	char next_comm[16];
	int next_pid;
} RECORD;

struct trace_event_raw_irq_handler_entry {
	__u32 __data_loc_name;
} RECORD;

struct trace_event_raw_softirq {
	unsigned int vec;
} RECORD;

struct trace_event_raw_kmem_cache_alloc {
	unsigned long bytes_alloc;
} RECORD;

struct trace_event_raw_sched_process_exec {
	__u32 __data_loc_filename;
} RECORD;

struct trace_event_raw_module_load {
	__u32 __data_loc_name;
} RECORD;

/* The text that a `__data_loc` field stands for. */
#define TEXT_OF(ctx, field) ((void *)(ctx) + ((ctx)->__data_loc_##field & 0xffff))

#endif
