/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's bits, in user space. */

#ifndef FUZZ_LINUX_BITS_H
#define FUZZ_LINUX_BITS_H

#define BIT(n)		(1u << (n))
#define BIT_ULL(n)	(1ull << (n))

#endif /* FUZZ_LINUX_BITS_H */
