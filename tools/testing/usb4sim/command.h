/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - commands of the control socket
 */

#ifndef USIM_COMMAND_H
#define USIM_COMMAND_H

struct json_object;
struct usim;

struct json_object *usim_command(struct usim *sim, char *line);

#endif
