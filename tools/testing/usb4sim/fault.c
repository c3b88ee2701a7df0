// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - faults to inject
 */

#include <stdio.h>
#include <string.h>

#include "cable.h"
#include "fault.h"
#include "host.h"
#include "log.h"
#include "usim.h"
#include "util.h"

static const char * const names[USIM_FAULT_ACTIONS] = {
	[USIM_FAULT_CORRUPT] = "corrupt",
	[USIM_FAULT_OVERRUN] = "overrun",
	[USIM_FAULT_DROP] = "drop",
	[USIM_FAULT_DELAY] = "delay",
	[USIM_FAULT_DUPLICATE] = "duplicate",
	[USIM_FAULT_REORDER] = "reorder",
	[USIM_FAULT_STALL] = "stall",
	[USIM_FAULT_UNPLUG] = "unplug",
	[USIM_FAULT_KILL_SENDER] = "kill-sender",
	[USIM_FAULT_KILL_RECEIVER] = "kill-receiver",
	[USIM_FAULT_LOSE_TX_INTERRUPT] = "lose-tx-interrupt",
	[USIM_FAULT_LOSE_RX_INTERRUPT] = "lose-rx-interrupt",
	[USIM_FAULT_LOSE_INTERRUPT] = "lose-interrupt",
};

/**
 * usim_fault_name() - name of an action
 * @action: the action
 *
 * Return: as in commands, the event log and the statistics.
 */
const char *usim_fault_name(enum usim_fault_action action)
{
	return names[action];
}

/**
 * usim_fault_left() - can a fault still hit?
 * @rule: the fault
 *
 * Return: true if so.
 */
bool usim_fault_left(const struct usim_fault_rule *rule)
{
	return rule->id && rule->hits < rule->count;
}

/**
 * usim_fault_facts_init() - nothing is known
 * @facts: the facts
 */
void usim_fault_facts_init(struct usim_fault_facts *facts)
{
	memset(facts, 0, sizeof(*facts));
	facts->port = USIM_FAULT_ANY;
	facts->ring = USIM_FAULT_ANY;
	facts->hop = USIM_FAULT_ANY;
	facts->sof = USIM_FAULT_ANY;
	facts->eof = USIM_FAULT_ANY;
	facts->tx = USIM_FAULT_ANY;
	facts->type = USIM_FAULT_ANY;
}

static void update_armed(struct usim_fault *fault)
{
	unsigned int i;

	memset(fault->armed, 0, sizeof(fault->armed));
	for (i = 0; i < USIM_FAULT_RULES; i++)
		if (usim_fault_left(&fault->rule[i]))
			fault->armed[fault->rule[i].trigger] = true;
}

/* A free slot, else that of the fault that was used up first, else NULL. */
static struct usim_fault_rule *find_slot(struct usim_fault *fault)
{
	struct usim_fault_rule *found = NULL;
	unsigned int i;

	for (i = 0; i < USIM_FAULT_RULES; i++) {
		struct usim_fault_rule *rule = &fault->rule[i];

		if (!rule->id)
			return rule;
		if (!usim_fault_left(rule) && (!found || rule->id < found->id))
			found = rule;
	}
	return found;
}

/**
 * usim_fault_add() - inject a fault from now on
 * @sim: the simulation
 * @rule: the fault; number and counters are given here
 *
 * Return: its number, 0 if there are too many.
 */
unsigned int usim_fault_add(struct usim *sim, const struct usim_fault_rule *rule)
{
	struct usim_fault_rule *slot = find_slot(&sim->fault);

	if (!slot)
		return 0;
	*slot = *rule;
	slot->id = ++sim->fault.last_id;
	slot->seen = 0;
	slot->hits = 0;
	update_armed(&sim->fault);
	return slot->id;
}

/**
 * usim_fault_remove() - take a fault back
 * @sim: the simulation
 * @id: its number
 *
 * Return: false if there is none of that number.
 */
bool usim_fault_remove(struct usim *sim, unsigned int id)
{
	struct usim_fault *fault = &sim->fault;
	unsigned int i;

	for (i = 0; i < USIM_FAULT_RULES; i++) {
		if (!id || fault->rule[i].id != id)
			continue;
		fault->rule[i].id = 0;
		update_armed(fault);
		return true;
	}
	return false;
}

/**
 * usim_fault_remove_all() - take all faults back
 * @sim: the simulation
 */
void usim_fault_remove_all(struct usim *sim)
{
	memset(sim->fault.rule, 0, sizeof(sim->fault.rule));
	update_armed(&sim->fault);
}

