/* SPDX-License-Identifier: GPL-2.0-only */
/* How long a host's name can be, in user space. */

#ifndef FUZZ_LINUX_UTSNAME_H
#define FUZZ_LINUX_UTSNAME_H

#define __NEW_UTS_LEN	64

#endif /* FUZZ_LINUX_UTSNAME_H */
