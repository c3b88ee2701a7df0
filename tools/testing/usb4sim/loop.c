// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - event loop: file descriptors and timers
 */

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "loop.h"
#include "util.h"

#define LOOP_EVENTS	32

/**
 * usim_loop_init() - make an empty loop
 * @loop: the loop
 *
 * Return: 0 or a negative errno.
 */
int usim_loop_init(struct usim_loop *loop)
{
	loop->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epfd < 0)
		return -errno;
	loop->now = usim_now();
	return 0;
}

/**
 * usim_loop_exit() - release the loop
 * @loop: the loop
 */
void usim_loop_exit(struct usim_loop *loop)
{
	close(loop->epfd);
	loop->epfd = -1;
}

/**
 * usim_loop_add() - watch a descriptor
 * @loop: the loop
 * @src: source with fd and callback filled in
 * @events: epoll events
 *
 * Return: 0 or a negative errno.
 */
int usim_loop_add(struct usim_loop *loop, struct usim_source *src, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = src };

	if (epoll_ctl(loop->epfd, EPOLL_CTL_ADD, src->fd, &ev))
		return -errno;
	return 0;
}

/**
 * usim_loop_modify() - change the events a source waits for
 * @loop: the loop
 * @src: a source that was added
 * @events: epoll events
 */
void usim_loop_modify(struct usim_loop *loop, struct usim_source *src, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = src };

	epoll_ctl(loop->epfd, EPOLL_CTL_MOD, src->fd, &ev);
}

/**
 * usim_loop_close() - stop watching a descriptor and close it
 * @loop: the loop
 * @src: a source; nothing happens when its fd is -1
 */
void usim_loop_close(struct usim_loop *loop, struct usim_source *src)
{
	if (src->fd < 0)
		return;
	epoll_ctl(loop->epfd, EPOLL_CTL_DEL, src->fd, NULL);
	close(src->fd);
	src->fd = -1;
}

/**
 * usim_timer_arm() - start a timer, or move its deadline
 * @loop: the loop
 * @timer: timer with its callback filled in
 * @deadline: usim_now() time
 */
void usim_timer_arm(struct usim_loop *loop, struct usim_timer *timer, uint64_t deadline)
{
	timer->deadline = deadline;
	if (timer->prev)
		return;
	timer->next = loop->timers;
	timer->prev = &loop->timers;
	if (loop->timers)
		loop->timers->prev = &timer->next;
	loop->timers = timer;
}

/**
 * usim_timer_cancel() - stop a timer
 * @timer: timer, armed or not
 */
void usim_timer_cancel(struct usim_timer *timer)
{
	if (!timer->prev)
		return;
	*timer->prev = timer->next;
	if (timer->next)
		timer->next->prev = timer->prev;
	timer->prev = NULL;
	timer->next = NULL;
}

/* A callback may arm and cancel any timer, so start over after each. */
static void run_timers(struct usim_loop *loop)
{
	struct usim_timer *timer = loop->timers;

	while (timer) {
		if (timer->deadline > loop->now) {
			timer = timer->next;
			continue;
		}
		usim_timer_cancel(timer);
		timer->expired(timer);
		timer = loop->timers;
	}
}

static bool time_to_wait(const struct usim_loop *loop, bool busy, struct timespec *ts)
{
	const struct usim_timer *timer;
	uint64_t first = UINT64_MAX;
	uint64_t now, wait;

	ts->tv_sec = 0;
	ts->tv_nsec = 0;
	if (busy)
		return true;
	for (timer = loop->timers; timer; timer = timer->next)
		if (timer->deadline < first)
			first = timer->deadline;
	if (first == UINT64_MAX)
		return false;
	now = usim_now();
	wait = first > now ? first - now : 0;
	ts->tv_sec = (time_t)(wait / USIM_NSEC_PER_SEC);
	ts->tv_nsec = (long)(wait % USIM_NSEC_PER_SEC);
	return true;
}

/**
 * usim_loop_run() - run until @stop
 * @loop: the loop
 *
 * Return: 0, or a negative errno when waiting failed.
 */
int usim_loop_run(struct usim_loop *loop)
{
	struct epoll_event ev[LOOP_EVENTS];
	bool busy = false;

	while (!loop->stop) {
		struct timespec ts;
		bool limited;
		int i, n;

		limited = time_to_wait(loop, busy, &ts);
		n = epoll_pwait2(loop->epfd, ev, LOOP_EVENTS, limited ? &ts : NULL, NULL);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		loop->now = usim_now();
		for (i = 0; i < n; i++) {
			struct usim_source *src = ev[i].data.ptr;

			/* Closed by the callback of an earlier event? */
			if (src->fd >= 0)
				src->ready(src, ev[i].events);
		}
		/* Some timers end waiting that only the work can see. */
		run_timers(loop);
		busy = loop->work ? loop->work(loop->work_data) : false;
	}
	return 0;
}
