/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - event log and rule violations
 */

#ifndef USIM_LOG_H
#define USIM_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "rules.h"

struct json_object;
struct usim;
struct usim_host;

/**
 * struct usim_log - where events go
 * @fd: log file, -1 for none
 * @debug: also describe ordinary events on stderr
 */
struct usim_log {
	int fd;
	bool debug;
};

#define USIM_PRINTF(fmt, args)	__attribute__((format(printf, fmt, args)))

int usim_log_open(struct usim_log *log, const char *path);
void usim_log_close(struct usim_log *log);
void usim_event(struct usim *sim, struct usim_host *host, const char *event,
		const char *fmt, ...) USIM_PRINTF(4, 5);
void usim_rule_broken(struct usim_host *host, enum usim_rule rule,
		      const char *fmt, ...) USIM_PRINTF(3, 4);
void usim_debug(const struct usim *sim, const struct usim_host *host,
		const char *fmt, ...) USIM_PRINTF(3, 4);
struct json_object *usim_log_violations(const struct usim *sim);
void usim_log_reset_violations(struct usim *sim);

#endif
