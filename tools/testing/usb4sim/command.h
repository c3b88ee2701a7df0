/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - commands of the control socket
 */

#ifndef USIM_COMMAND_H
#define USIM_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "log.h"

struct json_object;
struct usim;

struct json_object *usim_command(struct usim *sim, char *line);
struct json_object *usim_command_failure(const char *fmt, ...) USIM_PRINTF(1, 2);
bool usim_command_number(const char *text, uint64_t max, uint64_t *val);

/* faultcmd.c */
struct json_object *usim_command_fault(struct usim *sim, unsigned int argc, char **argv);
struct json_object *usim_command_faults(struct usim *sim, unsigned int argc, char **argv);
struct json_object *usim_command_stall(struct usim *sim, unsigned int argc, char **argv);
struct json_object *usim_command_kill(struct usim *sim, unsigned int argc, char **argv);
struct json_object *usim_command_rate(struct usim *sim, unsigned int argc, char **argv);

/* scriptcmd.c */
struct json_object *usim_command_script(struct usim *sim, unsigned int argc, char **argv);

#endif
