/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's arithmetic, in user space. */

#ifndef FUZZ_LINUX_KERNEL_H
#define FUZZ_LINUX_KERNEL_H

#include <linux/bits.h>
#include <linux/types.h>

#define upper_32_bits(n)	((u32)((n) >> 32))
#define lower_32_bits(n)	((u32)(n))

#endif /* FUZZ_LINUX_KERNEL_H */
