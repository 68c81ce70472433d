// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define ROOTS 0
#include "roots.h"
