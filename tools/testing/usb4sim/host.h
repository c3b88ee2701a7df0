/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - one virtual host: PCI function, host interface and host router
 */

#ifndef USIM_HOST_H
#define USIM_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "control.h"
#include "dma.h"
#include "doorbell.h"
#include "fault.h"
#include "nhi.h"
#include "pci.h"
#include "router.h"
#include "rules.h"
#include "vfio.h"

struct usim;
struct usim_script;

/**
 * struct usim_profile - what a controller is like
 * @name: as given on the command line
 * @vendor: PCI vendor ID
 * @device: PCI device ID
 * @hops: rings per direction, the control ring included
 * @max_hopid: highest HopID of the lane adapters
 * @auto_clear: interrupt status can be cleared by the interrupt itself
 */
struct usim_profile {
	const char *name;
	uint16_t vendor;
	uint16_t device;
	unsigned int hops;
	unsigned int max_hopid;
	bool auto_clear;
};

/**
 * struct usim_host_config - a host as the command line describes it
 * @name: unique name
 * @script: driven by a test, without a machine
 * @socket: path of the vfio-user socket
 * @profile: what the controller is like
 * @uid: unique ID of the router
 * @lanes: lanes per port, 1 or 2
 * @ports: USB4 ports
 * @usb4: USB4 version of the router, 1 or 2
 * @mapped_doorbells: the guest writes ring registers to memory and is not trapped
 */
struct usim_host_config {
	char *name;
	bool script;
	char *socket;
	const struct usim_profile *profile;
	uint64_t uid;
	unsigned int lanes;
	unsigned int ports;
	unsigned int usb4;
	bool mapped_doorbells;
};

/**
 * struct usim_host - a virtual host
 * @sim: the simulation
 * @name: as on the command line
 * @config: the rest of the command line
 * @vfio: connection to the virtual machine
 * @dma: guest memory
 * @pci: configuration space and interrupt vectors
 * @nhi: registers and rings
 * @doorbell: memory with the registers of the rings, if they are not trapped
 * @control: control channel
 * @router: configuration spaces of router and adapters
 * @script: what makes it a scripted host, or NULL
 * @dead: the controller does not answer any more
 * @rate: bytes that may leave in a second, 0 for no limit
 * @rate_next: usim_now() time before which no frame leaves
 * @rate_timer: armed while frames wait for @rate_next
 * @turn: transmit ring, less 1, that comes first: the one behind that which came
 *	  last, so that a limit is shared
 * @faults: how often each fault hit what this host sent
 * @broken: how often each rule was broken
 * @log_second: second of the last event in the log
 * @log_events: events in that second
 */
struct usim_host {
	struct usim *sim;
	const char *name;
	struct usim_host_config config;
	struct usim_vfio vfio;
	struct usim_dma dma;
	struct usim_pci pci;
	struct usim_nhi nhi;
	struct usim_doorbell doorbell;
	struct usim_control control;
	struct usim_router router;
	struct usim_script *script;
	bool dead;
	uint64_t rate;
	uint64_t rate_next;
	struct usim_timer rate_timer;
	unsigned int turn;
	uint64_t faults[USIM_FAULT_ACTIONS];
	uint64_t broken[USIM_RULE_COUNT];
	uint64_t log_second;
	unsigned int log_events;
};

const struct usim_profile *usim_profile_find(const char *name);
struct usim_host *usim_host_new(struct usim *sim, const struct usim_host_config *config);
void usim_host_free(struct usim_host *host);
void usim_host_connected(struct usim_host *host);
void usim_host_disconnected(struct usim_host *host);
void usim_host_reset(struct usim_host *host);
bool usim_host_running(const struct usim_host *host);
void usim_host_kill(struct usim_host *host);
void usim_host_revive(struct usim_host *host);
void usim_host_limit(struct usim_host *host, uint64_t rate);
struct usim_host *usim_host_find(struct usim *sim, const char *name);

#endif
