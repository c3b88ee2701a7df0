// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - host router: configuration spaces of router and adapters
 *
 * Only what connection managers look at. There is no DROM, no counter and no
 * low power link state: each is optional, and absent.
 */

#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "path.h"
#include "router.h"
#include "util.h"

/* Router configuration space */
#define ROUTER_ID		0
#define   ROUTER_ID_VALUE	0x55541209	/* a vendor ID of the pid.codes project */
#define ROUTER_TOPOLOGY		1		/* capability, upstream and last adapter, depth */
#define ROUTER_ROUTE_LO		2
#define ROUTER_ROUTE_HI		3
#define   ROUTER_VALID		USIM_BIT(31)
#define ROUTER_VERSION		4
#define   ROUTER_VERSION_USB4(n) USIM_PUT((n) << 5, 31, 24)
#define ROUTER_CONTROL		5
#define   ROUTER_CONTROL_SLEEP	USIM_BIT(0)
#define ROUTER_STATUS		6
#define   ROUTER_STATUS_SLEEP	USIM_BIT(0)
#define   ROUTER_STATUS_READY	USIM_BIT(24)
#define   ROUTER_STATUS_CONFIG	USIM_BIT(25)
#define ROUTER_UID		7
#define ROUTER_DATA		9
#define ROUTER_METADATA		25
#define ROUTER_OPERATION	26
#define   ROUTER_OP_CODE(v)	USIM_GET(v, 15, 0)
#define   ROUTER_OP_STATUS	USIM_MASK(29, 24)
#define   ROUTER_OP_UNSUPPORTED	USIM_BIT(30)
#define   ROUTER_OP_VALID	USIM_BIT(31)
#define   ROUTER_OP_BUFFERS	0x33
#define ROUTER_TMU		0x20
#define   ROUTER_TMU_WORDS	26
#define ROUTER_WORDS_USED	(ROUTER_TMU + ROUTER_TMU_WORDS)
_Static_assert(ROUTER_WORDS_USED <= USIM_ROUTER_WORDS, "the router's space is too small");

/* Buffer allocation reply: index in the lower, value in the upper half */
#define BUFFERS_MAX_HI		0x0005
#define BUFFERS_MAX_HI_VALUE	14

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
_Static_assert(USB4_CAP + USB4_CAP_WORDS <= USIM_ADAPTER_WORDS, "adapter space does not fit");

/**
 * usim_router_upstream() - adapter through which a host router is reached
 * @router: the router
 *
 * Return: number of the host interface adapter.
 */
unsigned int usim_router_upstream(const struct usim_router *router)
{
	return router->nadapters - 1;
}

/**
 * usim_router_host_adapter() - the host interface adapter
 * @router: the router
 *
 * Return: the adapter.
 */
struct usim_adapter *usim_router_host_adapter(struct usim_router *router)
{
	return &router->adapter[router->nadapters - 1];
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

static void reset_lane(struct usim_host *host, struct usim_adapter *adapter, bool first)
{
	uint32_t *lane = adapter->word + LANE_CAP;

	adapter->word[ADAPTER_CAPS] = LANE_CAP;
	adapter->word[ADAPTER_BUFFERS] = ADAPTER_LANE_BUFFERS;
	adapter->word[ADAPTER_HOPS] |= ADAPTER_NO_HOTPLUG;
	adapter->lane_cap = LANE_CAP;
	lane[LANE_CS_0] = USIM_PUT(CAP_LANE, 15, 8) | LANE_SPEEDS |
			  LANE_WIDTHS(host->config.lanes > 1 ? 0x3 : 0x1);
	lane[LANE_CS_1] = LANE_TARGET_SPEED | LANE_TARGET_SINGLE;
	adapter->path[0].word[0] = USIM_PUT(CONTROL_CREDITS, 23, 17);
	if (!first)
		return;
	lane[LANE_CS_0] |= USB4_CAP;
	adapter->usb4_cap = USB4_CAP;
	adapter->word[USB4_CAP] = USIM_PUT(CAP_USB4, 15, 8);
	if (host->config.lanes > 1)
		adapter->word[USB4_CAP + USB4_CS_18] = USB4_BONDING_ENABLED;
}

static void reset_adapter(struct usim_host *host, struct usim_adapter *adapter)
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
		reset_lane(host, adapter, adapter->number % 2);
}

static void reset_words(struct usim_host *host)
{
	struct usim_router *router = &host->router;
	uint32_t *w = router->word;
	unsigned int i;

	memset(w, 0, sizeof(router->word));
	w[ROUTER_ID] = ROUTER_ID_VALUE;
	w[ROUTER_TOPOLOGY] = ROUTER_TMU |
			     USIM_PUT(usim_router_upstream(router), 13, 8) |
			     USIM_PUT(router->nadapters - 1, 19, 14);
	w[ROUTER_VERSION] = ROUTER_VERSION_USB4(host->config.usb4);
	/*
	 * Time is not simulated, but every USB4 router has a time management unit,
	 * and a connection manager writes to it without looking: without the
	 * capability these writes would land on the route and its valid bit.
	 */
	w[ROUTER_TMU] = USIM_PUT(CAP_TMU, 15, 8);
	w[ROUTER_STATUS] = ROUTER_STATUS_READY | ROUTER_STATUS_CONFIG;
	w[ROUTER_UID] = (uint32_t)host->config.uid;
	w[ROUTER_UID + 1] = (uint32_t)(host->config.uid >> 32);
	for (i = 1; i < router->nadapters; i++)
		reset_adapter(host, &router->adapter[i]);
}

/**
 * usim_router_init() - make the router of a host
 * @host: the host
 *
 * Return: false when there is no memory.
 */
