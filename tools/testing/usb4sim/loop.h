/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - event loop: file descriptors and timers
 *
 * One thread, nothing in it ever blocks: a guest whose server stalls for
 * longer than QEMU's message timeout loses its device for good.
 */

#ifndef USIM_LOOP_H
#define USIM_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct usim_source - a file descriptor the loop watches
 * @fd: the descriptor, -1 while the source is not in use
 * @ready: called with the epoll events
 *
 * Sources live as long as the simulation: an event that was already
 * fetched for a closed source must find memory, and @fd of -1, there.
 */
struct usim_source {
	int fd;
	void (*ready)(struct usim_source *src, uint32_t events);
};

/**
 * struct usim_timer - a deadline
 * @next: next armed timer
 * @prev: what points to this timer, NULL while not armed
 * @deadline: usim_now() time at which @expired is called
 * @expired: called once per arming
 */
struct usim_timer {
	struct usim_timer *next;
	struct usim_timer **prev;
	uint64_t deadline;
	void (*expired)(struct usim_timer *timer);
};

/**
 * struct usim_loop - the event loop
 * @epfd: epoll descriptor
 * @stop: leave usim_loop_run()
 * @now: usim_now() at the last wake-up
 * @timers: armed timers, in no order; there are few
 * @work: called after each round of events; true if it wants to be
 *	  called again without waiting
 * @work_data: argument of @work
 */
struct usim_loop {
	int epfd;
	bool stop;
	uint64_t now;
	struct usim_timer *timers;
	bool (*work)(void *data);
	void *work_data;
};

int usim_loop_init(struct usim_loop *loop);
void usim_loop_exit(struct usim_loop *loop);
int usim_loop_add(struct usim_loop *loop, struct usim_source *src, uint32_t events);
void usim_loop_modify(struct usim_loop *loop, struct usim_source *src, uint32_t events);
void usim_loop_close(struct usim_loop *loop, struct usim_source *src);
void usim_timer_arm(struct usim_loop *loop, struct usim_timer *timer, uint64_t deadline);
void usim_timer_cancel(struct usim_timer *timer);
int usim_loop_run(struct usim_loop *loop);

static inline bool usim_timer_armed(const struct usim_timer *timer)
{
	return timer->prev;
}

#endif
