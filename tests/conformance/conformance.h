/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A source here is two: with TARGET it is what the kernel would be, and its types are all that counts;
 * without, it is a BPF object whose programs each ask one question of the other.
 *
 * ASK(NAME, EXPECTED, EXPRESSION) is a program with one relocation in the expression. ASK_AT(NAME, EXPECTED,
 * TYPE, EXPRESSION) is one whose context `ctx` points to TYPE, for loads and stores that are relocated themselves.
 * EXPECTED is what the relocated instruction must come to, worked out by hand:
 *
 *   a number      the immediate of an arithmetic instruction or a sixteen-byte load
 *   u32@8         a load or store: its width and its offset in bytes
 *   poison        an instruction that no verifier takes
 *   its_own_id    the number of the type of that name in the object
 *   target_id     the number of the type of that name in the target
 *
 * A source that begins with "fails:" in its first comment must be refused, with those words.
 */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include "types.h"
#include <bpf/bpf_core_read.h>

#ifdef TARGET

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
/* Types get into BTF by being used. */
#define HAVE(...) __typeof__(__VA_ARGS__) JOIN(have_, __LINE__)

#else

#define CORE __attribute__((preserve_access_index))
#define ASK(name, expected, ...) \
	SEC("raw_tp") long name(void *ctx) { return __VA_ARGS__; }
#define ASK_AT(name, expected, type, ...) \
	SEC("raw_tp") long name(type *ctx) { return __VA_ARGS__; }

/* What there is to ask of a field. */
#define INFO(type, field, what) __builtin_preserve_field_info(((type *)0)->field, BPF_FIELD_##what)
#define OFFSET(type, field) INFO(type, field, BYTE_OFFSET)
#define SIZE(type, field) INFO(type, field, BYTE_SIZE)
#define EXISTS(type, field) INFO(type, field, EXISTS)
#define SIGNED(type, field) INFO(type, field, SIGNED)
#define LSHIFT(type, field) INFO(type, field, LSHIFT_U64)
#define RSHIFT(type, field) INFO(type, field, RSHIFT_U64)

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#endif
#endif
