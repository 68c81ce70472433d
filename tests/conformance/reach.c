/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The last offset that a load can hold; arithmetic goes further. */
#include "conformance.h"

#ifdef TARGET

struct long_one {
	char gap[32764];
	int x;
	char more[100000];
	int y;	/* 132768 */
};
HAVE(struct long_one);

#else

struct long_one {
	int x, y;
} CORE;
ASK_AT(just_in_reach, u32@32764, struct long_one, ctx->x)
ASK(far_away, 132768, OFFSET(struct long_one, y))

#endif
