/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's limits: those that user space gets of it, and those of its types. */

#ifndef FUZZ_LINUX_LIMITS_H
#define FUZZ_LINUX_LIMITS_H

#include_next <linux/limits.h>

#include <limits.h>
#include <stdint.h>

#define U32_MAX		UINT32_MAX
#define U64_MAX		UINT64_MAX

#endif /* FUZZ_LINUX_LIMITS_H */
