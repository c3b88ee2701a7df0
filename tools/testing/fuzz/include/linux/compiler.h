/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's single accesses, in user space. */

#ifndef FUZZ_LINUX_COMPILER_H
#define FUZZ_LINUX_COMPILER_H

#define READ_ONCE(x)		(*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, value)	(*(volatile typeof(x) *)&(x) = (value))

#endif /* FUZZ_LINUX_COMPILER_H */
