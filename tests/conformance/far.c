/* fails: struct long_one.x (0:0 @ offset 0) */
/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "conformance.h"

#ifdef TARGET

/* The first offset that a load can't hold. */
struct long_one {
	char gap[32768];
	int x;
};
HAVE(struct long_one);

#else

struct long_one {
	int x;
} CORE;
ASK_AT(too_far, poison, struct long_one, ctx->x)

#endif
