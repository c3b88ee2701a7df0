// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - configuration spaces of a router and its adapters
 *
 * Only what connection managers look at. There is no counter and no low power
 * link state: each is optional, and absent.
 */

#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "log.h"
#include "operation.h"
#include "path.h"
#include "router.h"
#include "topology.h"
#include "util.h"

/* Router configuration space */
#define ROUTER_ID		0
#define   ROUTER_ID_VALUE	0x55541209	/* a vendor ID of the pid.codes project */
#define ROUTER_TOPOLOGY		1		/* capability, upstream and last adapter, depth */
#define   ROUTER_DEPTH(v)	USIM_GET(v, 22, 20)
#define ROUTER_ROUTE_LO		2
#define ROUTER_ROUTE_HI		3
#define   ROUTER_VALID		USIM_BIT(31)
#define   ROUTER_ROUTE_HI_MASK	USIM_MASK(30, 0)
#define ROUTER_VERSION		4
#define   ROUTER_VERSION_USB4(n) USIM_PUT((n) << 5, 31, 24)
#define ROUTER_CONTROL		5
#define   ROUTER_CONTROL_SLEEP	USIM_BIT(0)
#define   ROUTER_CONTROL_VALID	USIM_BIT(31)	/* tunnels may be set up */
#define ROUTER_STATUS		6
#define   ROUTER_STATUS_SLEEP	USIM_BIT(0)
#define   ROUTER_STATUS_NO_TBT3	USIM_BIT(1)
#define   ROUTER_STATUS_READY	USIM_BIT(24)
#define   ROUTER_STATUS_CONFIG	USIM_BIT(25)
#define ROUTER_UID		7
#define ROUTER_DATA		9
#define ROUTER_METADATA		25
#define ROUTER_OPERATION	26
#define ROUTER_TMU		0x20
#define   ROUTER_TMU_WORDS	26
#define   ROUTER_POST_TIME	(ROUTER_TMU + 24)	/* low and high word */
#define ROUTER_WORDS_USED	(ROUTER_TMU + ROUTER_TMU_WORDS)
_Static_assert(ROUTER_WORDS_USED <= USIM_ROUTER_WORDS, "the router's space is too small");

/* Adapter configuration space */
#define ADAPTER_ID		0
#define ADAPTER_CAPS		1
#define ADAPTER_TYPE		2
#define ADAPTER_NUMBER		3
#define ADAPTER_BUFFERS		4
#define   ADAPTER_LANE_BUFFERS	USIM_PUT(120, 29, 20)
#define   ADAPTER_LOCKED	USIM_BIT(31)
#define   ADAPTER_NFC_BUFFERS	USIM_MASK(9, 0)
#define ADAPTER_HOPS		5
#define   ADAPTER_HOPS_IN(n)	USIM_PUT(n, 10, 0)
#define   ADAPTER_HOPS_OUT(n)	USIM_PUT(n, 21, 11)
#define   ADAPTER_NO_HOTPLUG	USIM_BIT(31)
#define   ADAPTER_LINK_CREDITS	USIM_MASK(28, 22)
#define ADAPTER_BASIC_WORDS	9

#define CAP_LANE		0x01
#define CAP_TMU			0x03
#define CAP_USB4		0x06
#define LANE_CAP		0x10
#define USB4_CAP		0x20
#define   USB4_CAP_WORDS	20
#define TMU_CAP			(USB4_CAP + USB4_CAP_WORDS)
#define   TMU_CAP_WORDS		10

/* Lane adapter capability, from its start */
#define LANE_CS_0		0
#define   LANE_SPEEDS		USIM_PUT(0xc, 19, 16)	/* generation 2 and 3 */
#define   LANE_WIDTHS(n)	USIM_PUT(n, 25, 20)
#define LANE_CS_1		1
#define   LANE_TARGET_SPEED	0xc
#define   LANE_TARGET_WIDTH	USIM_MASK(5, 4)
#define   LANE_TARGET_SINGLE	USIM_PUT(1, 5, 4)
#define   LANE_TARGET_DUAL	USIM_PUT(3, 5, 4)
#define   LANE_DISABLE		USIM_BIT(14)
#define   LANE_BOND		USIM_BIT(15)
#define   LANE_SPEED_GEN3	USIM_PUT(0x4, 19, 16)
#define   LANE_WIDTH(n)		USIM_PUT(n, 25, 20)
#define   LANE_STATE(n)		USIM_PUT(n, 29, 26)
#define   LANE_STATE_DISABLED	0
#define   LANE_STATE_UP		2
#define   LANE_STATE_UNPLUGGED	7
#define   LANE_CS_1_WRITABLE	(USIM_MASK(7, 0) | LANE_DISABLE | USIM_MASK(12, 10))

