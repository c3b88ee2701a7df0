// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - commands that inject faults
 */

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cable.h"
#include "command.h"
#include "fault.h"
#include "host.h"
#include "usim.h"
#include "util.h"

#define MAX_MS		UINT64_C(3600000)
#define FRAME		USIM_BIT(USIM_ON_FRAME)
#define XDOMAIN		USIM_BIT(USIM_ON_XDOMAIN)
#define INTERRUPT	USIM_BIT(USIM_ON_INTERRUPT)

/* What each action can be triggered by. */
static const uint32_t allowed[USIM_FAULT_ACTIONS] = {
	[USIM_FAULT_CORRUPT] = FRAME,
	[USIM_FAULT_OVERRUN] = FRAME,
	[USIM_FAULT_DROP] = FRAME | XDOMAIN,
	[USIM_FAULT_DELAY] = FRAME | XDOMAIN,
	[USIM_FAULT_DUPLICATE] = XDOMAIN,
	[USIM_FAULT_REORDER] = XDOMAIN,
	[USIM_FAULT_STALL] = FRAME | XDOMAIN,
	[USIM_FAULT_UNPLUG] = FRAME | XDOMAIN,
	[USIM_FAULT_KILL_SENDER] = FRAME | XDOMAIN,
	[USIM_FAULT_KILL_RECEIVER] = FRAME | XDOMAIN,
	[USIM_FAULT_LOSE_TX_INTERRUPT] = FRAME,
	[USIM_FAULT_LOSE_RX_INTERRUPT] = FRAME,
	[USIM_FAULT_LOSE_INTERRUPT] = INTERRUPT,
};

static const char * const triggers[USIM_FAULT_TRIGGERS] = {
	[USIM_ON_FRAME] = "frame",
	[USIM_ON_XDOMAIN] = "xdomain",
	[USIM_ON_INTERRUPT] = "interrupt",
};

/**
 * struct parsed - a fault as far as it was parsed
 * @sim: the simulation
 * @rule: the fault
 * @triggered: on= was given
 * @counted: count= was given
 * @timed: ms= was given
 */
struct parsed {
	struct usim *sim;
	struct usim_fault_rule rule;
	bool triggered;
	bool counted;
	bool timed;
};

static bool parse_u64(const char *val, uint64_t min, uint64_t max, uint64_t *num)
{
	return usim_command_number(val, max, num) && *num >= min;
}

static bool parse_int(const char *val, int min, int max, int *num)
{
	uint64_t n;

	if (!parse_u64(val, (uint64_t)min, (uint64_t)max, &n))
		return false;
	*num = (int)n;
	return true;
}

static bool set_on(struct parsed *p, const char *val)
{
	unsigned int i;

	for (i = 0; i < USIM_FAULT_TRIGGERS; i++) {
		if (strcmp(triggers[i], val))
			continue;
		p->rule.trigger = i;
		p->triggered = true;
		return true;
	}
	return false;
}

static bool set_from(struct parsed *p, const char *val)
{
	p->rule.match.from = usim_host_find(p->sim, val);
	return p->rule.match.from;
}

static bool set_to(struct parsed *p, const char *val)
{
	p->rule.match.to = usim_host_find(p->sim, val);
	return p->rule.match.to;
}

static bool set_nth(struct parsed *p, const char *val)
{
	return parse_u64(val, 1, UINT64_MAX, &p->rule.nth);
}

static bool set_count(struct parsed *p, const char *val)
{
	p->counted = true;
	p->rule.count = UINT64_MAX;
	return !strcmp(val, "all") || parse_u64(val, 1, UINT64_MAX, &p->rule.count);
}

static bool set_every(struct parsed *p, const char *val)
{
	return parse_u64(val, 1, UINT64_MAX, &p->rule.every);
}

static bool set_probability(struct parsed *p, const char *val)
{
	char *end;
	double chance;

	errno = 0;
	chance = strtod(val, &end);
	/* Only digits and a point: no sign, no exponent, no "nan". */
	if (!*val || val[strspn(val, "0123456789.")] || *end || errno ||
	    !(chance > 0 && chance <= 1))
		return false;
	p->rule.random = true;
	/* 2^64 does not fit, and is not needed: the numbers drawn are below it. */
	p->rule.chance = chance < 1 ? (uint64_t)(chance * 18446744073709551616.0) : UINT64_MAX;
	return true;
}

