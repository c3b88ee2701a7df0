// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - docks: device routers between hosts
 *
 * A dock has power of its own. It belongs to the host at the other end of its
 * upstream port, whose connection manager sets it up; as long as that has not
 * been done nothing is connected to its other ports. USB4 ch. 6: when the
 * upstream port loses its link, the router starts over.
 */

#include <stdlib.h>

#include "cable.h"
#include "dock.h"
#include "usim.h"

/* HopIDs of its lane adapters; hosts have between 19 and 23 */
#define DOCK_MAX_HOPID	31

/**
 * usim_dock_new() - make a dock
 * @sim: the simulation
 * @name: its name, kept
 * @uid: unique ID of its router
 * @ports: USB4 ports, the upstream one included
 * @lanes: lanes of a port
 * @usb4: USB4 version
 *
 * Return: the dock, or NULL when there is no memory.
 */
struct usim_dock *usim_dock_new(struct usim *sim, char *name, uint64_t uid,
				unsigned int ports, unsigned int lanes, unsigned int usb4)
{
	const struct usim_router_config config = {
		.uid = uid,
		.ports = ports,
		.lanes = lanes,
		.usb4 = usb4,
		.max_hopid = DOCK_MAX_HOPID,
	};
	struct usim_dock *dock = calloc(1, sizeof(*dock));

	if (!dock)
		return NULL;
	if (!usim_router_init(&dock->router, sim, NULL, name, &config)) {
		free(dock);
		return NULL;
	}
	dock->name = name;
	return dock;
}

/**
 * usim_dock_free() - release a dock
 * @dock: a dock that is not on any cable any more
 */
void usim_dock_free(struct usim_dock *dock)
{
	usim_router_exit(&dock->router);
	free(dock->name);
	free(dock);
}

/**
 * usim_dock_notify() - send the hotplug events that could not be sent before
 * @dock: the dock
 */
void usim_dock_notify(struct usim_dock *dock)
{
	unsigned int i;

	for (i = 0; i < dock->router.nports; i++)
		if (&dock->router.port[i] != dock->router.upstream_port)
			usim_port_notify(&dock->router.port[i]);
}