/* USB4 port capability, from its start */
#define USB4_CS_1		1	/* sideband request */
#define   SIDEBAND_REG(v)	USIM_GET(v, 7, 0)
#define   SIDEBAND_LENGTH(v)	USIM_GET(v, 15, 8)
#define   SIDEBAND_TARGET(v)	USIM_GET(v, 18, 16)
#define   SIDEBAND_ROUTER	0
#define   SIDEBAND_WRITE	USIM_BIT(24)
#define   SIDEBAND_NO_RESPONSE	USIM_BIT(25)
#define   SIDEBAND_REFUSED	USIM_BIT(26)
#define   SIDEBAND_PENDING	USIM_BIT(31)
#define USB4_CS_2		2	/* sideband data, 16 words */
#define USB4_CS_18		18
#define   USB4_BONDING_ENABLED	USIM_BIT(8)
#define USB4_CS_19		19
#define   USB4_PORT_RESET	USIM_BIT(0)
#define   USB4_CS_19_WRITABLE	(USIM_BIT(0) | USIM_BIT(3) | USIM_BIT(4) | USIM_MASK(19, 16))

#define SIDEBAND_REG_OPCODE	0x08
#define SIDEBAND_NOT_SUPPORTED	0x444d4321	/* "!CMD" */

/* Path configuration space of lane adapters: entry of the control channel */
#define CONTROL_CREDITS		2

_Static_assert(ROUTER_WORDS_USED <= USIM_ROUTER_WORDS, "router space does not fit");
_Static_assert(TMU_CAP + TMU_CAP_WORDS <= USIM_ADAPTER_WORDS, "adapter space does not fit");

/**
 * usim_router_host_adapter() - the host interface adapter
 * @router: router of a host
 *
 * Return: the adapter.
 */
struct usim_adapter *usim_router_host_adapter(struct usim_router *router)
{
	return &router->adapter[router->upstream];
}

/**
 * usim_router_lane() - look up a lane adapter
 * @router: the router
 * @number: adapter number
 *
 * Return: the adapter, or NULL if there is no such lane adapter.
 */
struct usim_adapter *usim_router_lane(struct usim_router *router, unsigned int number)
{
	if (number >= router->nadapters || router->adapter[number].type != USIM_ADAPTER_LANE)
		return NULL;
	return &router->adapter[number];
}

/**
 * usim_adapter_hotplug_enabled() - does the connection manager want events?
 * @adapter: a lane adapter
 *
 * Return: true unless hotplug events are disabled.
 */
bool usim_adapter_hotplug_enabled(const struct usim_adapter *adapter)
{
	return !(adapter->word[ADAPTER_HOPS] & ADAPTER_NO_HOTPLUG);
}

/**
 * usim_router_valid() - was the router set up by a connection manager?
 * @router: the router
 *
 * Return: state of the valid bit.
 */
bool usim_router_valid(const struct usim_router *router)
{
	return router->word[ROUTER_ROUTE_HI] & ROUTER_VALID;
}

/**
 * usim_router_configured() - may paths lead through the router?
 * @router: the router
 *
 * Return: true for the router of a host; else the state of the bit with which
 * a connection manager says that the configuration of a device router is valid.
 */
bool usim_router_configured(const struct usim_router *router)
{
	return router->host || router->word[ROUTER_CONTROL] & ROUTER_CONTROL_VALID;
}

static void reset_lane(struct usim_adapter *adapter)
{
	unsigned int lanes = adapter->router->config.lanes;
	uint32_t *lane = adapter->word + LANE_CAP;

	adapter->word[ADAPTER_CAPS] = LANE_CAP;
	adapter->word[ADAPTER_BUFFERS] = ADAPTER_LANE_BUFFERS;
	adapter->word[ADAPTER_HOPS] |= ADAPTER_NO_HOTPLUG;
	adapter->lane_cap = LANE_CAP;
	lane[LANE_CS_0] = USIM_PUT(CAP_LANE, 15, 8) | LANE_SPEEDS |
			  LANE_WIDTHS(lanes > 1 ? 0x3 : 0x1);
	lane[LANE_CS_1] = LANE_TARGET_SPEED | LANE_TARGET_SINGLE;
	adapter->path[0].word[0] = USIM_PUT(CONTROL_CREDITS, 23, 17);
	if (!(adapter->number % 2))
		return;
	lane[LANE_CS_0] |= USB4_CAP;
	adapter->usb4_cap = USB4_CAP;
	adapter->word[USB4_CAP] = USIM_PUT(CAP_USB4, 15, 8) | TMU_CAP;
	/* As in reset_words(): it is written to without looking. */
	adapter->word[TMU_CAP] = USIM_PUT(CAP_TMU, 15, 8);
	if (lanes > 1)
		adapter->word[USB4_CAP + USB4_CS_18] = USB4_BONDING_ENABLED;
}