static bool same(int64_t want, int64_t is)
{
	return want == USIM_FAULT_ANY || want == is;
}

static bool matches(const struct usim_fault_facts *want, const struct usim_fault_facts *is)
{
	return (!want->from || want->from == is->from) &&
	       (!want->to || want->to == is->to) &&
	       same(want->port, is->port) &&
	       (want->ring == USIM_FAULT_ANY ? is->ring != 0 : want->ring == is->ring) &&
	       same(want->hop, is->hop) && same(want->sof, is->sof) &&
	       same(want->eof, is->eof) && same(want->tx, is->tx) &&
	       same(want->type, is->type) &&
	       (!want->has_uuid ||
		(is->has_uuid && !memcmp(want->uuid, is->uuid, sizeof(is->uuid))));
}

/* splitmix64 by Vigna: the same seed gives the same faults everywhere. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static bool hits(struct usim_fault_rule *rule)
{
	if (++rule->seen < rule->nth)
		return false;
	if (rule->random ? next_random(&rule->state) >= rule->chance :
			   (rule->seen - rule->nth) % rule->every)
		return false;
	rule->hits++;
	return true;
}

static void report(struct usim *sim, const struct usim_fault_rule *rule,
		   const struct usim_fault_facts *facts)
{
	static const char * const what[USIM_FAULT_TRIGGERS] = {
		[USIM_ON_FRAME] = "frame",
		[USIM_ON_XDOMAIN] = "packet",
		[USIM_ON_INTERRUPT] = "interrupt",
	};
	char detail[128] = "";

	if (rule->trigger == USIM_ON_FRAME)
		snprintf(detail, sizeof(detail), ", HopID %d, start %d, end %d",
			 facts->hop, facts->sof, facts->eof);
	else if (rule->trigger == USIM_ON_XDOMAIN)
		snprintf(detail, sizeof(detail), ", type %lld", (long long)facts->type);
	else
		snprintf(detail, sizeof(detail), " of %s ring %d", facts->tx ? "TX" : "RX",
			 facts->ring);
	facts->from->faults[rule->action]++;
	usim_event(sim, facts->from, "fault", "%s: fault %u, hit %llu, %s %llu%s",
		   names[rule->action], rule->id, (unsigned long long)rule->hits,
		   what[rule->trigger], (unsigned long long)rule->seen, detail);
}

/**
 * usim_fault_judge() - which faults hit?
 * @sim: the simulation
 * @trigger: what it is
 * @facts: what is known about it; @from is always known
 * @verdict: what has to be done
 *
 * To be called once for each frame, packet or interrupt: it is counted.
 */
void usim_fault_judge(struct usim *sim, enum usim_fault_trigger trigger,
		      const struct usim_fault_facts *facts,
		      struct usim_fault_verdict *verdict)
{
	struct usim_fault *fault = &sim->fault;
	unsigned int i;

	memset(verdict, 0, sizeof(*verdict));
	for (i = 0; i < USIM_FAULT_RULES; i++) {
		struct usim_fault_rule *rule = &fault->rule[i];

		if (!usim_fault_left(rule) || rule->trigger != trigger ||
		    !matches(&rule->match, facts) || !hits(rule))
			continue;
		*(rule->after ? &verdict->after : &verdict->before) |= USIM_BIT(rule->action);
		if (rule->action == USIM_FAULT_DELAY && rule->ms > verdict->delay_ms)
			verdict->delay_ms = rule->ms;
		if (rule->action == USIM_FAULT_STALL)
			verdict->stall_ms = rule->ms;
		report(sim, rule, facts);
	}
	if (verdict->before | verdict->after)
		update_armed(fault);
}

/**
 * usim_fault_strike() - let the cable or a controller fail
 * @port: port of the sender
 * @to: receiver
 * @actions: bits of USIM_FAULT_DISASTERS; others are ignored
 * @stall_ms: for USIM_FAULT_STALL, 0 until it is released
 *
 * Rings and the link may be gone afterwards.
 */
void usim_fault_strike(struct usim_port *port, struct usim_host *to, uint32_t actions,
		       uint32_t stall_ms)
{
	if (actions & USIM_BIT(USIM_FAULT_STALL))
		usim_port_stall(port, USIM_STALL_ALL, stall_ms);
	if (actions & USIM_BIT(USIM_FAULT_UNPLUG))
		usim_cable_plug(port->cable, false);
	if (actions & USIM_BIT(USIM_FAULT_KILL_SENDER))
		usim_host_kill(port->router->host);
	if (actions & USIM_BIT(USIM_FAULT_KILL_RECEIVER))
		usim_host_kill(to);
}
