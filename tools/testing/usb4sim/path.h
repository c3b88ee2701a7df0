/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - path tables
 */

#ifndef USIM_PATH_H
#define USIM_PATH_H

#include <stdbool.h>
#include <stdint.h>

struct usim_adapter;
struct usim_host;
struct usim_ring;

/**
 * struct usim_route - where the frames of a transmit ring go
 * @port: USB4 port they leave through
 * @hop: HopID on the cable
 * @rx: receive ring at the other host
 */
struct usim_route {
	struct usim_port *port;
	unsigned int hop;
	struct usim_ring *rx;
};

void usim_path_write(struct usim_host *host, struct usim_adapter *adapter,
		     unsigned int offset, unsigned int count, const uint32_t *data);
bool usim_path_local(struct usim_ring *tx, struct usim_route *route);
struct usim_ring *usim_path_arrive(struct usim_port *port, unsigned int hop);
bool usim_path_resolve(struct usim_ring *tx, struct usim_route *route);
int usim_path_ring_hop(struct usim_ring *ring);
void usim_path_ring_stops(struct usim_ring *ring);

#endif