static void reset_adapter(struct usim_adapter *adapter)
{
	memset(adapter->word, 0, sizeof(adapter->word));
	memset(adapter->path, 0, (adapter->max_hop + 1) * sizeof(*adapter->path));
	adapter->opcode = 0;
	adapter->word[ADAPTER_ID] = ROUTER_ID_VALUE;
	adapter->word[ADAPTER_TYPE] = adapter->type;
	adapter->word[ADAPTER_NUMBER] = USIM_PUT(adapter->number, 25, 20);
	adapter->word[ADAPTER_HOPS] = ADAPTER_HOPS_IN(adapter->max_hop) |
				      ADAPTER_HOPS_OUT(adapter->max_hop);
	if (adapter->type == USIM_ADAPTER_LANE)
		reset_lane(adapter);
}

static void reset_words(struct usim_router *router)
{
	uint32_t *w = router->word;
	unsigned int i;

	memset(w, 0, sizeof(router->word));
	w[ROUTER_ID] = ROUTER_ID_VALUE;
	w[ROUTER_TOPOLOGY] = ROUTER_TMU |
			     USIM_PUT(router->upstream, 13, 8) |
			     USIM_PUT(router->nadapters - 1, 19, 14);
	w[ROUTER_VERSION] = ROUTER_VERSION_USB4(router->config.usb4);
	/*
	 * Time is not simulated, but every USB4 router has a time management unit,
	 * and a connection manager writes to it without looking: without the
	 * capability these writes would land on the route and its valid bit.
	 */
	w[ROUTER_TMU] = USIM_PUT(CAP_TMU, 15, 8);
	w[ROUTER_STATUS] = ROUTER_STATUS_NO_TBT3;
	if (router->host)
		w[ROUTER_STATUS] = ROUTER_STATUS_READY | ROUTER_STATUS_CONFIG;
	w[ROUTER_UID] = (uint32_t)router->config.uid;
	w[ROUTER_UID + 1] = (uint32_t)(router->config.uid >> 32);
	for (i = 1; i < router->nadapters; i++)
		reset_adapter(&router->adapter[i]);
}

/**
 * usim_router_init() - make a router
 * @router: the router, zeroed
 * @sim: the simulation
 * @host: its host, or NULL for a device router, whose first port leads upstream
 * @name: of the host or dock; kept
 * @config: what it is like
 *
 * Return: false when there is no memory.
 */
bool usim_router_init(struct usim_router *router, struct usim *sim, struct usim_host *host,
		      const char *name, const struct usim_router_config *config)
{
	unsigned int i;

	router->sim = sim;
	router->host = host;
	router->name = name;
	router->config = *config;
	router->nports = config->ports;
	router->nadapters = 2 * config->ports + (host ? 2 : 1);
	router->upstream = host ? router->nadapters - 1 : 1;
	router->upstream_port = host ? NULL : &router->port[0];
	for (i = 0; i < router->nports; i++)
		usim_port_init(&router->port[i], router, 2 * i + 1);
	for (i = 1; i < router->nadapters; i++) {
		struct usim_adapter *adapter = &router->adapter[i];

		adapter->router = router;
		adapter->number = i;
		if (host && i == router->upstream)
			adapter->type = USIM_ADAPTER_HOST;
		else if (i % 2 || config->lanes > 1)
			adapter->type = USIM_ADAPTER_LANE;
		adapter->max_hop = adapter->type == USIM_ADAPTER_HOST ? config->rings :
									config->max_hopid;
		if (adapter->type == USIM_ADAPTER_LANE)
			adapter->port = &router->port[(i - 1) / 2];
		adapter->path = calloc(adapter->max_hop + 1, sizeof(*adapter->path));
		if (!adapter->path) {
			usim_router_exit(router);
			return false;
		}
	}
	reset_words(router);
	return true;
}

