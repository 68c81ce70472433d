/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Elements of arrays: counted in the target's elements, within the target's length. */
#include "conformance.h"

#ifdef TARGET

struct row {
	int x, y;
};

struct arrays {
	int count;
	int fixed[4];		/* 4 */
	struct row rows[3];	/* 20 */
	short table[2][3];	/* 44 */
	long tail[];		/* 56 */
};
struct arrays have_arrays;

struct zero {
	int count;
	char data[0];	/* 4 */
};
HAVE(struct zero);

struct ends_with_one {
	int count;
	int last[1];	/* 4 */
};
HAVE(struct ends_with_one);

struct args {
	long id;
	unsigned long args[6];	/* 8 */
};
HAVE(struct args);

#else

struct row {
	int y;
} CORE;
struct arrays {
	long fixed[8];
	struct row rows[2];
	short table[2][3];
	long tail[2];
} CORE;

ASK(third_element, 12, OFFSET(struct arrays, fixed[2]))
ASK(size_of_an_element, 4, SIZE(struct arrays, fixed[2]))
ASK(last_element, 16, OFFSET(struct arrays, fixed[3]))
ASK(past_the_targets_end, poison, OFFSET(struct arrays, fixed[4]))
ASK(past_the_targets_end_exists_not, 0, EXISTS(struct arrays, fixed[7]))
ASK(within_an_element, 32, OFFSET(struct arrays, rows[1].y))
/* 44 + 1 * 6 + 2 * 2 */
ASK(two_dimensions, 54, OFFSET(struct arrays, table[1][2]))
ASK(one_of_two_dimensions, 50, OFFSET(struct arrays, table[1]))
ASK(size_of_a_row, 6, SIZE(struct arrays, table[1]))
ASK(in_a_tail_without_length, 64, OFFSET(struct arrays, tail[1]))

struct arrays___flexible {
	int count;
	long tail[];
} CORE;
ASK(far_in_a_tail_without_length, 128, OFFSET(struct arrays___flexible, tail[9]))

struct zero {
	char data[16];
} CORE;
ASK(in_no_elements_at_the_end, 9, OFFSET(struct zero, data[5]))

struct ends_with_one {
	int last[4];
} CORE;
ASK(one_element_is_a_length, 4, OFFSET(struct ends_with_one, last[0]))
ASK(past_one_element, poison, OFFSET(struct ends_with_one, last[3]))

/* Declared without a length here, as headers for several kernels do. */
struct args {
	unsigned long args[0];
} CORE;
ASK(no_length_here, 16, OFFSET(struct args, args[1]))
ASK_AT(load_without_a_length_here, u64@32, struct args, ctx->args[3])
ASK(no_length_here_past_the_end, poison, OFFSET(struct args, args[6]))

#endif
