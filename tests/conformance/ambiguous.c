/* fails: struct twice.x (0:1 @ offset 4) */
/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "conformance.h"

#ifdef TARGET

struct twice___a {
	int x;
};
HAVE(struct twice___a);
struct twice___b {
	int gap;
	int x;
};
HAVE(struct twice___b);

#else

struct twice {
	int gap, x;
} CORE;
ASK(one_of_two_places, poison, OFFSET(struct twice, x))

#endif