/**
 * usim_router_exit() - release a router
 * @router: the router
 */
void usim_router_exit(struct usim_router *router)
{
	unsigned int i;

	for (i = 0; i < router->nadapters; i++) {
		free(router->adapter[i].path);
		router->adapter[i].path = NULL;
	}
	for (i = 0; i < router->nports; i++)
		usim_port_release(&router->port[i]);
	for (i = 0; i < router->nports; i++)
		usim_port_forget(&router->port[i]);
}

/**
 * usim_router_reset() - power-on state
 * @router: the router
 *
 * The links go down and come up again.
 */
void usim_router_reset(struct usim_router *router)
{
	unsigned int i;

	reset_words(router);
	usim_cable_update_router(router);
	for (i = 0; i < router->nports; i++)
		usim_port_forget(&router->port[i]);
}

static uint32_t read_lane(const struct usim_adapter *adapter)
{
	uint32_t val = adapter->word[adapter->lane_cap + LANE_CS_1];
	const struct usim_port *port = adapter->port;

	val |= LANE_SPEED_GEN3 | LANE_WIDTH(port->up && port->bonded ? 2 : 1);
	if (val & LANE_DISABLE)
		return val | LANE_STATE(LANE_STATE_DISABLED);
	return val | LANE_STATE(port->up ? LANE_STATE_UP : LANE_STATE_UNPLUGGED);
}

static uint32_t read_adapter(const struct usim_adapter *adapter, unsigned int offset)
{
	if (adapter->lane_cap && offset == adapter->lane_cap + LANE_CS_1)
		return read_lane(adapter);
	return adapter->word[offset];
}

static bool wants_dual(struct usim_port *port)
{
	struct usim_router *router = port->router;
	unsigned int lane;

	for (lane = 0; lane < 2; lane++) {
		const struct usim_adapter *adapter = &router->adapter[port->adapter + lane];

		if (adapter->type != USIM_ADAPTER_LANE ||
		    (adapter->word[LANE_CAP + LANE_CS_1] & LANE_TARGET_WIDTH) !=
		    LANE_TARGET_DUAL)
			return false;
	}
	return true;
}

/*
 * One end asks for bonding; lanes bond as soon as, and as long as, all four
 * lane adapters have a target width of two.
 */
static void update_bonding(struct usim_port *port)
{
	struct usim_port *peer = port->peer;

	if (!port->up)
		return;
	port->bonded = wants_dual(port) && wants_dual(peer) &&
		       (port->bonded || port->bond || peer->bond);
	peer->bonded = port->bonded;
}

static void write_lane(struct usim_adapter *adapter, uint32_t val)
{
	uint32_t *word = &adapter->word[adapter->lane_cap + LANE_CS_1];

	*word = (*word & ~LANE_CS_1_WRITABLE) | (val & LANE_CS_1_WRITABLE);
	if (val & LANE_BOND)
		adapter->port->bond = true;
	update_bonding(adapter->port);
}

/**
 * usim_router_link_down() - a link went down
 * @port: port of this router
 *
 * Lanes start over with their default width.
 */
void usim_router_link_down(struct usim_port *port)
{
	struct usim_router *router = port->router;
	unsigned int lane;

	for (lane = 0; lane < 2; lane++) {
		struct usim_adapter *adapter = &router->adapter[port->adapter + lane];
		uint32_t *word = &adapter->word[LANE_CAP + LANE_CS_1];

		if (adapter->type == USIM_ADAPTER_LANE)
			*word = (*word & ~LANE_TARGET_WIDTH) | LANE_TARGET_SINGLE;
	}
}

/*
 * Sideband requests complete at once. The router itself answers them; there
 * is no retimer and nobody to answer for the link partner.
 */
static void sideband(struct usim_adapter *adapter, uint32_t val)
{
	uint32_t *cs = adapter->word + adapter->usb4_cap;
	uint32_t status = 0;

	if (!(val & SIDEBAND_PENDING)) {
		cs[USB4_CS_1] = val;
		return;
	}
	if (SIDEBAND_TARGET(val) != SIDEBAND_ROUTER) {
		status = SIDEBAND_NO_RESPONSE;
	} else if (SIDEBAND_LENGTH(val) > 64) {
		status = SIDEBAND_REFUSED;
	} else if (val & SIDEBAND_WRITE) {
		/* Operations are done, or not known, by the time they are polled. */
		if (SIDEBAND_REG(val) == SIDEBAND_REG_OPCODE)
			adapter->opcode = cs[USB4_CS_2] == UINT32_C(0x4d554e45) /* "ENUM" */ ||
					  cs[USB4_CS_2] == UINT32_C(0x4e45534c) /* "LSEN" */ ?
					  0 : SIDEBAND_NOT_SUPPORTED;
	} else {
		memset(cs + USB4_CS_2, 0, 16 * sizeof(*cs));
		if (SIDEBAND_REG(val) == SIDEBAND_REG_OPCODE)
			cs[USB4_CS_2] = adapter->opcode;
	}
	cs[USB4_CS_1] = (val & ~(SIDEBAND_PENDING | SIDEBAND_NO_RESPONSE | SIDEBAND_REFUSED)) |
			status;
}

