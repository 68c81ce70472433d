/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Types: whether there is one of the name and kind, how large it is, and its number. */
#include "conformance.h"

#ifdef TARGET

struct here {		/* 16 bytes */
	int a;
	long b;
};
HAVE(struct here);
union either {		/* 8 bytes */
	int a;
	long b;
};
HAVE(union either);
enum which { ONE, TWO };
HAVE(enum which);
typedef short number_t;
HAVE(number_t);
typedef struct here here_t;
HAVE(here_t);
typedef struct here *pointer_t;
HAVE(pointer_t);
typedef int (*call_t)(int, struct here *);
HAVE(call_t);
typedef int list_t[5];
HAVE(list_t);
struct old___v1 {	/* 12 bytes */
	int a, b, c;
};
HAVE(struct old___v1);

#else

struct here {
	char other;
};
struct nowhere {
	int a;
};
union here_too {
	int a;
};
ASK(struct_exists, 1, bpf_core_type_exists(struct here))
ASK(struct_size, 16, bpf_core_type_size(struct here))
ASK(struct_here_id, its_own_id, bpf_core_type_id_local(struct here))
ASK(struct_there_id, target_id, bpf_core_type_id_kernel(struct here))
ASK(nowhere_exists, 0, bpf_core_type_exists(struct nowhere))
ASK(nowhere_size, 0, bpf_core_type_size(struct nowhere))
ASK(nowhere_id, 0, bpf_core_type_id_kernel(struct nowhere))
ASK(nowhere_here, its_own_id, bpf_core_type_id_local(struct nowhere))

/* A flavour is another name for the same. */
struct here___v2 {
	int x;
};
struct old {
	int x;
};
ASK(flavour_exists, 1, bpf_core_type_exists(struct here___v2))
ASK(flavour_size, 16, bpf_core_type_size(struct here___v2))
ASK(old_exists, 1, bpf_core_type_exists(struct old))
ASK(old_size, 12, bpf_core_type_size(struct old))

/* The kind of the root must be the same. */
union here___union {
	int a;
};
struct either {
	int a;
};
union either___v2 {
	int a;
};
ASK(no_such_union, 0, bpf_core_type_exists(union here___union))
ASK(no_such_struct, 0, bpf_core_type_exists(struct either))
ASK(union_exists, 1, bpf_core_type_exists(union either___v2))
ASK(union_size, 8, bpf_core_type_size(union either___v2))

enum which { THREE };
ASK(enum_exists, 1, bpf_core_type_exists(enum which))
ASK(enum_size, 4, bpf_core_type_size(enum which))

/* Behind a typedef: any integer, any struct of one kind, whatever pointers point to, elements of arrays. */
typedef long number_t;
typedef struct nowhere here_t;
typedef int *pointer_t;
typedef char list_t[2];
typedef int (*call_t)(long, struct nowhere *);
ASK(number_exists, 1, bpf_core_type_exists(number_t))
ASK(number_size, 2, bpf_core_type_size(number_t))
ASK(renamed_exists, 1, bpf_core_type_exists(here_t))
ASK(renamed_size, 16, bpf_core_type_size(here_t))
ASK(pointer_exists, 0, bpf_core_type_exists(pointer_t))
ASK(list_exists, 1, bpf_core_type_exists(list_t))
ASK(list_size, 20, bpf_core_type_size(list_t))
ASK(call_exists, 1, bpf_core_type_exists(call_t))

typedef int *number_t___pointer;
typedef union here_too here_t___union;
typedef struct nowhere *pointer_t___struct;
typedef int (*call_t___short)(int);
typedef void (*call_t___other)(int, struct here *);
typedef struct here list_t___structs[5];
ASK(number_is_no_pointer, 0, bpf_core_type_exists(number_t___pointer))
ASK(struct_is_no_union, 0, bpf_core_type_exists(here_t___union))
ASK(pointer_to_struct, 1, bpf_core_type_exists(pointer_t___struct))
ASK(one_argument_less, 0, bpf_core_type_exists(call_t___short))
ASK(another_result, 0, bpf_core_type_exists(call_t___other))
ASK(elements_of_another_kind, 0, bpf_core_type_exists(list_t___structs))

#endif