static bool set_seed(struct parsed *p, const char *val)
{
	return parse_u64(val, 0, UINT64_MAX, &p->rule.state);
}

static bool set_eof(struct parsed *p, const char *val)
{
	return parse_int(val, 0, 15, &p->rule.match.eof);
}

static bool set_sof(struct parsed *p, const char *val)
{
	return parse_int(val, 0, 15, &p->rule.match.sof);
}

static bool set_hopid(struct parsed *p, const char *val)
{
	return parse_int(val, 1, 2047, &p->rule.match.hop);
}

static bool set_ring(struct parsed *p, const char *val)
{
	return parse_int(val, 0, USIM_NHI_MAX_HOPS - 1, &p->rule.match.ring);
}

static bool set_port(struct parsed *p, const char *val)
{
	return parse_int(val, 1, 2 * USIM_MAX_PORTS, &p->rule.match.port);
}

/*
 * The 16 bytes of a UUID are copied into little-endian words, which are
 * swapped as the rest of the packet.
 */
static bool set_uuid(struct parsed *p, const char *val)
{
	struct usim_fault_facts *match = &p->rule.match;
	unsigned int i, n = 0;

	memset(match->uuid, 0, sizeof(match->uuid));
	for (i = 0; val[i]; i++) {
		char digit[2] = { val[i], '\0' };

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (val[i] != '-')
				return false;
			continue;
		}
		if (n == 32 || digit[strspn(digit, "0123456789abcdefABCDEF")])
			return false;
		/* High digit of each byte first, low byte of each word first. */
		match->uuid[n / 8] |= (uint32_t)strtoul(digit, NULL, 16) <<
				      (n % 8 / 2 * 8 + (n % 2 ? 0 : 4));
		n++;
	}
	match->has_uuid = true;
	return n == 32 && i == 36;
}

static bool set_type(struct parsed *p, const char *val)
{
	uint64_t n;

	if (!parse_u64(val, 0, UINT32_MAX, &n))
		return false;
	p->rule.match.type = (int64_t)n;
	return true;
}

static bool set_dir(struct parsed *p, const char *val)
{
	p->rule.match.tx = !strcmp(val, "tx");
	return !strcmp(val, "tx") || !strcmp(val, "rx");
}

static bool set_ms(struct parsed *p, const char *val)
{
	uint64_t n;

	if (!parse_u64(val, 1, MAX_MS, &n))
		return false;
	p->rule.ms = (uint32_t)n;
	p->timed = true;
	return true;
}

static bool set_after(struct parsed *p, const char *val)
{
	p->rule.after = !strcmp(val, "yes");
	return p->rule.after || !strcmp(val, "no");
}

/* Keys, what they can be used with, and what they must be. */
static const struct key {
	const char *name;
	uint32_t triggers;
	const char *must_be;
	bool (*set)(struct parsed *p, const char *val);
} keys[] = {
	{ "on", FRAME | XDOMAIN | INTERRUPT, "frame, xdomain or interrupt", set_on },
	{ "from", FRAME | XDOMAIN, "the name of a host", set_from },
	{ "to", FRAME | XDOMAIN, "the name of a host", set_to },
	{ "host", INTERRUPT, "the name of a host", set_from },
	{ "nth", FRAME | XDOMAIN | INTERRUPT, "a number from 1", set_nth },
	{ "count", FRAME | XDOMAIN | INTERRUPT, "a number from 1, or all", set_count },
	{ "every", FRAME | XDOMAIN | INTERRUPT, "a number from 1", set_every },
	{ "probability", FRAME | XDOMAIN | INTERRUPT, "above 0 and at most 1",
	  set_probability },
	{ "seed", FRAME | XDOMAIN | INTERRUPT, "a number", set_seed },
	{ "eof", FRAME, "a PDF, 0 to 15", set_eof },
	{ "sof", FRAME, "a PDF, 0 to 15", set_sof },
	{ "hopid", FRAME | INTERRUPT, "a HopID, 1 to 2047", set_hopid },
	{ "ring", FRAME | INTERRUPT, "the number of a ring, 0 to 15", set_ring },
	{ "port", FRAME | XDOMAIN, "the number of a lane adapter", set_port },
	{ "uuid", XDOMAIN, "a UUID", set_uuid },
	{ "type", XDOMAIN, "a 32-bit number", set_type },
	{ "dir", INTERRUPT, "tx or rx", set_dir },
	{ "ms", FRAME | XDOMAIN, "milliseconds, 1 to 3600000", set_ms },
	{ "after", FRAME | XDOMAIN, "yes or no", set_after },
};

