/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Bitfields: the smallest load of the field's own type, doubled until it covers the field; the left shift is
 * 64 - (first bit + bits - 8 * byte offset), the right shift 64 - bits. And signs.
 */
#include "conformance.h"

#ifdef TARGET

enum with_sign { MINUS = -1 };
enum without_sign { PLUS = 1 };

struct bits {
	unsigned int a : 3;		/* bits 0 to 2 */
	unsigned int b : 7;		/* 3 to 9 */
	int c : 5;			/* 10 to 14 */
	unsigned long d : 40;		/* 15 to 54 */
	unsigned char plain;		/* byte 7 */
	_Bool flag;			/* byte 8 */
	enum with_sign with_sign;	/* byte 12 */
	enum without_sign without_sign;	/* byte 16 */
	unsigned int far : 30;		/* bits 160 to 189 */
	unsigned int next : 30;		/* 192 to 221 */
	long wide;			/* byte 32 */
};
HAVE(struct bits);

struct crossing {
	unsigned int x : 30;
	unsigned int y : 10;	/* bits 30 to 39 */
	unsigned short z : 15;	/* 40 to 54 */
} __attribute__((packed));
HAVE(struct crossing);

#else

enum with_sign { MINUS = -1 };
enum without_sign { PLUS = 1 };

struct bits {
	unsigned int gap : 13;
	unsigned int a : 5, b : 2, gone : 1;
	int c : 5;
	unsigned long d : 33;
	unsigned int plain : 2;
	_Bool flag;
	enum with_sign with_sign;
	enum without_sign without_sign;
	unsigned int far : 1, next : 1;
	long wide;
} CORE;

ASK(a_offset, 0, OFFSET(struct bits, a))
ASK(a_size, 4, SIZE(struct bits, a))
ASK(a_left, 61, LSHIFT(struct bits, a))
ASK(a_right, 61, RSHIFT(struct bits, a))
ASK(a_sign, 0, SIGNED(struct bits, a))
ASK(b_left, 54, LSHIFT(struct bits, b))
ASK(b_right, 57, RSHIFT(struct bits, b))
ASK(c_left, 49, LSHIFT(struct bits, c))
ASK(c_right, 59, RSHIFT(struct bits, c))
ASK(c_sign, 1, SIGNED(struct bits, c))
ASK(d_offset, 0, OFFSET(struct bits, d))
ASK(d_size, 8, SIZE(struct bits, d))
ASK(d_left, 9, LSHIFT(struct bits, d))
ASK(d_right, 24, RSHIFT(struct bits, d))
ASK(far_offset, 20, OFFSET(struct bits, far))
ASK(far_left, 34, LSHIFT(struct bits, far))
ASK(next_offset, 24, OFFSET(struct bits, next))
ASK(next_right, 34, RSHIFT(struct bits, next))
ASK(bits_there, 1, EXISTS(struct bits, b))
ASK(bits_gone, 0, EXISTS(struct bits, gone))
ASK(offset_of_bits_gone, poison, OFFSET(struct bits, gone))

/* Bits here, a plain field there, and the other way round. */
ASK(plain_there_offset, 7, OFFSET(struct bits, plain))
ASK(plain_there_size, 1, SIZE(struct bits, plain))
ASK(plain_there_left, 56, LSHIFT(struct bits, plain))
ASK(plain_there_right, 56, RSHIFT(struct bits, plain))
struct bits___plain {
	unsigned int gap, a;
	unsigned long far;
} CORE;
ASK(bits_there_offset, 0, OFFSET(struct bits___plain, a))
ASK(bits_there_size, 4, SIZE(struct bits___plain, a))
ASK(bits_there_left, 61, LSHIFT(struct bits___plain, a))
ASK(bits_there_right, 34, RSHIFT(struct bits___plain, far))
/* A load would take its neighbours along. */
ASK_AT(load_of_bits_there, poison, struct bits___plain, ctx->a)

ASK(flag_sign, 0, SIGNED(struct bits, flag))
ASK(enum_sign, 1, SIGNED(struct bits, with_sign))
ASK(enum_no_sign, 0, SIGNED(struct bits, without_sign))
ASK(long_sign, 1, SIGNED(struct bits, wide))
ASK(long_left, 0, LSHIFT(struct bits, wide))
ASK(long_right, 0, RSHIFT(struct bits, wide))

struct crossing {
	unsigned int x : 3, y : 4, z : 5;
} CORE;
/* Four bytes from 0 end at bit 32. */
ASK(crossing_offset, 0, OFFSET(struct crossing, y))
ASK(crossing_size, 8, SIZE(struct crossing, y))
ASK(crossing_left, 24, LSHIFT(struct crossing, y))
ASK(crossing_right, 54, RSHIFT(struct crossing, y))
/* Two bytes from 4 end at bit 48, four at 64: 64 - (40 + 15 - 32). */
ASK(short_offset, 4, OFFSET(struct crossing, z))
ASK(short_size, 4, SIZE(struct crossing, z))
ASK(short_left, 41, LSHIFT(struct crossing, z))
ASK(short_right, 49, RSHIFT(struct crossing, z))

#endif
