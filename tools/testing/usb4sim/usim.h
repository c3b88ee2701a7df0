/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - the whole simulation
 */

#ifndef USIM_H
#define USIM_H

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "held.h"
#include "log.h"
#include "loop.h"
#include "record.h"
#include "rules.h"

#define USIM_MAX_HOSTS	8
#define USIM_MAX_DOCKS	4
#define USIM_MAX_CABLES	8

struct usim_host;
struct usim_cable;
struct usim_dock;
struct usim_monitor;

/**
 * struct usim - the simulation
 * @loop: event loop
 * @log: event log
 * @host: the hosts, in the order of the command line
 * @nhosts: how many
 * @dock: the docks, in the order of the command line
 * @ndocks: how many
 * @cable: the cables, in the order of the command line
 * @ncables: how many
 * @fault: faults to inject
 * @held: inter-domain packets that are held back
 * @record: recording of frames and packets
 * @doorbell_timer: when mapped doorbells are looked at again
 * @monitor: control socket, or NULL
 * @started: usim_now() at the start
 * @strict: warnings that count as violations
 */
struct usim {
	struct usim_loop loop;
	struct usim_log log;
	struct usim_host *host[USIM_MAX_HOSTS];
	unsigned int nhosts;
	struct usim_dock *dock[USIM_MAX_DOCKS];
	unsigned int ndocks;
	struct usim_cable *cable[USIM_MAX_CABLES];
	unsigned int ncables;
	struct usim_fault fault;
	struct usim_held_queue held;
	struct usim_record record;
	struct usim_timer doorbell_timer;
	struct usim_monitor *monitor;
	uint64_t started;
	bool strict[USIM_RULE_COUNT];
};

#endif
