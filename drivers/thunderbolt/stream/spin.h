/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long a reader polls before it sleeps. Pure: no hardware, no locks.
 *
 * Falling asleep and being woken costs more than a fast peer takes to answer. So who
 * has just written a little and now reads polls for about as long as answers took
 * lately, until a little of it has come. It does so if that was not long: not
 * longer than TBSTREAM_SPIN_MIN, or, where being woken takes long itself, as in a
 * virtual machine or from a deep idle state, than a few times that. There both ends
 * would else keep each other asleep: an answer takes so long because the other one
 * has to be woken for it.
 */

#ifndef TBSTREAM_SPIN_H
#define TBSTREAM_SPIN_H

#include <linux/minmax.h>
#include <linux/types.h>

/* An answer that takes so long is polled for on every machine, in ns */
#define TBSTREAM_SPIN_MIN	500000
/* One that takes longer than so many times a wake-up is polled for on none */
#define TBSTREAM_SPIN_WAKES	4
/* What a wake-up is taken to cost at most, in ns */
#define TBSTREAM_SPIN_WAKE_MAX	1000000
/* More frames than these are not a question, or an answer, but a flow of data */
#define TBSTREAM_SPIN_FRAMES	16

/**
 * struct tbstream_spin - What was learned from past waits
 * @budget: How long to poll before sleeping, in ns; 0 = not at all
 * @wake: What being woken costs lately, in ns
 * @sent: Frames written when a reader waited last, free running
 * @received: Frames that had arrived when it waited first after the last was written
 * @asked: What was written last was a question
 * @fresh: Nothing of an answer had come when the present wait began
 */
struct tbstream_spin {
	u32 budget;
	u32 wake;
	u32 sent;
	u32 received;
	bool asked;
	bool fresh;
};

/**
 * tbstream_spin_begin() - A reader is going to wait
 * @spin: What was learned so far
 * @sent: Frames written so far, free running
 * @received: Frames that have arrived so far, free running
 *
 * Return: how long to poll first, in ns.
 */
static inline u32 tbstream_spin_begin(struct tbstream_spin *spin, u32 sent, u32 received)
{
	const u32 question = sent - spin->sent;

	if (question) {
		spin->sent = sent;
		spin->received = received;
		spin->asked = question <= TBSTREAM_SPIN_FRAMES;
	}
	spin->fresh = question && spin->asked;
	if (!spin->asked || received - spin->received >= TBSTREAM_SPIN_FRAMES)
		return 0;
	return spin->budget;
}

/**
 * tbstream_spin_woken() - A reader has been woken by an interrupt
 * @spin: What was learned so far
 * @took: Time from the interrupt until the reader ran, in ns
 *
 * A slow one counts at once, and is forgotten slowly.
 */
static inline void tbstream_spin_woken(struct tbstream_spin *spin, u32 took)
{
	took = min(took, TBSTREAM_SPIN_WAKE_MAX);
	spin->wake = max(took, spin->wake - spin->wake / 8);
}

/**
 * tbstream_spin_learn() - A wait that tbstream_spin_begin() began is over
 * @spin: What was learned so far
 * @waited: How long it took, polling and sleeping, in ns
 *
 * If it was for an answer, twice that time is polled next, or nearly as long as before:
 * one answer that was quick, or there already, does not make the next one quick. One
 * that was too long ends it. How far apart the frames of an answer are says nothing
 * about that.
 */
static inline void tbstream_spin_learn(struct tbstream_spin *spin, u64 waited)
{
	const u32 most = max(TBSTREAM_SPIN_WAKES * spin->wake, TBSTREAM_SPIN_MIN);

	if (!spin->fresh)
		return;
	if (waited > most)
		spin->budget = 0;
	else
		spin->budget = min(max(2 * (u32)waited, spin->budget - spin->budget / 8), most);
}

#endif /* TBSTREAM_SPIN_H */
