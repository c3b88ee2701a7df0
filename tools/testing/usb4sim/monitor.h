/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - control socket
 */

#ifndef USIM_MONITOR_H
#define USIM_MONITOR_H

#include <stddef.h>
#include <stdint.h>

#include "loop.h"

struct usim;

#define USIM_MONITOR_CLIENTS	16
#define USIM_MONITOR_LINE	32768	/* a property block in hexadecimal */

/**
 * struct usim_monitor_client - connection to the control socket
 * @src: the connection, its fd is -1 while the slot is free
 * @monitor: control socket it came through
 * @in: part of a line
 * @in_len: its length
 * @out: replies that the socket did not take yet, allocated
 * @out_len: their length
 */
struct usim_monitor_client {
	struct usim_source src;
	struct usim_monitor *monitor;
	char in[USIM_MONITOR_LINE];
	size_t in_len;
	char *out;
	size_t out_len;
};

/**
 * struct usim_monitor - control socket
 * @sim: the simulation
 * @path: of the socket
 * @listener: the socket
 * @client: connections
 */
struct usim_monitor {
	struct usim *sim;
	char *path;
	struct usim_source listener;
	struct usim_monitor_client client[USIM_MONITOR_CLIENTS];
};

int usim_monitor_open(struct usim *sim, const char *path);
void usim_monitor_close(struct usim *sim);

#endif
