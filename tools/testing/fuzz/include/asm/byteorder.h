/* SPDX-License-Identifier: GPL-2.0-only */
/* In the kernel only the macro of the order that the machine has is defined. */

#ifndef FUZZ_ASM_BYTEORDER_H
#define FUZZ_ASM_BYTEORDER_H

#include <endian.h>

#if __BYTE_ORDER == __LITTLE_ENDIAN
#undef __BIG_ENDIAN
#else
#undef __LITTLE_ENDIAN
#endif

#endif /* FUZZ_ASM_BYTEORDER_H */
