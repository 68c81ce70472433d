// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define ROOTS 100
#include "roots.h"
