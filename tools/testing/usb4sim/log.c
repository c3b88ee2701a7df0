// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - event log and rule violations
 *
 * One JSON object per line, written at once, so that a reader never sees
 * half an event. A rule that is broken in a loop is logged a limited number
 * of times and counted always, and no host gets more than a number of events
 * in a second: a guest must not be able to fill the disk.
 */

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "log.h"
#include "usim.h"
#include "util.h"

#define LOG_PER_RULE	50
#define LOG_PER_SECOND	200
#define LOG_DETAIL	400

/**
 * usim_log_open() - start an event log
 * @log: the log
 * @path: file to append to
 *
 * Return: 0 or a negative errno.
 */
int usim_log_open(struct usim_log *log, const char *path)
{
	log->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	return log->fd < 0 ? -errno : 0;
}

/**
 * usim_log_close() - end the event log
 * @log: the log
 */
void usim_log_close(struct usim_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}

static void log_write(const struct usim *sim, const struct usim_host *host,
		      const char *event, const struct usim_rule_info *rule,
		      const char *detail)
{
	struct json_object *obj;
	const char *text;
	char *line;
	int len;

	if (sim->log.debug)
		fprintf(stderr, "usb4sim: %s: %s%s%s: %s\n", host ? host->name : "-",
			event, rule ? " " : "", rule ? rule->name : "", detail);
	if (sim->log.fd < 0)
		return;
	obj = json_object_new_object();
	json_object_object_add(obj, "time_us",
			       json_object_new_int64((int64_t)((usim_now() - sim->started) /
							       USIM_NSEC_PER_USEC)));
	json_object_object_add(obj, "host", host ? json_object_new_string(host->name) : NULL);
	json_object_object_add(obj, "event", json_object_new_string(event));
	if (rule)
		json_object_object_add(obj, "rule", json_object_new_string(rule->name));
	json_object_object_add(obj, "detail", json_object_new_string(detail));
	if (rule)
		json_object_object_add(obj, "source", json_object_new_string(rule->source));
	text = json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN |
					      JSON_C_TO_STRING_NOSLASHESCAPE);
	len = asprintf(&line, "%s\n", text);
	if (len > 0) {
		/* A full disk must not stop the guests: the counters remain. */
		if (write(sim->log.fd, line, (size_t)len) < 0 && sim->log.debug)
			fprintf(stderr, "usb4sim: event log: %s\n", strerror(errno));
		free(line);
	}
	json_object_put(obj);
}

static bool too_many(struct usim_host *host)
{
	uint64_t second = usim_now() / USIM_NSEC_PER_SEC;

	if (host->log_second != second) {
		host->log_second = second;
		host->log_events = 0;
	}
	return host->log_events++ >= LOG_PER_SECOND;
}

/**
 * usim_event() - log something that happened
 * @sim: the simulation
 * @host: whom it concerns, or NULL
 * @event: one word
 * @fmt: printf format of the detail
 */
void usim_event(struct usim *sim, struct usim_host *host, const char *event,
		const char *fmt, ...)
{
	char detail[LOG_DETAIL];
	va_list ap;

	if ((sim->log.fd < 0 && !sim->log.debug) || (host && too_many(host)))
		return;
	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	log_write(sim, host, event, NULL, detail);
}

static bool is_warning(const struct usim *sim, enum usim_rule rule)
{
	return usim_rule_info(rule)->warning && !sim->strict[rule];
}

/**
 * usim_rule_broken() - a guest broke a rule
 * @host: the guest
 * @rule: which
 * @fmt: printf format of what it did
 */
void usim_rule_broken(struct usim_host *host, enum usim_rule rule, const char *fmt, ...)
{
	const struct usim_rule_info *info = usim_rule_info(rule);
	struct usim *sim = host->sim;
	char detail[LOG_DETAIL];
	va_list ap;

	/* What a guest without memory seems to do says nothing about its driver. */
	if (host->dma.vanished && rule != USIM_RULE_CLIENT_MEMORY)
		return;
	if (host->broken[rule]++ >= LOG_PER_RULE)
		return;
	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	log_write(sim, host, is_warning(sim, rule) ? "warning" : "violation", info, detail);
}

/**
 * usim_debug() - describe an ordinary event on stderr with --debug
 * @sim: the simulation
 * @host: whom it concerns, or NULL
 * @fmt: printf format
 */
void usim_debug(const struct usim *sim, const struct usim_host *host, const char *fmt, ...)
{
	va_list ap;

	if (!sim->log.debug)
		return;
	fprintf(stderr, "usb4sim: %s: ", host ? host->name : "-");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static void add_count(struct json_object *obj, const char *key, uint64_t count)
{
	struct json_object *old;

	if (json_object_object_get_ex(obj, key, &old))
		count += json_object_get_uint64(old);
	json_object_object_add(obj, key, json_object_new_uint64(count));
}

/**
 * usim_log_violations() - how often each rule was broken
 * @sim: the simulation
 *
 * Return: a new object: total, warnings, and the counts by rule, for all
 * hosts and for each.
 */
struct json_object *usim_log_violations(const struct usim *sim)
{
	struct json_object *reply = json_object_new_object();
	struct json_object *violations = json_object_new_object();
	struct json_object *warnings = json_object_new_object();
	struct json_object *hosts = json_object_new_object();
	uint64_t total = 0, total_warnings = 0;
	unsigned int h, r;

	for (h = 0; h < sim->nhosts; h++) {
		const struct usim_host *host = sim->host[h];
		struct json_object *mine = json_object_new_object();

		for (r = 0; r < USIM_RULE_COUNT; r++) {
			const struct usim_rule_info *info = usim_rule_info(r);
			uint64_t n = host->broken[r];

			if (!n)
				continue;
			add_count(is_warning(sim, r) ? warnings : violations, info->name, n);
			add_count(mine, info->name, n);
			if (is_warning(sim, r))
				total_warnings += n;
			else
				total += n;
		}
		json_object_object_add(hosts, host->name, mine);
	}
	json_object_object_add(reply, "total", json_object_new_uint64(total));
	json_object_object_add(reply, "violations", violations);
	json_object_object_add(reply, "total_warnings", json_object_new_uint64(total_warnings));
	json_object_object_add(reply, "warnings", warnings);
	json_object_object_add(reply, "hosts", hosts);
	return reply;
}

/**
 * usim_log_reset_violations() - forget all broken rules
 * @sim: the simulation
 */
void usim_log_reset_violations(struct usim *sim)
{
	unsigned int h;

	for (h = 0; h < sim->nhosts; h++)
		memset(sim->host[h]->broken, 0, sizeof(sim->host[h]->broken));
}