static void write_usb4(struct usim_adapter *adapter, unsigned int reg, uint32_t val)
{
	uint32_t *cs = adapter->word + adapter->usb4_cap;

	if (reg == USB4_CS_1) {
		sideband(adapter, val);
	} else if (reg >= USB4_CS_2 && reg < USB4_CS_2 + 16) {
		cs[reg] = val;
	} else if (reg == USB4_CS_19) {
		cs[reg] = val & USB4_CS_19_WRITABLE;
		adapter->port->reset = val & USB4_PORT_RESET;
		if (adapter->port->cable)
			usim_cable_update(adapter->port->cable);
	}
}

static void write_adapter(struct usim_adapter *adapter, unsigned int offset, uint32_t val)
{
	uint32_t *word = &adapter->word[offset];
	uint32_t mask;

	if (adapter->type != USIM_ADAPTER_LANE)
		return;
	if (offset == ADAPTER_BUFFERS) {
		mask = ADAPTER_NFC_BUFFERS | ADAPTER_LOCKED;
		*word = (*word & ~mask) | (val & mask);
	} else if (offset == ADAPTER_HOPS) {
		mask = ADAPTER_NO_HOTPLUG | ADAPTER_LINK_CREDITS;
		*word = (*word & ~mask) | (val & mask);
		usim_port_notify(adapter->port);
	} else if (offset == adapter->lane_cap + LANE_CS_1) {
		write_lane(adapter, val);
	} else if (adapter->usb4_cap && offset > adapter->usb4_cap &&
		   offset < adapter->usb4_cap + USB4_CAP_WORDS) {
		write_usb4(adapter, offset - adapter->usb4_cap, val);
	} else if (adapter->usb4_cap && offset > TMU_CAP) {
		*word = val;
	}
}

/* What a connection manager says about the place of a router has to be true. */
static void check_topology(const struct usim_router *router)
{
	const uint32_t *w = router->word;
	struct usim_host *host = usim_router_domain(router);
	uint64_t route = (uint64_t)(w[ROUTER_ROUTE_HI] & ROUTER_ROUTE_HI_MASK) << 32 |
			 w[ROUTER_ROUTE_LO];

	if (route == usim_router_route(router) &&
	    ROUTER_DEPTH(w[ROUTER_TOPOLOGY]) == usim_router_depth(router))
		return;
	usim_rule_broken(host, USIM_RULE_TOPOLOGY,
			 "%s at %llx, depth %u, is told that it is at %llx, depth %u",
			 router->name, (unsigned long long)usim_router_route(router),
			 usim_router_depth(router), (unsigned long long)route,
			 ROUTER_DEPTH(w[ROUTER_TOPOLOGY]));
}

static void set_status(struct usim_router *router, uint32_t bit, bool set)
{
	if (set)
		router->word[ROUTER_STATUS] |= bit;
	else
		router->word[ROUTER_STATUS] &= ~bit;
}

static void write_route(struct usim_router *router, uint32_t val)
{
	router->word[ROUTER_ROUTE_HI] = val;
	if (val & ROUTER_VALID)
		check_topology(router);
	if (!router->host)
		set_status(router, ROUTER_STATUS_READY, val & ROUTER_VALID);
	usim_cable_update_router(router);
}

static void write_control(struct usim_router *router, uint32_t val)
{
	router->word[ROUTER_CONTROL] = val;
	set_status(router, ROUTER_STATUS_SLEEP, val & ROUTER_CONTROL_SLEEP);
	if (!router->host)
		set_status(router, ROUTER_STATUS_CONFIG, val & ROUTER_CONTROL_VALID);
}

static void write_time(struct usim_router *router, unsigned int offset, uint32_t val)
{
	uint32_t *w = router->word;

	w[offset] = val;
	/* Time that was posted has been taken over: both words are zero then. */
	if (offset == ROUTER_POST_TIME + 1 && !val)
		w[ROUTER_POST_TIME] = 0;
}

