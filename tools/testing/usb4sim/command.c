// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - commands of the control socket
 *
 * A command is a line of words; the reply is a JSON object, with the single
 * key "error" if the command failed.
 */

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cable.h"
#include "command.h"
#include "dock.h"
#include "fault.h"
#include "host.h"
#include "log.h"
#include "topology.h"
#include "usim.h"
#include "util.h"

#define MAX_WORDS	24

/**
 * struct command - a command
 * @name: first word
 * @args: for the help text
 * @help: for the help text
 * @run: does it; returns the reply
 */
struct command {
	const char *name;
	const char *args;
	const char *help;
	struct json_object *(*run)(struct usim *sim, unsigned int argc, char **argv);
};

/**
 * usim_command_failure() - make the reply of a command that failed
 * @fmt: printf format of the message
 *
 * Return: the reply.
 */
struct json_object *usim_command_failure(const char *fmt, ...)
{
	struct json_object *reply = json_object_new_object();
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_object_object_add(reply, "error", json_object_new_string(text));
	return reply;
}

static void add_u64(struct json_object *obj, const char *key, uint64_t val)
{
	json_object_object_add(obj, key, json_object_new_uint64(val));
}

static void add_bool(struct json_object *obj, const char *key, bool val)
{
	json_object_object_add(obj, key, json_object_new_boolean(val));
}

static void add_string(struct json_object *obj, const char *key, const char *val)
{
	json_object_object_add(obj, key, json_object_new_string(val));
}

/**
 * usim_command_number() - parse a number
 * @text: decimal or 0x...
 * @max: largest that is allowed
 * @val: the number is stored here
 *
 * Return: false if it is none, or too large.
 */
bool usim_command_number(const char *text, uint64_t max, uint64_t *val)
{
	char *end;

	errno = 0;
	*val = strtoull(text, &end, 0);
	return *text >= '0' && *text <= '9' && !*end && !errno && *val <= max;
}

static struct json_object *describe_cable(const struct usim *sim, unsigned int index)
{
	const struct usim_cable *cable = sim->cable[index];
	struct json_object *obj = json_object_new_object();
	static const char * const key[2] = { "a", "b" };
	unsigned int i;

	add_u64(obj, "cable", index);
	for (i = 0; i < 2; i++) {
		char text[128];

		snprintf(text, sizeof(text), "%s:%u", cable->end[i]->router->name,
			 cable->end[i]->adapter);
		add_string(obj, key[i], text);
	}
	add_bool(obj, "plugged", cable->plugged);
	add_bool(obj, "up", cable->end[0]->up);
	return obj;
}

static struct json_object *set_plugged(struct usim *sim, unsigned int argc, char **argv,
				       bool plugged)
{
	uint64_t index = 0;

	if (argc > 2 || (argc == 2 && !usim_command_number(argv[1], UINT64_MAX, &index)))
		return usim_command_failure("usage: %s [CABLE]", argv[0]);
	if (index >= sim->ncables)
		return usim_command_failure("there is no cable %llu, the last one is %d",
			       (unsigned long long)index, (int)sim->ncables - 1);
	if (sim->cable[index]->plugged == plugged)
		return usim_command_failure("cable %llu is %s already", (unsigned long long)index,
			       plugged ? "plugged" : "unplugged");
	usim_cable_plug(sim->cable[index], plugged);
	return describe_cable(sim, (unsigned int)index);
}

static struct json_object *run_plug(struct usim *sim, unsigned int argc, char **argv)
{
	return set_plugged(sim, argc, argv, true);
}

static struct json_object *run_unplug(struct usim *sim, unsigned int argc, char **argv)
{
	return set_plugged(sim, argc, argv, false);
}

static void add_ring(struct json_object *rings, const struct usim_ring *ring)
{
	struct json_object *obj;

	if (!ring->enabled && !ring->frames && !ring->doorbells)
		return;
	obj = json_object_new_object();
	add_u64(obj, "ring", ring->hop);
	add_string(obj, "dir", ring->tx ? "tx" : "rx");
	add_bool(obj, "enabled", ring->enabled);
	add_u64(obj, "size", ring->size);
	add_u64(obj, "frames", ring->frames);
	add_u64(obj, "bytes", ring->bytes);
	add_u64(obj, "doorbells", ring->doorbells);
	add_u64(obj, "outstanding", usim_ring_outstanding(ring));
	add_u64(obj, "dropped", ring->dropped);
	json_object_array_add(rings, obj);
}

static struct json_object *describe_control(const struct usim_control *control)
{
	struct json_object *obj = json_object_new_object();

