/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's minimum and maximum, in user space. */

#ifndef FUZZ_LINUX_MINMAX_H
#define FUZZ_LINUX_MINMAX_H

/* In the type that both have together, as numbers without a type are signed */
#define min(a, b)	({ typeof((a) + (b)) a_ = (a), b_ = (b); a_ < b_ ? a_ : b_; })
#define max(a, b)	({ typeof((a) + (b)) a_ = (a), b_ = (b); a_ > b_ ? a_ : b_; })

#endif /* FUZZ_LINUX_MINMAX_H */
