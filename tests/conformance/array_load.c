/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A load through the name of an array reads its first element, however long the array is there. */
#include "conformance.h"

#ifdef TARGET

struct numbers {
	long gap;
	unsigned int some[4];	/* 8 */
	unsigned int wider[2];	/* 24 */
};
HAVE(struct numbers);

#else

struct numbers {
	unsigned int some[8];
	unsigned short wider[2];
} CORE;
ASK_AT(first_of_a_shorter_array, u32@8, struct numbers, *ctx->some)
/* Widths are only followed where the relocation says which element. */
ASK_AT(first_of_a_wider_array, poison, struct numbers, *ctx->wider)
ASK_AT(element_of_a_wider_array, u32@24, struct numbers, ctx->wider[0])

#endif