static const struct key *find_key(const char *word, size_t len)
{
	size_t i;

	for (i = 0; i < USIM_ARRAY_SIZE(keys); i++)
		if (strlen(keys[i].name) == len && !strncmp(keys[i].name, word, len))
			return &keys[i];
	return NULL;
}

static bool find_action(const char *name, enum usim_fault_action *action)
{
	unsigned int i;

	for (i = 0; i < USIM_FAULT_ACTIONS; i++) {
		if (strcmp(usim_fault_name(i), name))
			continue;
		*action = i;
		return true;
	}
	return false;
}

/*
 * Keys are parsed first and looked at again when the trigger is known, which
 * may be the last of them. Returns the reply to a bad one, or NULL.
 */
static struct json_object *parse_keys(struct parsed *p, unsigned int argc, char **argv)
{
	uint32_t seen = 0, trigger;
	unsigned int i;

	for (i = 0; i < argc; i++) {
		const char *val = strchr(argv[i], '=');
		const struct key *key = val ? find_key(argv[i], (size_t)(val - argv[i])) : NULL;

		if (!key)
			return usim_command_failure("fault: there is no option \"%s\"", argv[i]);
		if (seen & USIM_BIT(key - keys))
			return usim_command_failure("fault: %s is given twice", key->name);
		seen |= USIM_BIT(key - keys);
		if (!key->set(p, val + 1))
			return usim_command_failure("fault: \"%s\": %s must be %s", argv[i],
						    key->name, key->must_be);
	}
	trigger = USIM_BIT(p->rule.trigger);
	for (i = 0; i < USIM_ARRAY_SIZE(keys); i++)
		if (seen & USIM_BIT(i) && !(keys[i].triggers & trigger))
			return usim_command_failure("fault: %s does not go with on=%s",
						    keys[i].name, triggers[p->rule.trigger]);
	return NULL;
}

static struct json_object *check_rule(const struct parsed *p)
{
	const struct usim_fault_rule *rule = &p->rule;
	const char *name = usim_fault_name(rule->action);

	if (!(allowed[rule->action] & USIM_BIT(rule->trigger)))
		return usim_command_failure("fault: %s does not go with on=%s", name,
					    triggers[rule->trigger]);
	if (!rule->match.from && !rule->match.to)
		return usim_command_failure("fault: %s", rule->trigger == USIM_ON_INTERRUPT ?
					    "host= is needed" : "from= or to= is needed");
	if (rule->action == USIM_FAULT_DELAY && !p->timed)
		return usim_command_failure("fault: delay needs ms=");
	if (p->timed && rule->action != USIM_FAULT_DELAY && rule->action != USIM_FAULT_STALL)
		return usim_command_failure("fault: ms does not go with %s", name);
	if (rule->after && !(USIM_BIT(rule->action) & USIM_FAULT_DISASTERS))
		return usim_command_failure("fault: after does not go with %s", name);
	if (rule->random && rule->every > 1)
		return usim_command_failure("fault: every does not go with probability");
	return NULL;
}

/*
 * corrupt HOST [COUNT] ... is short for fault corrupt to=HOST count=COUNT ...
 * Moves @first behind what is no KEY=VALUE word.
 */
static struct json_object *parse_start(struct parsed *p, unsigned int argc, char **argv,
				       unsigned int *first)
{
	bool alias = strcmp(argv[0], "fault");

	if (argc < 2)
		return usim_command_failure("usage: %s %s [KEY=VALUE...]", argv[0],
					    alias ? "HOST [COUNT]" : "ACTION");
	if (!find_action(alias ? argv[0] : argv[1], &p->rule.action))
		return usim_command_failure("fault: there is no action \"%s\"", argv[1]);
	if (!alias)
		return NULL;
	if (!set_to(p, argv[1]))
		return usim_command_failure("there is no host %s", argv[1]);
	if (argc > 2 && !strchr(argv[2], '=')) {
		*first = 3;
		if (!set_count(p, argv[2]))
			return usim_command_failure("%s: \"%s\" is no count", argv[0], argv[2]);
	}
	return NULL;
}

