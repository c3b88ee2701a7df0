// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - scripted hosts: what they send
 *
 * Packets wait while more than a few are on their way to the receiver, so
 * that a flood is as fast as the receiver, and not a matter of the
 * simulator's queue. Frames wait for a descriptor if they are patient, as a
 * sender without credits does; otherwise they are lost.
 */

#include <string.h>

#include "cable.h"
#include "forward.h"
#include "host.h"
#include "script.h"
#include "topology.h"
#include "usim.h"
#include "util.h"

/* Frames or packets of a job before others get their turn */
#define JOB_BATCH		64

/* Packets that may wait in the receiver's queue */
#define PACKETS_AHEAD		(USIM_CONTROL_QUEUE / 4)

/**
 * usim_script_start() - start to send something
 * @script: the scripted host
 * @job: what, where and how often
 *
 * Return: false if there are too many such jobs.
 */
bool usim_script_start(struct usim_script *script, const struct usim_script_job *job)
{
	unsigned int i;

	for (i = 0; i < USIM_SCRIPT_JOBS; i++) {
		if (script->job[i].left)
			continue;
		script->job[i] = *job;
		script->job[i].next = script->host->sim->loop.now;
		return true;
	}
	return false;
}

/**
 * usim_script_stop() - stop sending
 * @script: the scripted host
 */
void usim_script_stop(struct usim_script *script)
{
	memset(script->job, 0, sizeof(script->job));
	usim_timer_cancel(&script->timer);
}

/* Returns false if it has to wait. */
static bool send_packet(struct usim_script *script, const struct usim_script_job *job)
{
	struct usim_host *to = usim_router_domain(job->port->peer->router);

	if (!job->port->up || !to || !usim_control_ready(to)) {
		script->lost++;
		return true;
	}
	if (to->control.count >= PACKETS_AHEAD)
		return false;
	to->control.xdomain_in++;
	script->sent++;
	if (usim_record_on(&to->sim->record))
		usim_record_packet(script->host, false, job->type, job->data, job->len);
	usim_control_send_bytes(to, job->type, job->data, job->len);
	return true;
}

static bool send_frame(struct usim_script *script, const struct usim_script_job *job)
{
	unsigned int flags = (job->attr & USIM_DESC_CRC_ERROR ? USIM_RECORD_CRC_ERROR : 0) |
			     (job->attr & USIM_DESC_OVERRUN ? USIM_RECORD_OVERRUN : 0);

	switch (usim_forward_inject(job->port->peer, job->hop, job->attr, job->data, job->len)) {
	case USIM_INJECT_DONE:
		script->sent++;
		break;
	case USIM_INJECT_REFUSED:
		script->refused++;
		flags |= USIM_RECORD_REFUSED;
		break;
	case USIM_INJECT_NO_CREDIT:
		if (job->patient)
			return false;
		script->lost++;
		flags |= USIM_RECORD_LOST;
		break;
	}
	if (usim_record_on(&script->host->sim->record))
		usim_record_frame(job->port, job->hop, job->attr, flags, job->data, job->len);
	return true;
}

/* Returns true if it stopped only because others must have their turn. */
static bool run_job(struct usim_script *script, struct usim_script_job *job)
{
	struct usim_loop *loop = &script->host->sim->loop;
	unsigned int n;

	for (n = 0; n < JOB_BATCH && job->left; n++) {
		if (job->next > loop->now) {
			if (!usim_timer_armed(&script->timer) ||
			    script->timer.deadline > job->next)
				usim_timer_arm(loop, &script->timer, job->next);
			return false;
		}
		if (!(job->frame ? send_frame(script, job) : send_packet(script, job)))
			return false;
		job->left--;
		job->next += job->interval;
	}
	return job->left;
}

/**
 * usim_script_run() - send what there is to send
 * @host: a scripted host
 *
 * Return: true if there is more to do at once.
 */
bool usim_script_run(struct usim_host *host)
{
	bool more = false;
	unsigned int i;

	for (i = 0; i < USIM_SCRIPT_JOBS; i++)
		if (host->script->job[i].left)
			more |= run_job(host->script, &host->script->job[i]);
	return more;
}
