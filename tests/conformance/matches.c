/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* type_matches: every member of ours is there, of the same type; theirs may have more. */
#include "conformance.h"

#ifdef TARGET

struct part {
	int x;
};

struct whole {
	int number;
	unsigned long address;
	struct part part;
	struct part *pointer;
	char name[16];
	union {
		int nameless;
		long other;
	};
	int (*call)(int);
	int bits : 3;
};
HAVE(struct whole);
union either {
	int a;
	long b;
};
HAVE(union either);
enum which { ONE = 1, TWO = 2 };
HAVE(enum which);
enum wide { WIDE = 0x100000000 };
HAVE(enum wide);
typedef unsigned int number_t;
HAVE(number_t);

#else

struct part {
	int x;
};
struct part___not {
	int y;
};
union part___union {
	int x;
};

struct whole {
	char name[16];
	struct part part;
	int number;
};
ASK(some_members_in_any_order, 1, bpf_core_type_matches(struct whole))
struct whole___more {
	int number;
	int more;
};
ASK(a_member_too_many, 0, bpf_core_type_matches(struct whole___more))
struct whole___wide {
	long number;
};
ASK(an_integer_of_another_width, 0, bpf_core_type_matches(struct whole___wide))
struct whole___unsigned {
	unsigned int number;
};
ASK(an_integer_of_another_sign, 0, bpf_core_type_matches(struct whole___unsigned))
struct whole___struct {
	struct part___not part;
};
ASK(a_struct_with_other_members, 0, bpf_core_type_matches(struct whole___struct))
struct whole___union {
	union part___union part;
};
ASK(a_union_is_no_struct, 0, bpf_core_type_matches(struct whole___union))
struct whole___pointer {
	struct part___not *pointer;
};
ASK(behind_a_pointer_names_and_kinds_count, 1, bpf_core_type_matches(struct whole___pointer))
struct whole___pointer_to_union {
	union part___union *pointer;
};
ASK(behind_a_pointer_a_union_is_no_struct, 0, bpf_core_type_matches(struct whole___pointer_to_union))
struct undefined;
struct whole___undefined {
	struct part___undefined *pointer;
};
ASK(behind_a_pointer_to_what_is_not_known, 1, bpf_core_type_matches(struct whole___undefined))
struct whole___array {
	char name[8];
};
ASK(an_array_of_another_length, 0, bpf_core_type_matches(struct whole___array))
struct whole___call {
	int (*call)(int);
};
ASK(a_call, 1, bpf_core_type_matches(struct whole___call))
struct whole___other_call {
	int (*call)(int, int);
};
ASK(a_call_with_other_arguments, 0, bpf_core_type_matches(struct whole___other_call))

union either {
	long b;
};
ASK(a_union, 1, bpf_core_type_matches(union either))
struct either___struct {
	long b;
};
ASK(not_a_union, 0, bpf_core_type_matches(struct either___struct))

enum which { TWO = 5 };
ASK(enumerators_by_name_alone, 1, bpf_core_type_matches(enum which))
enum which___more { ONE___more = 1, THREE = 3 };
ASK(an_enumerator_too_many, 0, bpf_core_type_matches(enum which___more))
enum wide { WIDE = 1 };
ASK(an_enum_of_another_width, 0, bpf_core_type_matches(enum wide))

typedef unsigned int number_t;
ASK(a_typedef, 1, bpf_core_type_matches(number_t))
typedef int number_t___signed;
ASK(a_typedef_of_another_sign, 0, bpf_core_type_matches(number_t___signed))
struct nowhere {
	int x;
};
ASK(nothing_of_the_name, 0, bpf_core_type_matches(struct nowhere))

#endif
