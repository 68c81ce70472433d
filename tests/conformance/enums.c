/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Enumerators: by their own essential names, in enums of any width. */
#include "conformance.h"

#ifdef TARGET

enum color { RED, GREEN = 5, BLUE = -2, VIOLET___v1 = 77 };
HAVE(enum color);
enum big { SMALL = 1, HUGE = 0x123456789a };
HAVE(enum big);
enum negative { MINUS = -0x100000002 };
HAVE(enum negative);
enum four_bytes { FOUR = 7 };
HAVE(enum four_bytes);

#else

enum color { RED = 9, GREEN = 8, BLUE = -1, VIOLET = 6, NO_SUCH = 4 };
/* The path to the first enumerator is that to the enum. */
ASK(color, 1, bpf_core_type_exists(enum color))
ASK(red, 0, bpf_core_enum_value(enum color, RED))
ASK(green, 5, bpf_core_enum_value(enum color, GREEN))
ASK(blue, -2, bpf_core_enum_value(enum color, BLUE))
ASK(violet, 77, bpf_core_enum_value(enum color, VIOLET))
ASK(red_exists, 1, bpf_core_enum_value_exists(enum color, RED))
ASK(no_such_exists, 0, bpf_core_enum_value_exists(enum color, NO_SUCH))
ASK(no_such, poison, bpf_core_enum_value(enum color, NO_SUCH))

enum color___v2 { GREEN___v2 = 1, GREEN___v2___v3 = 2 };
ASK(green_flavour, 5, bpf_core_enum_value(enum color___v2, GREEN___v2))
ASK(green_two_flavours, poison, bpf_core_enum_value(enum color___v2, GREEN___v2___v3))

/* Four bytes here, eight there, and the other way round. */
enum big { SMALL = 2, HUGE = 3 };
ASK(small, 1, bpf_core_enum_value(enum big, SMALL))
ASK(huge, 78187493530, bpf_core_enum_value(enum big, HUGE))
enum negative { MINUS = -1 };
ASK(minus, -4294967298, bpf_core_enum_value(enum negative, MINUS))
enum four_bytes { FOUR = 0x1122334455 };
ASK(four, 7, bpf_core_enum_value(enum four_bytes, FOUR))
ASK(four_exists, 1, bpf_core_enum_value_exists(enum four_bytes, FOUR))

enum nowhere { NOWHERE = 1 };
ASK(nowhere_exists, 0, bpf_core_enum_value_exists(enum nowhere, NOWHERE))
ASK(nowhere_value, poison, bpf_core_enum_value(enum nowhere, NOWHERE))

#endif
