/* SPDX-License-Identifier: GPL-2.0-only */
/* What must hold; if it does not, the fuzzer keeps the case. */

#ifndef FUZZ_CHECK_H
#define FUZZ_CHECK_H

#include <stdio.h>
#include <stdlib.h>

/* @what: a sentence that is true unless there is a bug */
#define check(condition, what) do {					\
	if (!(condition)) {						\
		fprintf(stderr, "%s:%d: not so: %s\n", __FILE__,	\
			__LINE__, what);				\
		abort();						\
	}								\
} while (0)

#endif /* FUZZ_CHECK_H */
