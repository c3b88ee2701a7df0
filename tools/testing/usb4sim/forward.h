/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - moving frames from transmit rings to receive rings
 */

#ifndef USIM_FORWARD_H
#define USIM_FORWARD_H

#include <stdbool.h>

struct usim_host;

bool usim_forward_run(struct usim_host *host);

#endif