	add_u64(obj, "requests", control->requests);
	add_u64(obj, "sent", control->sent);
	add_u64(obj, "lost", control->lost);
	add_u64(obj, "waiting", control->count);
	return obj;
}

static struct json_object *describe_xdomain(const struct usim_control *control)
{
	struct json_object *obj = json_object_new_object();

	add_u64(obj, "tx", control->xdomain_out);
	add_u64(obj, "rx", control->xdomain_in);
	add_u64(obj, "lost", control->xdomain_lost);
	return obj;
}

static struct json_object *describe_faults(const struct usim_host *host)
{
	struct json_object *obj = json_object_new_object();
	unsigned int i;

	for (i = 0; i < USIM_FAULT_ACTIONS; i++)
		if (host->faults[i])
			add_u64(obj, usim_fault_name(i), host->faults[i]);
	return obj;
}

static struct json_object *describe_host(const struct usim_host *host)
{
	struct json_object *obj = json_object_new_object();
	struct json_object *rings = json_object_new_array();
	struct json_object *vectors = json_object_new_array();
	uint64_t interrupts = 0, held = 0, events = 0;
	unsigned int i;

	for (i = 0; i < host->nhi.hops; i++) {
		add_ring(rings, &host->nhi.tx[i]);
		add_ring(rings, &host->nhi.rx[i]);
		if (i)
			held += usim_ring_outstanding(&host->nhi.tx[i]);
	}
	for (i = 0; i < USIM_PCI_VECTORS; i++) {
		interrupts += host->nhi.vector[i].sent;
		json_object_array_add(vectors, json_object_new_uint64(host->nhi.vector[i].sent));
	}
	for (i = 0; i < host->router.nports; i++)
		events += host->router.port[i].events;
	add_bool(obj, "connected", usim_vfio_connected(&host->vfio));
	add_bool(obj, "dead", host->dead);
	add_string(obj, "profile", host->config.profile->name);
	add_u64(obj, "messages", host->vfio.messages);
	add_u64(obj, "resets", host->pci.resets);
	add_u64(obj, "doorbells", host->nhi.doorbells);
	add_u64(obj, "interrupts", interrupts);
	json_object_object_add(obj, "vectors", vectors);
	add_u64(obj, "held_frames", held);
	add_u64(obj, "hotplug_events", events);
	json_object_object_add(obj, "control", describe_control(&host->control));
	json_object_object_add(obj, "xdomain", describe_xdomain(&host->control));
	json_object_object_add(obj, "faults", describe_faults(host));
	json_object_object_add(obj, "rings", rings);
	return obj;
}

/* Processor time that the simulator has used, in user mode and in the kernel. */
static uint64_t cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static struct json_object *describe_dock(const struct usim_dock *dock)
{
	const struct usim_host *host = usim_router_domain(&dock->router);
	struct json_object *obj = json_object_new_object();
	uint64_t events = 0;
	unsigned int i;

	for (i = 0; i < dock->router.nports; i++)
		events += dock->router.port[i].events;
	json_object_object_add(obj, "host", host ? json_object_new_string(host->name) : NULL);
	add_bool(obj, "set_up", usim_router_valid(&dock->router));
	add_u64(obj, "hotplug_events", events);
	return obj;
}

static struct json_object *run_stats(struct usim *sim, unsigned int argc, char **argv)
{
	struct json_object *reply, *hosts, *docks, *cables;
	unsigned int i;

	if (argc != 1)
		return usim_command_failure("usage: %s", argv[0]);
	reply = json_object_new_object();
	hosts = json_object_new_object();
	docks = json_object_new_object();
	cables = json_object_new_array();
	for (i = 0; i < sim->nhosts; i++)
		json_object_object_add(hosts, sim->host[i]->name, describe_host(sim->host[i]));
	for (i = 0; i < sim->ndocks; i++)
		json_object_object_add(docks, sim->dock[i]->name, describe_dock(sim->dock[i]));
	for (i = 0; i < sim->ncables; i++)
		json_object_array_add(cables, describe_cable(sim, i));
	add_u64(reply, "time_us", (usim_now() - sim->started) / USIM_NSEC_PER_USEC);
	add_u64(reply, "cpu_us", cpu_us());
	json_object_object_add(reply, "hosts", hosts);
	json_object_object_add(reply, "docks", docks);
	json_object_object_add(reply, "cables", cables);
	return reply;
}

static struct json_object *run_violations(struct usim *sim, unsigned int argc, char **argv)
{
	if (argc != 1)
		return usim_command_failure("usage: %s", argv[0]);
	return usim_log_violations(sim);
}

