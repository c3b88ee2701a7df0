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

#include "cable.h"
#include "command.h"
#include "host.h"
#include "log.h"
#include "usim.h"
#include "util.h"

#define MAX_WORDS	8

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

static struct json_object *failure(const char *fmt, ...) USIM_PRINTF(1, 2);

static struct json_object *failure(const char *fmt, ...)
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

static bool parse_number(const char *text, uint64_t max, uint64_t *val)
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

		snprintf(text, sizeof(text), "%s:%u", cable->end[i]->host->name,
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

	if (argc > 2 || (argc == 2 && !parse_number(argv[1], UINT64_MAX, &index)))
		return failure("usage: %s [CABLE]", argv[0]);
	if (index >= sim->ncables)
		return failure("there is no cable %llu, the last one is %d",
			       (unsigned long long)index, (int)sim->ncables - 1);
	if (sim->cable[index]->plugged == plugged)
		return failure("cable %llu is %s already", (unsigned long long)index,
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

static struct json_object *describe_faults(const struct usim_fault *fault)
{
	struct json_object *obj = json_object_new_object();

	add_u64(obj, "corrupted", fault->injected[USIM_FAULT_CORRUPT]);
	add_u64(obj, "overrun", fault->injected[USIM_FAULT_OVERRUN]);
	add_u64(obj, "corrupt_pending", fault->rule[USIM_FAULT_CORRUPT].count);
	add_u64(obj, "overrun_pending", fault->rule[USIM_FAULT_OVERRUN].count);
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
	json_object_object_add(obj, "faults", describe_faults(&host->fault));
	json_object_object_add(obj, "rings", rings);
	return obj;
}

static struct json_object *run_stats(struct usim *sim, unsigned int argc, char **argv)
{
	struct json_object *reply, *hosts, *cables;
	unsigned int i;

	if (argc != 1)
		return failure("usage: %s", argv[0]);
	reply = json_object_new_object();
	hosts = json_object_new_object();
	cables = json_object_new_array();
	for (i = 0; i < sim->nhosts; i++)
		json_object_object_add(hosts, sim->host[i]->name, describe_host(sim->host[i]));
	for (i = 0; i < sim->ncables; i++)
		json_object_array_add(cables, describe_cable(sim, i));
	add_u64(reply, "time_us", (usim_now() - sim->started) / USIM_NSEC_PER_USEC);
	json_object_object_add(reply, "hosts", hosts);
	json_object_object_add(reply, "cables", cables);
	return reply;
}

static struct json_object *run_violations(struct usim *sim, unsigned int argc, char **argv)
{
	if (argc != 1)
		return failure("usage: %s", argv[0]);
	return usim_log_violations(sim);
}

static struct json_object *run_reset_violations(struct usim *sim, unsigned int argc,
						char **argv)
{
	if (argc != 1)
		return failure("usage: %s", argv[0]);
	usim_log_reset_violations(sim);
	return json_object_new_object();
}

/* COUNT, count=COUNT, ring=RING or hopid=HOPID, each once */
static bool parse_fault(const char *word, struct usim_fault_rule *rule, bool *counted)
{
	uint64_t val;

	if (!strncmp(word, "ring=", 5)) {
		if (!parse_number(word + 5, USIM_NHI_MAX_HOPS - 1, &val) || !val ||
		    rule->ring != USIM_FAULT_ANY)
			return false;
		rule->ring = (int)val;
		return true;
	}
	if (!strncmp(word, "hopid=", 6)) {
		if (!parse_number(word + 6, 2047, &val) || !val || rule->hop != USIM_FAULT_ANY)
			return false;
		rule->hop = (int)val;
		return true;
	}
	if (*counted)
		return false;
	*counted = true;
	if (!strncmp(word, "count=", 6))
		word += 6;
	return parse_number(word, UINT64_MAX, &rule->count);
}

static struct json_object *arm_fault(struct usim *sim, unsigned int argc, char **argv,
				     enum usim_fault_kind kind)
{
	struct usim_fault_rule rule = { 1, USIM_FAULT_ANY, USIM_FAULT_ANY };
	struct usim_host *host;
	bool counted = false;
	unsigned int i;

	if (argc < 2)
		return failure("usage: %s HOST [[count=]COUNT] [ring=RING] [hopid=HOPID]",
			       argv[0]);
	host = usim_host_find(sim, argv[1]);
	if (!host)
		return failure("there is no host %s", argv[1]);
	for (i = 2; i < argc; i++)
		if (!parse_fault(argv[i], &rule, &counted))
			return failure("%s: \"%s\" is no option, or is given twice",
				       argv[0], argv[i]);
	usim_fault_arm(&host->fault, kind, &rule);
	return describe_faults(&host->fault);
}

static struct json_object *run_corrupt(struct usim *sim, unsigned int argc, char **argv)
{
	return arm_fault(sim, argc, argv, USIM_FAULT_CORRUPT);
}

static struct json_object *run_overrun(struct usim *sim, unsigned int argc, char **argv)
{
	return arm_fault(sim, argc, argv, USIM_FAULT_OVERRUN);
}

static struct json_object *run_quit(struct usim *sim, unsigned int argc, char **argv)
{
	if (argc != 1)
		return failure("usage: %s", argv[0]);
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
	{ "corrupt", "HOST [COUNT] [ring=RING] [hopid=HOPID]",
	  "damage the next COUNT frames that HOST receives (CRC error)", run_corrupt },
	{ "overrun", "HOST [COUNT] [ring=RING] [hopid=HOPID]",
	  "report a buffer overrun for the next COUNT frames that HOST receives", run_overrun },
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
			return failure("too many words");
		argv[argc++] = word;
	}
	if (!argc)
		return failure("no command, try \"help\"");
	for (i = 0; i < USIM_ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, argv[0]))
			return commands[i].run(sim, argc, argv);
	return failure("there is no command \"%s\", try \"help\"", argv[0]);
}
