/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - docks: device routers between hosts
 */

#ifndef USIM_DOCK_H
#define USIM_DOCK_H

#include <stdint.h>

#include "router.h"

struct usim;

/**
 * struct usim_dock - a hub, with a router and nothing else behind it
 * @name: unique name
 * @router: its router; the first port is the upstream one
 */
struct usim_dock {
	char *name;
	struct usim_router router;
};

struct usim_dock *usim_dock_new(struct usim *sim, char *name, uint64_t uid,
				unsigned int ports, unsigned int lanes, unsigned int usb4);
void usim_dock_free(struct usim_dock *dock);
void usim_dock_notify(struct usim_dock *dock);

#endif
