/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Enumerators past 2^31. Of an enum without signs the compiler loads the four bytes as they are; libbpf reads the
 * types as if all had signs, and refuses the object.
 */
#include "conformance.h"

#ifdef TARGET

enum flags { TOP = 0xc0000000 };
HAVE(enum flags);

#else

enum flags { TOP = 0x80000000 };
ASK(top, 3221225472, bpf_core_enum_value(enum flags, TOP))

#endif
