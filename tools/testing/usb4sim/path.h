/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - path tables
 */

#ifndef USIM_PATH_H
#define USIM_PATH_H

#include <stdbool.h>
#include <stdint.h>

struct usim_adapter;
struct usim_port;
struct usim_ring;

#define USIM_ROUTE_STEPS	16	/* cables in a row */

/**
 * struct usim_step - a cable that frames cross
 * @port: port they leave through
 * @hop: HopID on that cable
 */
struct usim_step {
	struct usim_port *port;
	unsigned int hop;
};

/**
 * struct usim_route - where the frames of a transmit ring go
 * @port: port of the host that they leave through
 * @exit: port that they leave the host's domain through: the same, or one of a
 *	  dock
 * @hop: HopID on the cable from there to the other domain
 * @rx: receive ring at the other host
 * @step: all cables on the way
 * @nsteps: how many
 */
struct usim_route {
	struct usim_port *port;
	struct usim_port *exit;
	unsigned int hop;
	struct usim_ring *rx;
	struct usim_step step[USIM_ROUTE_STEPS];
	unsigned int nsteps;
};

void usim_path_write(struct usim_adapter *adapter, unsigned int offset, unsigned int count,
		     const uint32_t *data);
bool usim_path_local(struct usim_ring *tx, struct usim_route *route);
bool usim_path_arrive(struct usim_port *port, unsigned int hop, struct usim_route *route);
int usim_path_ring_hop(struct usim_ring *ring);
void usim_path_ring_stops(struct usim_ring *ring);

#endif
