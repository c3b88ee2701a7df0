// SPDX-License-Identifier: GPL-2.0-only
/* Faults of the simulator under test. */
#include <stdarg.h>
#include <stdio.h>

#include "faults.h"
#include "harness.h"

/**
 * fault_add() - inject a fault
 * @sim: Simulator
 * @words: What follows "fault"
 *
 * Return: its number.
 */
long fault_add(struct sim *sim, const char *words, ...)
{
	json_object *reply, *number;
	char text[200];
	va_list ap;
	long fault;

	va_start(ap, words);
	vsnprintf(text, sizeof(text), words, ap);
	va_end(ap);
	reply = sim_command(sim, "fault %s", text);
	if (!json_object_object_get_ex(reply, "fault", &number))
		FAIL("fault %s: expected a number, actual %s", text,
		     json_object_to_json_string(reply));
	fault = json_object_get_int64(number);
	CHECK_GE(fault, 1);
	json_object_put(reply);
	return fault;
}

/**
 * fault_value() - what "faults" says about a fault
 * @sim: Simulator
 * @fault: Its number
 * @key: "seen", "hits" or "left"
 *
 * Return: the value, -1 when there is no such fault.
 */
long fault_value(struct sim *sim, long fault, const char *key)
{
	json_object *reply = sim_command(sim, "faults"), *list, *found;
	long value = -1;
	size_t i;

	CHECK(json_object_object_get_ex(reply, "faults", &list));
	for (i = 0; i < json_object_array_length(list); i++) {
		json_object *entry = json_object_array_get_idx(list, i);

		CHECK(json_object_object_get_ex(entry, "fault", &found));
		if (json_object_get_int64(found) != fault)
			continue;
		CHECK(json_object_object_get_ex(entry, key, &found));
		value = json_object_get_int64(found);
	}
	json_object_put(reply);
	return value;
}

/**
 * fault_counter() - how often an action has hit what a host sent
 * @sim: Simulator
 * @host: Name of the host
 * @action: Name of the action
 *
 * Return: the counter.
 */
long fault_counter(struct sim *sim, const char *host, const char *action)
{
	json_object *reply = sim_command(sim, "stats"), *found;
	long value = 0;

	CHECK(json_object_object_get_ex(reply, "hosts", &found));
	CHECK(json_object_object_get_ex(found, host, &found));
	CHECK(json_object_object_get_ex(found, "faults", &found));
	if (json_object_object_get_ex(found, action, &found))
		value = json_object_get_int64(found);
	json_object_put(reply);
	return value;
}

/**
 * faults_run() - run a command whose reply does not matter
 * @sim: Simulator
 * @command: Command and arguments
 */
void faults_run(struct sim *sim, const char *command)
{
	json_object_put(sim_command(sim, "%s", command));
}
