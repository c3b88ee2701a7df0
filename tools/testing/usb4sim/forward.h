/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - moving frames from transmit rings to receive rings
 */

#ifndef USIM_FORWARD_H
#define USIM_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

struct usim_host;
struct usim_port;

enum usim_inject {
	USIM_INJECT_DONE,
	USIM_INJECT_NO_CREDIT,	/* no path, or no receive descriptor */
	USIM_INJECT_REFUSED,	/* did not pass the PDF mask */
};

bool usim_forward_run(struct usim_host *host);
enum usim_inject usim_forward_inject(struct usim_port *port, unsigned int hop, uint32_t attr,
				     const uint8_t *data, uint32_t len);

#endif
