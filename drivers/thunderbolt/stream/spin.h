/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long a reader polls before it sleeps. Pure: no hardware, no locks.
 *
 * Falling asleep and being woken costs more than a fast peer takes to answer. So who
 * has just written a little and now reads polls for about as long as the answer took
 * last time, if that was not long.
 */

#ifndef TBSTREAM_SPIN_H
#define TBSTREAM_SPIN_H

#include <linux/types.h>

/* An answer that takes longer is not polled for, in ns */
#define TBSTREAM_SPIN_MAX	500000
/* More frames written in between are not a question but a flow of data */
#define TBSTREAM_SPIN_FRAMES	16

/**
 * struct tbstream_spin - What was learned from past waits
 * @budget: How long to poll before sleeping, in ns; 0 = not at all
 */
struct tbstream_spin {
	u32 budget;
};

/**
 * tbstream_spin_learn() - A wait for an answer is over
 * @spin: What was learned so far
 * @waited: How long it took, polling and sleeping, in ns
 *
 * Twice that time is polled next. One wait that was too long ends it: an idle
 * stream polls once and not again.
 */
static inline void tbstream_spin_learn(struct tbstream_spin *spin, u64 waited)
{
	if (waited > TBSTREAM_SPIN_MAX)
		spin->budget = 0;
	else if (2 * waited > TBSTREAM_SPIN_MAX)
		spin->budget = TBSTREAM_SPIN_MAX;
	else
		spin->budget = 2 * waited;
}

#endif /* TBSTREAM_SPIN_H */
