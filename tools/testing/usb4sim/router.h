/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - configuration spaces of a router and its adapters
 *
 * Adapter 0 is the control adapter, USB4 port n has the lane adapters 2n - 1
 * and 2n. In the router of a host the host interface adapter is the last one.
 */

#ifndef USIM_ROUTER_H
#define USIM_ROUTER_H

#include <stdbool.h>
#include <stdint.h>

#include "cable.h"

struct usim;
struct usim_host;

#define USIM_MAX_PORTS		4
#define USIM_MAX_ADAPTERS	(2 * USIM_MAX_PORTS + 2)
#define USIM_ROUTER_WORDS	64
#define USIM_ADAPTER_WORDS	64

enum usim_adapter_type {
	USIM_ADAPTER_INACTIVE	= 0,
	USIM_ADAPTER_LANE	= 1,
	USIM_ADAPTER_HOST	= 2,
};

/**
 * struct usim_path_entry - path configuration space entry: frames that come
 *			    in through an adapter with one HopID
 * @word: the two words of the entry
 * @link_in: count of link-ups of the port where it begins when the entry was
 *	     enabled, 0 at the host interface; frames do not use paths of an
 *	     earlier connection
 * @link_out: the same for the port where it ends
 */
struct usim_path_entry {
	uint32_t word[2];
	unsigned int link_in;
	unsigned int link_out;
};

#define USIM_PATH_ENABLED(e)	(!!((e)->word[0] & USIM_BIT(31)))
#define USIM_PATH_NEXT_HOP(e)	USIM_GET((e)->word[0], 10, 0)
#define USIM_PATH_OUT(e)	USIM_GET((e)->word[0], 16, 11)
#define USIM_PATH_CREDITS(e)	USIM_GET((e)->word[0], 23, 17)
#define USIM_PATH_INGRESS_FC(e)	(!!((e)->word[1] & USIM_BIT(24)))

/**
 * struct usim_adapter - an adapter of the router
 * @router: router it belongs to
 * @number: adapter number
 * @type: what it is
 * @word: adapter configuration space
 * @lane_cap: offset of the lane capability, 0 for none
 * @usb4_cap: offset of the USB4 port capability, 0 for none
 * @max_hop: highest HopID
 * @path: path configuration space, an entry for each HopID
 * @port: the USB4 port it belongs to, or NULL
 * @opcode: sideband opcode register of the port
 */
struct usim_adapter {
	struct usim_router *router;
	unsigned int number;
	enum usim_adapter_type type;
	uint32_t word[USIM_ADAPTER_WORDS];
	unsigned int lane_cap;
	unsigned int usb4_cap;
	unsigned int max_hop;
	struct usim_path_entry *path;
	struct usim_port *port;
	uint32_t opcode;
};

/**
 * struct usim_router_config - what a router is like
 * @uid: its unique ID
 * @ports: USB4 ports
 * @lanes: lanes of a port, 1 or 2
 * @usb4: USB4 version, 1 or 2
 * @max_hopid: highest HopID of the lane adapters
 * @rings: highest HopID of the host interface adapter, of a host's router
 */
struct usim_router_config {
	uint64_t uid;
	unsigned int ports;
	unsigned int lanes;
	unsigned int usb4;
	unsigned int max_hopid;
	unsigned int rings;
};

/**
 * struct usim_router - router of a host or, as a device router, of a dock
 * @sim: the simulation
 * @host: the host, NULL for a device router
 * @name: of the host or dock
 * @config: what it is like
 * @upstream: number of the adapter through which it is reached
 * @upstream_port: port of that adapter, NULL in the router of a host
 * @word: router configuration space
 * @adapter: adapters; 0 has no configuration space
 * @nadapters: how many
 * @port: USB4 ports
 * @nports: how many
 */
struct usim_router {
	struct usim *sim;
	struct usim_host *host;
	const char *name;
	struct usim_router_config config;
	unsigned int upstream;
	struct usim_port *upstream_port;
	uint32_t word[USIM_ROUTER_WORDS];
	struct usim_adapter adapter[USIM_MAX_ADAPTERS];
	unsigned int nadapters;
	struct usim_port port[USIM_MAX_PORTS];
	unsigned int nports;
};

/* Configuration spaces as packets number them */
enum usim_space {
	USIM_SPACE_PATH		= 0,
	USIM_SPACE_ADAPTER	= 1,
	USIM_SPACE_ROUTER	= 2,
	USIM_SPACE_COUNTERS	= 3,
};

bool usim_router_init(struct usim_router *router, struct usim *sim, struct usim_host *host,
		      const char *name, const struct usim_router_config *config);
void usim_router_exit(struct usim_router *router);
void usim_router_reset(struct usim_router *router);
bool usim_router_valid(const struct usim_router *router);
bool usim_router_configured(const struct usim_router *router);
bool usim_router_read(struct usim_router *router, unsigned int space, unsigned int adapter,
		      unsigned int offset, unsigned int count, uint32_t *data);
bool usim_router_write(struct usim_router *router, unsigned int space, unsigned int adapter,
		       unsigned int offset, unsigned int count, const uint32_t *data);
struct usim_adapter *usim_router_host_adapter(struct usim_router *router);
struct usim_adapter *usim_router_lane(struct usim_router *router, unsigned int number);
void usim_router_link_down(struct usim_port *port);
bool usim_adapter_hotplug_enabled(const struct usim_adapter *adapter);

#endif
