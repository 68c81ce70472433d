/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Loads and stores that are relocated themselves: as wide as the target's field where neither has a sign, or both
 * are pointers; of the same width whatever the sign; invalid else.
 */
#include "conformance.h"

#ifdef TARGET

struct widths {
	unsigned char one;	/* 0 */
	unsigned short two;	/* 2 */
	unsigned int four;	/* 4 */
	unsigned long eight;	/* 8 */
	int four_signed;	/* 16 */
	long eight_signed;	/* 24 */
	void *pointer;		/* 32 */
	unsigned int some[4];	/* 40 */
	_Bool flag;		/* 56 */
	struct {
		unsigned int inside;	/* 60 */
	};
};
HAVE(struct widths);

#else

struct widths {
	unsigned long one;
	unsigned char two;
	unsigned long four;
	unsigned int eight;
	unsigned int four_signed;
	long eight_signed;
	char *pointer;
	unsigned long some[4];
	_Bool flag;
	unsigned char inside;
	unsigned long gone;
} CORE;

ASK_AT(load_eight_of_one, u8@0, struct widths, ctx->one)
ASK_AT(load_one_of_two, u16@2, struct widths, ctx->two)
ASK_AT(load_eight_of_four, u32@4, struct widths, ctx->four)
ASK_AT(load_four_of_eight, u64@8, struct widths, ctx->eight)
ASK_AT(load_of_the_same_width, u32@16, struct widths, ctx->four_signed)
ASK_AT(load_with_a_sign, u64@24, struct widths, ctx->eight_signed)
ASK_AT(load_a_pointer, u64@32, struct widths, (long)ctx->pointer)
ASK_AT(load_an_element, u32@48, struct widths, ctx->some[2])
ASK_AT(load_a_flag, u8@56, struct widths, ctx->flag)
ASK_AT(load_of_a_nameless_struct, u32@60, struct widths, ctx->inside)
ASK_AT(load_what_is_gone, poison, struct widths, ctx->gone)

ASK_AT(store_eight_of_four, u32@4, struct widths, (ctx->four = (long)ctx, 0))
ASK_AT(store_four_of_eight, u64@8, struct widths, (ctx->eight = (long)ctx, 0))
ASK_AT(store_an_element, u32@44, struct widths, (ctx->some[1] = (long)ctx, 0))
ASK_AT(store_what_is_gone, poison, struct widths, (ctx->gone = (long)ctx, 0))

struct widths___signed {
	long four;
	int eight;
	long four_signed;
	unsigned int eight_signed;
	int one;
} CORE;
ASK_AT(load_signed_of_unsigned, poison, struct widths___signed, ctx->four)
ASK_AT(load_less_signed_of_unsigned, poison, struct widths___signed, ctx->eight)
ASK_AT(load_signed_of_signed, poison, struct widths___signed, ctx->four_signed)
ASK_AT(load_unsigned_of_signed, poison, struct widths___signed, ctx->eight_signed)
ASK_AT(store_signed, poison, struct widths___signed, (ctx->one = (long)ctx, 0))
/* An offset that is computed has no width. */
ASK(offset_of_another_width, 16, OFFSET(struct widths___signed, four_signed))

#endif
