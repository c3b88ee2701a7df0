/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's memory, in user space, where AddressSanitizer watches it. */

#ifndef FUZZ_LINUX_SLAB_H
#define FUZZ_LINUX_SLAB_H

#include <stdlib.h>

#define GFP_KERNEL	0

static inline void *kzalloc(size_t size, int gfp)
{
	(void)gfp;
	return calloc(1, size);
}

static inline void kfree(void *memory)
{
	free(memory);
}

#endif /* FUZZ_LINUX_SLAB_H */
