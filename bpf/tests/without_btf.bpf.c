// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* An object without any types: scripts/build-objects compiles it without -g. */
#include "legacy.bpf.c"