bool usim_router_init(struct usim_host *host)
{
	struct usim_router *router = &host->router;
	unsigned int i;

	router->nports = host->config.ports;
	router->nadapters = 2 * router->nports + 2;
	for (i = 0; i < router->nports; i++)
		usim_port_init(&router->port[i], host, 2 * i + 1);
	for (i = 1; i < router->nadapters; i++) {
		struct usim_adapter *adapter = &router->adapter[i];

		adapter->number = i;
		if (i == router->nadapters - 1)
			adapter->type = USIM_ADAPTER_HOST;
		else if (i % 2 || host->config.lanes > 1)
			adapter->type = USIM_ADAPTER_LANE;
		adapter->max_hop = adapter->type == USIM_ADAPTER_HOST ?
				   host->config.profile->hops - 1 :
				   host->config.profile->max_hopid;
		if (adapter->type == USIM_ADAPTER_LANE)
			adapter->port = &router->port[(i - 1) / 2];
		adapter->path = calloc(adapter->max_hop + 1, sizeof(*adapter->path));
		if (!adapter->path) {
			usim_router_exit(host);
			return false;
		}
	}
	reset_words(host);
	return true;
}

/**
 * usim_router_exit() - release the router of a host
 * @host: the host
 */
void usim_router_exit(struct usim_host *host)
{
	unsigned int i;

	for (i = 0; i < host->router.nadapters; i++) {
		free(host->router.adapter[i].path);
		host->router.adapter[i].path = NULL;
	}
	for (i = 0; i < host->router.nports; i++)
		usim_port_release(&host->router.port[i]);
	for (i = 0; i < host->router.nports; i++)
		usim_port_forget(&host->router.port[i]);
}

/**
 * usim_router_reset() - power-on state
 * @host: the host
 *
 * The links go down and come up again.
 */
void usim_router_reset(struct usim_host *host)
{
	unsigned int i;

	reset_words(host);
	usim_cable_update_host(host);
	for (i = 0; i < host->router.nports; i++)
		usim_port_forget(&host->router.port[i]);
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
	struct usim_router *router = &port->host->router;
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
	struct usim_router *router = &port->host->router;
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
	}
}

static void router_operation(struct usim_router *router, uint32_t val)
{
	uint32_t *w = router->word;

	val &= ~(ROUTER_OP_STATUS | ROUTER_OP_UNSUPPORTED);
	if (val & ROUTER_OP_VALID) {
		val &= ~ROUTER_OP_VALID;
		if (ROUTER_OP_CODE(val) == ROUTER_OP_BUFFERS) {
			w[ROUTER_METADATA] = 1;
			w[ROUTER_DATA] = BUFFERS_MAX_HI | BUFFERS_MAX_HI_VALUE << 16;
		} else {
			val |= ROUTER_OP_UNSUPPORTED;
		}
	}
	w[ROUTER_OPERATION] = val;
}

static void write_router(struct usim_host *host, unsigned int offset, uint32_t val)
{
	struct usim_router *router = &host->router;
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
		w[offset] = val;
		usim_cable_update_host(host);
		break;
	case ROUTER_VERSION:
		w[offset] = (w[offset] & USIM_MASK(31, 24)) | (val & USIM_MASK(23, 0));
		break;
	case ROUTER_CONTROL:
		w[offset] = val;
		if (val & ROUTER_CONTROL_SLEEP)
			w[ROUTER_STATUS] |= ROUTER_STATUS_SLEEP;
		else
			w[ROUTER_STATUS] &= ~ROUTER_STATUS_SLEEP;
		break;
	case ROUTER_OPERATION:
		router_operation(router, val);
		break;
	default:
		if (offset >= ROUTER_DATA && offset <= ROUTER_METADATA)
			w[offset] = val;
		else if (offset > ROUTER_TMU && offset < ROUTER_WORDS_USED)
			w[offset] = val;
		else if (offset == ROUTER_TMU)
			w[offset] = (w[offset] & USIM_MASK(15, 0)) |
				    (val & USIM_MASK(31, 16));
	}
}

/**
 * space_words() - size of a configuration space
 * @host: the host
 * @space: which space
 * @number: adapter number, for spaces that adapters have
 *
 * Return: words, 0 if there is no such space.
 */
static unsigned int space_words(struct usim_host *host, unsigned int space, unsigned int number)
{
	struct usim_router *router = &host->router;
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
		return adapter->usb4_cap ? adapter->usb4_cap + USB4_CAP_WORDS :
		       adapter->lane_cap ? adapter->lane_cap + 3 : ADAPTER_BASIC_WORDS;
	}
	return 0;
}

/**
 * usim_router_read() - read a configuration space
 * @host: the host
 * @space: which space
 * @adapter: adapter number, for spaces that adapters have
 * @offset: first word
 * @count: words
 * @data: where to
 *
 * Return: false when there is no such space or it is too short.
 */
bool usim_router_read(struct usim_host *host, unsigned int space, unsigned int adapter,
		      unsigned int offset, unsigned int count, uint32_t *data)
{
	struct usim_router *router = &host->router;
	unsigned int words = space_words(host, space, adapter);
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
 * @host: the host
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
bool usim_router_write(struct usim_host *host, unsigned int space, unsigned int adapter,
		       unsigned int offset, unsigned int count, const uint32_t *data)
{
	struct usim_router *router = &host->router;
	unsigned int words = space_words(host, space, adapter);
	unsigned int i;

	if (offset > words || count > words - offset)
		return false;
	if (space == USIM_SPACE_PATH) {
		usim_path_write(host, &router->adapter[adapter], offset, count, data);
		return true;
	}
	for (i = 0; i < count; i++, offset++) {
		if (space == USIM_SPACE_ADAPTER)
			write_adapter(&router->adapter[adapter], offset, data[i]);
		else
			write_router(host, offset, data[i]);
	}
	return true;
}
