/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's kinds of characters are those of user space. */

#ifndef FUZZ_LINUX_CTYPE_H
#define FUZZ_LINUX_CTYPE_H

#include <ctype.h>

#endif /* FUZZ_LINUX_CTYPE_H */
