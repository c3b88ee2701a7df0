// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - one virtual host: PCI function, host interface and host router
 */

#include <stdlib.h>
#include <string.h>

#include "cable.h"
#include "forward.h"
#include "host.h"
#include "script.h"
#include "usim.h"
#include "util.h"

/*
 * PCI IDs. The Linux driver binds by class (0c0340), and derives two things
 * from the IDs: a vendor ID of Intel selects auto-clearing interrupt status,
 * and the device IDs of the controllers that Intel made select a firmware
 * connection manager (icm_probe()), which waits for a mailbox that a software
 * connection manager does not have. So the Intel-like profile has Intel's
 * vendor ID with a device ID that no controller has: auto-clear, and the
 * software connection manager. Any other vendor gets explicit clear.
 *
 * With more than 21 rings the interrupt status registers would overlap the
 * registers that clear them.
 */
static const struct usim_profile profiles[] = {
	{
		.name = "intel",
		.vendor = 0x8086,
		.device = 0x7f5b,
		.hops = 12,
		.max_hopid = 23,
		.auto_clear = true,
	},
	{
		.name = "amd",
		.vendor = 0x1022,
		.device = 0x7f5a,
		.hops = 3,
		.max_hopid = 19,
		.auto_clear = false,
	},
};

/**
 * usim_profile_find() - look up a profile
 * @name: its name
 *
 * Return: the profile, or NULL.
 */
const struct usim_profile *usim_profile_find(const char *name)
{
	size_t i;

	for (i = 0; i < USIM_ARRAY_SIZE(profiles); i++)
		if (!strcmp(profiles[i].name, name))
			return &profiles[i];
	return NULL;
}

/* The event loop moves frames after each timer; there is nothing else to do. */
static void rate_expired(struct usim_timer *timer)
{
	(void)timer;
}

/**
 * usim_host_new() - make a host, not connected to anything
 * @sim: the simulation
 * @config: what it is like; its strings are kept
 *
 * Return: the host, or NULL when there is no memory.
 */
struct usim_host *usim_host_new(struct usim *sim, const struct usim_host_config *config)
{
	const struct usim_router_config router = {
		.uid = config->uid,
		.ports = config->ports,
		.lanes = config->lanes,
		.usb4 = config->usb4,
		.max_hopid = config->profile->max_hopid,
		.rings = config->profile->hops - 1,
	};
	struct usim_host *host = calloc(1, sizeof(*host));

	if (!host)
		return NULL;
	host->sim = sim;
	host->config = *config;
	host->name = config->name;
	host->rate_timer.expired = rate_expired;
	usim_vfio_init(&host->vfio);
	usim_pci_init(host);
	usim_nhi_init(host);
	usim_control_init(host);
	if (!usim_router_init(&host->router, sim, host, host->name, &router)) {
		free(host);
		return NULL;
	}
	if (!usim_doorbell_init(host))
		goto err_router_exit;
	if (config->script && !usim_script_init(host))
		goto err_doorbell_exit;
	return host;

err_doorbell_exit:
	usim_doorbell_exit(host);
err_router_exit:
	usim_router_exit(&host->router);
	free(host);
	return NULL;
}

/**
 * usim_host_free() - release a host
 * @host: a host that is not on any cable any more
 */
void usim_host_free(struct usim_host *host)
{
	usim_timer_cancel(&host->rate_timer);
	usim_script_exit(host);
	usim_vfio_close(host);
	usim_nhi_reset(host);
	usim_doorbell_exit(host);
	usim_router_exit(&host->router);
	free(host->config.name);
	free(host->config.socket);
	free(host);
}

/**
 * usim_host_connected() - a virtual machine has connected
 * @host: its host
 */
void usim_host_connected(struct usim_host *host)
{
	usim_event(host->sim, host, "connect", "virtual machine connected");
	usim_cable_update_router(&host->router);
}

/**
 * usim_host_disconnected() - the virtual machine has gone
 * @host: its host
 *
 * Like a power cut: everything returns to its reset state and the cables go
 * down. The next virtual machine finds a fresh host.
 */
void usim_host_disconnected(struct usim_host *host)
{
	usim_host_reset(host);
	usim_pci_disconnect(host);
	usim_dma_unmap_all(&host->dma);
	usim_router_reset(&host->router);
	host->dead = false;
	usim_event(host->sim, host, "disconnect", "virtual machine disconnected");
	usim_cable_update_router(&host->router);
}

/**
 * usim_host_reset() - reset of the PCI function
 * @host: the host
 *
 * Rings and registers are reset, the router is not: it keeps its power, and
 * its paths and links, when a machine reboots or sleeps.
 */
void usim_host_reset(struct usim_host *host)
{
	usim_nhi_reset(host);
	usim_control_reset(host);
	usim_pci_reset(host);
}

/**
 * usim_host_running() - is there a machine with a controller that works?
 * @host: the host
 *
 * Return: true if so; a scripted host always runs.
 */
bool usim_host_running(const struct usim_host *host)
{
	return host->script || (usim_vfio_connected(&host->vfio) && !host->dead);
}

/**
 * usim_host_kill() - the controller dies
 * @host: its host
 *
 * It does not answer, moves nothing and interrupts nobody until it is revived
 * or another virtual machine connects; its cables go down.
 */
void usim_host_kill(struct usim_host *host)
{
	if (host->script || !usim_host_running(host))
		return;
	host->dead = true;
	usim_event(host->sim, host, "kill", "the controller died");
	usim_nhi_reset(host);
	usim_control_reset(host);
	usim_router_reset(&host->router);
}

/**
 * usim_host_revive() - a dead controller is there again, as after power-on
 * @host: its host
 */
void usim_host_revive(struct usim_host *host)
{
	if (!host->dead)
		return;
	host->dead = false;
	usim_event(host->sim, host, "revive", "the controller is back");
	usim_host_reset(host);
}

/**
 * usim_host_limit() - limit the rate of the frames that a host transmits
 * @host: the host
 * @rate: bytes in a second, 0 for no limit
 */
void usim_host_limit(struct usim_host *host, uint64_t rate)
{
	host->rate = rate;
	host->rate_next = 0;
	usim_timer_cancel(&host->rate_timer);
}

/**
 * usim_host_find() - look up a host
 * @sim: the simulation
 * @name: its name
 *
 * Return: the host, or NULL.
 */
struct usim_host *usim_host_find(struct usim *sim, const char *name)
{
	unsigned int i;

	for (i = 0; i < sim->nhosts; i++)
		if (!strcmp(sim->host[i]->name, name))
			return sim->host[i];
	return NULL;
}