static void write_router(struct usim_router *router, unsigned int offset, uint32_t val)
{
	uint32_t *w = router->word;
	uint32_t keep;

	switch (offset) {
	case ROUTER_TOPOLOGY:
		/* Depth is written; adapters, capability and revision are not. */
		keep = ~USIM_MASK(22, 20);
		w[offset] = (w[offset] & keep) | (val & ~keep);
		break;
	case ROUTER_ROUTE_LO:
		w[offset] = val;
		break;
	case ROUTER_ROUTE_HI:
		write_route(router, val);
		break;
	case ROUTER_VERSION:
		w[offset] = (w[offset] & USIM_MASK(31, 24)) | (val & USIM_MASK(23, 0));
		break;
	case ROUTER_CONTROL:
		write_control(router, val);
		break;
	case ROUTER_OPERATION:
		w[offset] = usim_operation_run(router, val, &w[ROUTER_METADATA], &w[ROUTER_DATA]);
		break;
	default:
		if (offset >= ROUTER_DATA && offset <= ROUTER_METADATA)
			w[offset] = val;
		else if (offset > ROUTER_TMU && offset < ROUTER_WORDS_USED)
			write_time(router, offset, val);
		else if (offset == ROUTER_TMU)
			w[offset] = (w[offset] & USIM_MASK(15, 0)) |
				    (val & USIM_MASK(31, 16));
	}
}

/**
 * space_words() - size of a configuration space
 * @router: the router
 * @space: which space
 * @number: adapter number, for spaces that adapters have
 *
 * Return: words, 0 if there is no such space.
 */
static unsigned int space_words(const struct usim_router *router, unsigned int space,
				unsigned int number)
{
	const struct usim_adapter *adapter;

	if (space == USIM_SPACE_ROUTER)
		return ROUTER_WORDS_USED;
	if (!number || number >= router->nadapters)
		return 0;
	adapter = &router->adapter[number];
	switch (space) {
	case USIM_SPACE_PATH:
		return adapter->type == USIM_ADAPTER_INACTIVE ? 0 : 2 * (adapter->max_hop + 1);
	case USIM_SPACE_ADAPTER:
		return adapter->usb4_cap ? TMU_CAP + TMU_CAP_WORDS :
		       adapter->lane_cap ? adapter->lane_cap + 3 : ADAPTER_BASIC_WORDS;
	}
	return 0;
}

/**
 * usim_router_read() - read a configuration space
 * @router: the router
 * @space: which space
 * @adapter: adapter number, for spaces that adapters have
 * @offset: first word
 * @count: words
 * @data: where to
 *
 * Return: false when there is no such space or it is too short.
 */
bool usim_router_read(struct usim_router *router, unsigned int space, unsigned int adapter,
		      unsigned int offset, unsigned int count, uint32_t *data)
{
	unsigned int words = space_words(router, space, adapter);
	unsigned int i;

	if (offset > words || count > words - offset)
		return false;
	for (i = 0; i < count; i++, offset++) {
		switch (space) {
		case USIM_SPACE_PATH:
			data[i] = router->adapter[adapter].path[offset / 2].word[offset % 2];
			break;
		case USIM_SPACE_ADAPTER:
			data[i] = read_adapter(&router->adapter[adapter], offset);
			break;
		default:
			data[i] = router->word[offset];
		}
	}
	return true;
}

/**
 * usim_router_write() - write a configuration space
 * @router: the router
 * @space: which space
 * @adapter: adapter number, for spaces that adapters have
 * @offset: first word
 * @count: words
 * @data: the data
 *
 * Bits that are read-only keep their values.
 *
 * Return: false when there is no such space or it is too short.
 */
bool usim_router_write(struct usim_router *router, unsigned int space, unsigned int adapter,
		       unsigned int offset, unsigned int count, const uint32_t *data)
{
	unsigned int words = space_words(router, space, adapter);
	unsigned int i;

	if (offset > words || count > words - offset)
		return false;
	if (space == USIM_SPACE_PATH) {
		usim_path_write(&router->adapter[adapter], offset, count, data);
		return true;
	}
	for (i = 0; i < count; i++, offset++) {
		if (space == USIM_SPACE_ADAPTER)
			write_adapter(&router->adapter[adapter], offset, data[i]);
		else
			write_router(router, offset, data[i]);
	}
	return true;
}