/**
 * usim_command_fault() - fault, corrupt and overrun
 * @sim: the simulation
 * @argc: words
 * @argv: the words
 *
 * Return: the reply.
 */
struct json_object *usim_command_fault(struct usim *sim, unsigned int argc, char **argv)
{
	struct parsed p = { .sim = sim, .rule = { .nth = 1, .count = 1, .every = 1, .state = 1 } };
	struct json_object *reply;
	unsigned int first = 2, id;

	usim_fault_facts_init(&p.rule.match);
	reply = parse_start(&p, argc, argv, &first);
	if (reply)
		return reply;
	if (p.rule.action == USIM_FAULT_LOSE_INTERRUPT)
		p.rule.trigger = USIM_ON_INTERRUPT;
	else if (!(allowed[p.rule.action] & FRAME))
		p.rule.trigger = USIM_ON_XDOMAIN;
	reply = parse_keys(&p, argc - first, argv + first);
	if (!reply)
		reply = check_rule(&p);
	if (reply)
		return reply;
	if (p.rule.random && !p.counted)
		p.rule.count = UINT64_MAX;
	id = usim_fault_add(sim, &p.rule);
	if (!id)
		return usim_command_failure("fault: there are %u already, clear some",
					    USIM_FAULT_RULES);
	reply = json_object_new_object();
	json_object_object_add(reply, "fault", json_object_new_uint64(id));
	return reply;
}

static struct json_object *describe_rule(const struct usim_fault_rule *rule)
{
	struct json_object *obj = json_object_new_object();

	json_object_object_add(obj, "fault", json_object_new_uint64(rule->id));
	json_object_object_add(obj, "action",
			       json_object_new_string(usim_fault_name(rule->action)));
	json_object_object_add(obj, "on", json_object_new_string(triggers[rule->trigger]));
	json_object_object_add(obj, "seen", json_object_new_uint64(rule->seen));
	json_object_object_add(obj, "hits", json_object_new_uint64(rule->hits));
	json_object_object_add(obj, "left", rule->count == UINT64_MAX ?
			       json_object_new_string("all") :
			       json_object_new_uint64(rule->count - rule->hits));
	return obj;
}

static struct json_object *list_faults(const struct usim *sim)
{
	struct json_object *reply = json_object_new_object();
	struct json_object *list = json_object_new_array();
	unsigned int i;

	for (i = 0; i < USIM_FAULT_RULES; i++)
		if (sim->fault.rule[i].id)
			json_object_array_add(list, describe_rule(&sim->fault.rule[i]));
	json_object_object_add(reply, "faults", list);
	return reply;
}

static void clear_all(struct usim *sim)
{
	unsigned int i, n;

	usim_fault_remove_all(sim);
	for (i = 0; i < sim->nhosts; i++) {
		struct usim_host *host = sim->host[i];

		usim_host_limit(host, 0);
		usim_host_revive(host);
		for (n = 0; n < host->router.nports; n++) {
			usim_port_release(&host->router.port[n]);
			usim_held_flush(&host->router.port[n], USIM_HELD_REORDERED);
			usim_held_flush(&host->router.port[n], USIM_HELD_DELAYED);
		}
		for (n = 1; n < host->nhi.hops; n++)
			usim_timer_cancel(&host->nhi.tx[n].hold_timer);
	}
}

/**
 * usim_command_faults() - faults
 * @sim: the simulation
 * @argc: words
 * @argv: the words
 *
 * Return: the reply.
 */
struct json_object *usim_command_faults(struct usim *sim, unsigned int argc, char **argv)
{
	uint64_t id;

