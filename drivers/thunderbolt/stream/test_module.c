// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lets the KUnit tests be a module of their own, with the parts of the driver that
 * need no hardware, in kernels where the driver itself is not enabled.
 */

#include <linux/module.h>
#include <linux/mutex.h>

#include "stream.h"

/* What these parts expect to be held around them; stream.c has the real one */
DEFINE_MUTEX(tbstream_lock);

MODULE_DESCRIPTION("KUnit tests of the USB4 stream driver");
MODULE_LICENSE("GPL");
