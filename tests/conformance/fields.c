/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Fields: found by name wherever they are, and only where their types can be the same. */
#include "conformance.h"

#ifdef TARGET

struct plain {		/* 24 bytes */
	long gap;
	int a;		/* at 8 */
	short b;	/* 12 */
	char c[4];	/* 14 */
};
HAVE(struct plain);

struct inner {
	int x, y;
};

struct outer {
	int gap;
	struct inner in;	/* 4 */
	struct inner *pointer;	/* 16 */
};
HAVE(struct outer);

struct nameless {
	int first;
	union {			/* 8 */
		struct {
			int deep, deeper;	/* 8, 12 */
		};
		long other;
	};
	struct {
		int v;		/* 16 */
	} named;
	int flat;		/* 20 */
};
HAVE(struct nameless);

union is_union {
	int a;
};
HAVE(union is_union);

struct holder {
	int gap;
	union {
		int a;
		char b;
	} part;			/* 4 */
};
HAVE(struct holder);

typedef const volatile int qualified_t;
typedef qualified_t renamed_t;

struct chain {
	long gap;
	renamed_t w;	/* 8 */
};
HAVE(struct chain);

enum color { RED };
enum size { LARGE };

struct kinds {
	int number;		/* 0 */
	void *pointer;		/* 8 */
	double real;		/* 16 */
	enum color color;	/* 24 */
	enum { NAMELESS } some;	/* 28 */
	int numbers[3];		/* 32 */
	struct inner in;	/* 44 */
	struct inner ins[2];	/* 52 */
};
HAVE(struct kinds);

struct only_old___v1 {
	int gap;
	int z;		/* 4 */
};
HAVE(struct only_old___v1);

#else

struct plain {
	short b;
	int a;
	char c[2];
	int gone;
} CORE;

ASK(a_moved, 8, OFFSET(struct plain, a))
ASK(b_moved, 12, OFFSET(struct plain, b))
ASK(array_moved, 14, OFFSET(struct plain, c))
ASK(array_grew, 4, SIZE(struct plain, c))
ASK(size_of_b, 2, SIZE(struct plain, b))
ASK(a_exists, 1, EXISTS(struct plain, a))
ASK(gone_is_gone, 0, EXISTS(struct plain, gone))
ASK(offset_of_gone, poison, OFFSET(struct plain, gone))
ASK(size_of_gone, poison, SIZE(struct plain, gone))
ASK(sign_of_gone, poison, SIGNED(struct plain, gone))
ASK(left_of_gone, poison, LSHIFT(struct plain, gone))
ASK(right_of_gone, poison, RSHIFT(struct plain, gone))
/* The third of an array of structs: 2 * 24 + 12. */
ASK(of_the_third, 60, __builtin_preserve_field_info(((struct plain *)0)[2].b, BPF_FIELD_BYTE_OFFSET))

/* The last three underscores that have something on each side begin the flavour. */
struct plain___v2 {
	short b;
} CORE;
struct plain___v2___v3 {
	short b;
} CORE;
struct only_old {
	int z;
} CORE;
struct only_old___v2 {
	int z;
} CORE;

ASK(flavour, 12, OFFSET(struct plain___v2, b))
ASK(flavour_of_a_flavour, poison, OFFSET(struct plain___v2___v3, b))
ASK(flavour_of_the_target, 4, OFFSET(struct only_old, z))
ASK(flavours_of_both, 4, OFFSET(struct only_old___v2, z))

struct inner {
	int y;
} CORE;
struct outer {
	struct inner in;
	struct inner *pointer;
} CORE;

ASK(inside, 8, OFFSET(struct outer, in.y))
ASK(struct_itself, 4, OFFSET(struct outer, in))
ASK(struct_grew, 8, SIZE(struct outer, in))
ASK(pointer_moved, 16, OFFSET(struct outer, pointer))

struct nameless {
	int deeper;
	long other;
	int v;
	struct {
		int flat;
	};
	struct {
		int v;
	} named;
} CORE;

ASK(inside_nameless, 12, OFFSET(struct nameless, deeper))
ASK(in_a_nameless_union, 8, OFFSET(struct nameless, other))
ASK(nameless_here, 20, OFFSET(struct nameless, flat))
ASK(inside_named, 16, OFFSET(struct nameless, named.v))
/* What is in a member with a name is not a member of the struct. */
ASK(not_inside_named, 0, EXISTS(struct nameless, v))

struct is_union {
	int a;
} CORE;
ASK(a_union_is_no_struct, 0, EXISTS(struct is_union, a))
struct nowhere {
	int a;
} CORE;
ASK(no_such_struct, 0, EXISTS(struct nowhere, a))
ASK(in_no_such_struct, poison, OFFSET(struct nowhere, a))

/* A field's struct may be a union, and the other way round. */
struct holder {
	struct {
		int a;
	} part;
} CORE;
ASK(part_is_a_union_there, 4, OFFSET(struct holder, part))
ASK(inside_that_union, 4, OFFSET(struct holder, part.a))

struct chain {
	int w;
} CORE;
ASK(qualifiers_and_names_do_not_count, 8, OFFSET(struct chain, w))

enum color___other { GREEN };
enum size { LARGE };

struct kinds {
	unsigned long number;
	int *pointer;
	float real;
	enum color___other color;
	enum size some;
	short numbers[8];
} CORE;
ASK(any_integer, 0, OFFSET(struct kinds, number))
ASK(any_pointer, 8, OFFSET(struct kinds, pointer))
ASK(any_float, 16, OFFSET(struct kinds, real))
ASK(enum_by_its_name, 24, OFFSET(struct kinds, color))
ASK(enum_without_a_name, 28, OFFSET(struct kinds, some))
ASK(array_by_its_elements, 32, OFFSET(struct kinds, numbers))

struct kinds___not {
	int *number;
	long pointer;
	long real;
	enum size color;
	int some;
	struct inner numbers[3];
	int in;
	int ins;
} CORE;
ASK(integer_is_no_pointer, 0, EXISTS(struct kinds___not, number))
ASK(pointer_is_no_integer, poison, OFFSET(struct kinds___not, pointer))
ASK(float_is_no_integer, 0, EXISTS(struct kinds___not, real))
ASK(enum_of_another_name, 0, EXISTS(struct kinds___not, color))
ASK(enum_is_no_integer, 0, EXISTS(struct kinds___not, some))
ASK(integers_are_no_structs, 0, EXISTS(struct kinds___not, numbers))
ASK(struct_is_no_integer, 0, EXISTS(struct kinds___not, in))
ASK(array_is_no_integer, poison, SIZE(struct kinds___not, ins))

#endif
