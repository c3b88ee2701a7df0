/* SPDX-License-Identifier: GPL-2.0-only */
/* Starts, commands and stops the simulator under test. */
#ifndef USIM_TEST_SIM_H
#define USIM_TEST_SIM_H

#include <json-c/json.h>
#include <stdbool.h>
#include <sys/types.h>

/* No longer than a Unix socket address */
#define SIM_PATH	108
#define SIM_HOSTS	2
#define SIM_CABLES	2
#define SIM_ALPHA	0
#define SIM_BETA	1

/**
 * struct sim_config - how the simulator is to be started
 * @profile: Profile of each host, NULL for the default (intel)
 * @options: More ",key=value" text for both hosts, or NULL
 * @dock: A dock, as for --dock, or NULL
 * @cables: Cables, "alpha:1,beta:1" if there is none
 * @no_cable: Leave the hosts unconnected
 * @strict: Warnings to count as violations, or NULL
 * @scripted: The host is driven through the control socket
 */
struct sim_config {
	const char *profile[SIM_HOSTS];
	const char *options;
	const char *dock;
	const char *cables[SIM_CABLES];
	bool no_cable;
	const char *strict;
	bool scripted[SIM_HOSTS];
};

/**
 * struct sim - a running simulator with hosts "alpha" and "beta"
 * @pid: Process, 0 once it has ended
 * @socket: vfio-user socket of each host
 * @control: Control socket
 * @log: Event log
 * @violations_expected: Do not fail at the end because of rule violations
 */
struct sim {
	pid_t pid;
	char socket[SIM_HOSTS][SIM_PATH];
	char control[SIM_PATH];
	char log[SIM_PATH];
	bool violations_expected;
};

void sim_start(struct sim *sim, const struct sim_config *config);
void sim_kill(struct sim *sim);
void sim_check_running(struct sim *sim);
int sim_try(struct sim *sim, char *reply, size_t size, const char *command, ...)
	__attribute__((format(printf, 4, 5)));
json_object *sim_command(struct sim *sim, const char *command, ...)
	__attribute__((format(printf, 2, 3)));
bool sim_find(json_object *tree, const char *key, json_object **found);
long sim_violations(struct sim *sim, const char *rule);
int sim_log_count(struct sim *sim, const char *event, const char *key,
		  const char *value);

#endif
