/* SPDX-License-Identifier: GPL-2.0-only */
/* Faults of the simulator under test. */
#ifndef USIM_TEST_FAULTS_H
#define USIM_TEST_FAULTS_H

#include "sim.h"

long fault_add(struct sim *sim, const char *words, ...)
	__attribute__((format(printf, 2, 3)));
long fault_value(struct sim *sim, long fault, const char *key);
long fault_counter(struct sim *sim, const char *host, const char *action);
void faults_run(struct sim *sim, const char *command);

#endif
