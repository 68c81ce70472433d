/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the scheduler's tracepoints say of states. */
#ifndef BTFLY_SCHED_H
#define BTFLY_SCHED_H

/*
 * Whether a thread that is off its CPU goes on as soon as it gets one. All lower bits are reasons to wait; the
 * one above them says that it was interrupted (include/trace/events/sched.h).
 */
#define CAN_NOT_RUN 0xff

static __always_inline int can_run(long prev_state)
{
	return !(prev_state & CAN_NOT_RUN);
}

#endif
