/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A program of nothing but relocations: one field offset in each of the first ROOTS kernel structs
 * below. Every kernel from 5.10 to 7.x has them all, and each once. What their relocation takes is
 * measured with this.
 */
#include "kernel.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* That of kernel.h, under another name. */
#define task_struct task_struct___measured

#define FIRST \
	TYPE(task_struct, pid)
#define TO_10 \
	TYPE(cred, securebits) \
	TYPE(file, f_flags) \
	TYPE(inode, i_flags) \
	TYPE(dentry, d_flags) \
	TYPE(super_block, s_dev) \
	TYPE(address_space, gfp_mask) \
	TYPE(pid, level) \
	TYPE(kstat, blksize) \
	TYPE(sched_entity, depth)
#define TO_20 \
	TYPE(perf_event, attach_state) \
	TYPE(timer_list, flags) \
	TYPE(user_namespace, level) \
	TYPE(pid_namespace, level) \
	TYPE(request_queue, id) \
	TYPE(ctl_table, maxlen) \
	TYPE(completion, done) \
	TYPE(zone, compact_considered) \
	TYPE(seccomp, mode) \
	TYPE(sched_avg, period_contrib)
#define TO_100 \
	TYPE(file_system_type, fs_flags) \
	TYPE(ratelimit_state, burst) \
	TYPE(user_fpsimd_state, fpcr) \
	TYPE(thread_struct, fpsimd_cpu) \
	TYPE(wait_queue_entry, flags) \
	TYPE(delayed_work, cpu) \
	TYPE(plist_node, prio) \
	TYPE(hrtimer_clock_base, clockid) \
	TYPE(page_frag, offset) \
	TYPE(posix_cputimers, expiry_active) \
	TYPE(load_weight, inv_weight) \
	TYPE(sched_rt_entity, time_slice) \
	TYPE(backing_dev_info, capabilities) \
	TYPE(css_set, nr_tasks) \
	TYPE(perf_event_context, is_active) \
	TYPE(task_delay_info, blkio_count) \
	TYPE(mem_cgroup, kmemcg_id) \
	TYPE(uprobe_task, depth) \
	TYPE(dev_pagemap, flags) \
	TYPE(pglist_data, kcompactd_max_order) \
	TYPE(per_cpu_pages, batch) \
	TYPE(srcu_data, cpu) \
	TYPE(srcu_node, grphi) \
	TYPE(shrink_control, gfp_mask) \
	TYPE(list_lru, shrinker_id) \
	TYPE(exception_table_entry, fixup) \
	TYPE(group_info, ngroups) \
	TYPE(pacct_struct, ac_flag) \
	TYPE(rcu_sync, gp_count) \
	TYPE(io_cq, flags) \
	TYPE(mem_dqinfo, dqi_bgrace) \
	TYPE(quota_format_type, qf_fmt_id) \
	TYPE(qc_dqblk, d_fieldmask) \
	TYPE(qc_type_state, flags) \
	TYPE(qc_state, s_incoredqs) \
	TYPE(qc_info, i_fieldmask) \
	TYPE(quota_info, flags) \
	TYPE(wait_page_queue, bit_nr) \
	TYPE(readahead_control, _batch_count) \
	TYPE(swap_info_struct, max) \
	TYPE(block_device, bd_dev) \
	TYPE(bdi_writeback, dirty_exceeded) \
	TYPE(fown_struct, signum) \
	TYPE(file_ra_state, async_size) \
	TYPE(nfs_lock_info, state) \
	TYPE(fasync_struct, fa_fd) \
	TYPE(xattr_handler, flags) \
	TYPE(poll_table_struct, _key) \
	TYPE(seq_file, poll_event) \
	TYPE(kernfs_root, flags) \
	TYPE(kernfs_node, hash) \
	TYPE(kobj_uevent_env, buflen) \
	TYPE(kernel_param_ops, flags) \
	TYPE(kparam_string, maxlen) \
	TYPE(kparam_array, elemsize) \
	TYPE(tracepoint_func, prio) \
	TYPE(bpf_raw_event_map, num_args) \
	TYPE(mod_plt_sec, plt_max_entries) \
	TYPE(plt_entry, add) \
	TYPE(mod_kallsyms, num_symtab) \
	TYPE(trace_event_call, flags) \
	TYPE(coredump_params, vma_count) \
	TYPE(pm_message, event) \
	TYPE(pm_subsys_data, refcount) \
	TYPE(acpi_device_id, cls) \
	TYPE(device_dma_parameters, max_segment_size) \
	TYPE(irq_domain, flags) \
	TYPE(device_node, phandle) \
	TYPE(trace_seq, full) \
	TYPE(ns_common, inum) \
	TYPE(bio_vec, bv_len) \
	TYPE(uid_gid_extent, count) \
	TYPE(bpf_cgroup_storage_key, attach_type) \
	TYPE(psi_group_cpu, state_mask) \
	TYPE(cgroup_subsys_state, flags) \
	TYPE(cgroup_freezer_state, nr_frozen_descendants) \
	TYPE(cgroup_root, flags) \
	TYPE(perf_raw_frag, size) \
	TYPE(perf_raw_record, size) \
	TYPE(hw_perf_event_extra, alloc)

#if ROOTS == 0
#define ALL
#elif ROOTS == 1
#define ALL FIRST
#elif ROOTS == 10
#define ALL FIRST TO_10
#elif ROOTS == 20
#define ALL FIRST TO_10 TO_20
#elif ROOTS == 100
#define ALL FIRST TO_10 TO_20 TO_100
#endif

#define TYPE(name, field) struct name { int field; } CORE;
ALL
#undef TYPE

SEC("raw_tp/sys_enter")
int measured(void *ctx)
{
	__u64 sum = 0;

#define TYPE(name, field) sum += bpf_core_field_offset(struct name, field);
	ALL
	return sum != 0;
}