static struct json_object *run_reset_violations(struct usim *sim, unsigned int argc,
						char **argv)
{
	if (argc != 1)
		return usim_command_failure("usage: %s", argv[0]);
	usim_log_reset_violations(sim);
	return json_object_new_object();
}

static struct json_object *run_record(struct usim *sim, unsigned int argc, char **argv)
{
	struct json_object *reply;
	uint64_t max = UINT64_C(1) << 30;
	int ret;

	if (argc > 3 || (argc == 3 && (strncmp(argv[2], "max=", 4) ||
				       !usim_command_number(argv[2] + 4, UINT64_MAX, &max))))
		return usim_command_failure("usage: record [off|FILE [max=BYTES]]");
	if (argc > 1) {
		usim_record_stop(sim);
		ret = strcmp(argv[1], "off") ? usim_record_start(sim, argv[1], max) : 0;
		if (ret)
			return usim_command_failure("record: %s: %s", argv[1],
						    ret == -EINVAL ? "not a regular file" :
								     strerror(-ret));
	}
	reply = json_object_new_object();
	add_bool(reply, "recording", usim_record_on(&sim->record));
	add_u64(reply, "packets", sim->record.packets);
	add_u64(reply, "bytes", sim->record.bytes);
	return reply;
}

static struct json_object *run_quit(struct usim *sim, unsigned int argc, char **argv)
{
	if (argc != 1)
		return usim_command_failure("usage: %s", argv[0]);
	sim->loop.stop = true;
	return json_object_new_object();
}

static struct json_object *run_help(struct usim *sim, unsigned int argc, char **argv);

static const struct command commands[] = {
	{ "unplug", "[CABLE]", "pull a cable, the first by default", run_unplug },
	{ "plug", "[CABLE]", "plug a cable in again", run_plug },
	{ "stats", "", "counters of hosts, rings and cables", run_stats },
	{ "violations", "", "how often guests broke which rule", run_violations },
	{ "reset-violations", "", "forget broken rules", run_reset_violations },
	{ "fault", "ACTION [KEY=VALUE...]",
	  "inject a fault; see README", usim_command_fault },
	{ "faults", "[clear [NUMBER]]", "list the faults, or take them back",
	  usim_command_faults },
	{ "corrupt", "HOST [COUNT] [KEY=VALUE...]",
	  "damage the next COUNT frames that HOST receives (CRC error)", usim_command_fault },
	{ "overrun", "HOST [COUNT] [KEY=VALUE...]",
	  "report a buffer overrun for the next COUNT frames that HOST receives",
	  usim_command_fault },
	{ "stall", "HOST [ms=MS] [port=PORT] [traffic=all|data|control]",
	  "let nothing that HOST sends cross the cable", usim_command_stall },
	{ "release", "HOST [port=PORT]", "end a stall", usim_command_stall },
	{ "kill", "HOST", "let the controller of HOST die", usim_command_kill },
	{ "revive", "HOST", "put a new controller in its place", usim_command_kill },
	{ "rate", "HOST BYTES|off", "limit what HOST transmits in a second",
	  usim_command_rate },
	{ "script", "HOST ACTION [ARGUMENT...]",
	  "drive a scripted host; see README", usim_command_script },
	{ "record", "[off|FILE [max=BYTES]]",
	  "record frames and control packets in a pcapng file", run_record },
	{ "help", "", "this list", run_help },
	{ "quit", "", "end the simulator", run_quit },
};

static struct json_object *run_help(struct usim *sim, unsigned int argc, char **argv)
{
	struct json_object *reply = json_object_new_object();
	size_t i;

	(void)sim;
	(void)argc;
	(void)argv;
	for (i = 0; i < USIM_ARRAY_SIZE(commands); i++) {
		char key[128];

		snprintf(key, sizeof(key), "%s%s%s", commands[i].name,
			 *commands[i].args ? " " : "", commands[i].args);
		add_string(reply, key, commands[i].help);
	}
	return reply;
}

/**
 * usim_command() - run a command
 * @sim: the simulation
 * @line: the command; changed
 *
 * Return: the reply.
 */
struct json_object *usim_command(struct usim *sim, char *line)
{
	char *argv[MAX_WORDS], *save = NULL, *word;
	unsigned int argc = 0;
	size_t i;

	for (word = strtok_r(line, " \t\r", &save); word; word = strtok_r(NULL, " \t\r", &save)) {
		if (argc == MAX_WORDS)
			return usim_command_failure("too many words");
		argv[argc++] = word;
	}
	if (!argc)
		return usim_command_failure("no command, try \"help\"");
	for (i = 0; i < USIM_ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, argv[0]))
			return commands[i].run(sim, argc, argv);
	return usim_command_failure("there is no command \"%s\", try \"help\"", argv[0]);
}
