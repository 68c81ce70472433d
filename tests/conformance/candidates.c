/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Several types of a name: those that match must agree; those that do not are out for good. */
#include "conformance.h"

#ifdef TARGET

struct agreed___a {
	int gap;
	int x;	/* 4 */
	int y;	/* 8 */
};
HAVE(struct agreed___a);
struct agreed___b {
	short gap;
	int x;	/* 4 */
};
HAVE(struct agreed___b);

struct unlike___a {
	int x;		/* 0 */
	long other;	/* 8 */
};
HAVE(struct unlike___a);
struct unlike___b {
	long gap;
	int y;		/* 8 */
	long other;	/* 16 */
};
HAVE(struct unlike___b);

#else

struct agreed {
	int y, x;
} CORE;
ASK(both_have_it_there, 4, OFFSET(struct agreed, x))
ASK(one_has_it, 8, OFFSET(struct agreed, y))

/* The first question leaves one of two: then the third has one answer, and the second none. */
struct unlike {
	int x, y;
	long other;
} CORE;
ASK(only_the_first_has_it, 0, OFFSET(struct unlike, x))
ASK(the_second_is_out, poison, OFFSET(struct unlike, y))
ASK(no_longer_ambiguous, 8, OFFSET(struct unlike, other))

#endif