	if (argc == 1)
		return list_faults(sim);
	if (strcmp(argv[1], "clear") || argc > 3)
		return usim_command_failure("usage: faults [clear [NUMBER]]");
	if (argc == 2) {
		clear_all(sim);
		return json_object_new_object();
	}
	if (!usim_command_number(argv[2], UINT_MAX, &id) ||
	    !usim_fault_remove(sim, (unsigned int)id))
		return usim_command_failure("faults: there is no fault %s", argv[2]);
	return json_object_new_object();
}

static bool parse_traffic(const char *val, unsigned int *what)
{
	if (!strcmp(val, "all"))
		*what = USIM_STALL_ALL;
	else if (!strcmp(val, "data"))
		*what = USIM_STALL_DATA;
	else if (!strcmp(val, "control"))
		*what = USIM_STALL_CONTROL;
	else
		return false;
	return true;
}

/**
 * usim_command_stall() - stall and release
 * @sim: the simulation
 * @argc: words
 * @argv: the words
 *
 * Return: the reply.
 */
struct json_object *usim_command_stall(struct usim *sim, unsigned int argc, char **argv)
{
	bool stall = !strcmp(argv[0], "stall"), found = false;
	unsigned int what = USIM_STALL_ALL, i;
	uint64_t ms = 0, port = 0;
	struct usim_host *host;

	if (argc < 2)
		return usim_command_failure("usage: %s HOST [port=PORT]%s", argv[0], stall ?
					    " [ms=MS] [traffic=all|data|control]" : "");
	host = usim_host_find(sim, argv[1]);
	if (!host)
		return usim_command_failure("there is no host %s", argv[1]);
	for (i = 2; i < argc; i++)
		if (!(!strncmp(argv[i], "port=", 5) && parse_u64(argv[i] + 5, 1, 63, &port)) &&
		    !(stall && !strncmp(argv[i], "ms=", 3) &&
		      parse_u64(argv[i] + 3, 1, MAX_MS, &ms)) &&
		    !(stall && !strncmp(argv[i], "traffic=", 8) &&
		      parse_traffic(argv[i] + 8, &what)))
			return usim_command_failure("%s: bad option \"%s\"", argv[0], argv[i]);
	for (i = 0; i < host->router.nports; i++) {
		if (port && host->router.port[i].adapter != port)
			continue;
		found = true;
		if (stall)
			usim_port_stall(&host->router.port[i], what, (uint32_t)ms);
		else
			usim_port_release(&host->router.port[i]);
	}
	if (!found)
		return usim_command_failure("%s has no port %llu", host->name,
					    (unsigned long long)port);
	return json_object_new_object();
}

/**
 * usim_command_kill() - kill and revive
 * @sim: the simulation
 * @argc: words
 * @argv: the words
 *
 * Return: the reply.
 */
struct json_object *usim_command_kill(struct usim *sim, unsigned int argc, char **argv)
{
	bool kill = !strcmp(argv[0], "kill");
	struct usim_host *host;

	if (argc != 2)
		return usim_command_failure("usage: %s HOST", argv[0]);
	host = usim_host_find(sim, argv[1]);
	if (!host)
		return usim_command_failure("there is no host %s", argv[1]);
	if (host->script)
		return usim_command_failure("%s is scripted, it has no controller", host->name);
	if (kill ? !usim_host_running(host) : !host->dead)
		return usim_command_failure("%s is %s", host->name, host->dead ? "dead already" :
					    kill ? "not running" : "not dead");
	if (kill)
		usim_host_kill(host);
	else
		usim_host_revive(host);
	return json_object_new_object();
}

/**
 * usim_command_rate() - rate
 * @sim: the simulation
 * @argc: words
 * @argv: the words
 *
 * Return: the reply.
 */
struct json_object *usim_command_rate(struct usim *sim, unsigned int argc, char **argv)
{
	struct usim_host *host;
	uint64_t rate = 0;

	if (argc != 3)
		return usim_command_failure("usage: rate HOST BYTES|off");
	host = usim_host_find(sim, argv[1]);
	if (!host)
		return usim_command_failure("there is no host %s", argv[1]);
	if (strcmp(argv[2], "off") && !parse_u64(argv[2], 1, UINT64_MAX, &rate))
		return usim_command_failure("rate: \"%s\" is neither bytes per second nor off",
					    argv[2]);
	usim_host_limit(host, rate);
	return json_object_new_object();
}
