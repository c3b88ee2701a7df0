// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - ring registers in memory that the guest writes without us
 *
 * A doorbell that is trapped costs the guest several microseconds, far more than on
 * hardware. With the option "doorbells=mapped" the two pages with the registers of the
 * rings are ordinary memory, shared with the virtual machine. Nobody tells us when
 * it is written, so we look, now and then: that makes bulk transfers fast and messages
 * late. Options, interrupt and all other registers stay trapped, so a ring is
 * started and stopped at a definite moment.
 *
 * What cannot be seen this way: a doorbell that is overwritten before we look,
 * registers of a stopped ring that are written, and who wrote first.
 */

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "doorbell.h"
#include "host.h"
#include "usim.h"
#include "util.h"

/*
 * While a guest moves data; at 4 KiB a frame and the 256 frames of a batch this lets
 * pass 5 GB/s. Looking more often takes the processors away from the guests.
 */
#define POLL_BUSY	(200 * USIM_NSEC_PER_USEC)
#define POLL_IDLE	(2 * USIM_NSEC_PER_MSEC)

/* Who rang is expected to ring again for so long */
#define BUSY_TIME	(20 * USIM_NSEC_PER_MSEC)

/** usim_doorbell_area - where in the register space the pages are */
const uint32_t usim_doorbell_area[USIM_DOORBELL_AREAS] = {
	0x0000,		/* transmit rings */
	0x8000,		/* receive rings */
};

/**
 * usim_doorbell_init() - make the pages of a host
 * @host: the host, with its rings
 *
 * Return: false if that is impossible; nothing is left then.
 */
bool usim_doorbell_init(struct usim_host *host)
{
	struct usim_doorbell *doorbell = &host->doorbell;
	unsigned int i;

	doorbell->fd = -1;
	if (!host->config.mapped_doorbells)
		return true;
	doorbell->fd = memfd_create("usb4sim-doorbells", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	/* Sealed, so that nobody can take the memory away again. */
	if (doorbell->fd < 0 || ftruncate(doorbell->fd, USIM_PCI_BAR0_SIZE) ||
	    fcntl(doorbell->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		goto err_exit;
	for (i = 0; i < USIM_DOORBELL_AREAS; i++) {
		void *page = mmap(NULL, USIM_DOORBELL_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
				  doorbell->fd, usim_doorbell_area[i]);

		if (page == MAP_FAILED)
			goto err_exit;
		doorbell->page[i] = page;
	}
	for (i = 0; i < host->nhi.hops; i++) {
		host->nhi.tx[i].mapped = doorbell->page[0] + i * USIM_RING_REGISTERS;
		host->nhi.rx[i].mapped = doorbell->page[1] + i * USIM_RING_REGISTERS;
	}
	return true;

err_exit:
	usim_doorbell_exit(host);
	return false;
}

/**
 * usim_doorbell_exit() - release the pages of a host
 * @host: the host
 */
void usim_doorbell_exit(struct usim_host *host)
{
	struct usim_doorbell *doorbell = &host->doorbell;
	unsigned int i;

	for (i = 0; i < USIM_DOORBELL_AREAS; i++) {
		if (doorbell->page[i])
			munmap(doorbell->page[i], USIM_DOORBELL_PAGE);
		doorbell->page[i] = NULL;
	}
	for (i = 0; i < host->nhi.hops; i++) {
		host->nhi.tx[i].mapped = NULL;
		host->nhi.rx[i].mapped = NULL;
	}
	if (doorbell->fd >= 0)
		close(doorbell->fd);
	doorbell->fd = -1;
}

/**
 * usim_doorbell_reset() - back to the state after power-on
 * @host: the host
 */
void usim_doorbell_reset(struct usim_host *host)
{
	unsigned int i;

	for (i = 0; i < USIM_DOORBELL_AREAS; i++)
		if (host->doorbell.page[i])
			memset(host->doorbell.page[i], 0, USIM_DOORBELL_PAGE);
}

/* Returns true if the guest has rung. */
static bool poll_host(struct usim_host *host, bool *watched)
{
	bool rang = false;
	unsigned int i;

	for (i = 0; i < host->nhi.hops; i++) {
		rang |= usim_ring_poll(&host->nhi.tx[i]);
		rang |= usim_ring_poll(&host->nhi.rx[i]);
		*watched |= host->nhi.tx[i].enabled || host->nhi.rx[i].enabled;
	}
	return rang;
}

/**
 * usim_doorbell_poll() - look at the doorbells of all hosts
 * @sim: the simulation
 *
 * Arms the timer for the next look if a ring is enabled.
 */
void usim_doorbell_poll(struct usim *sim)
{
	uint64_t now = sim->loop.now;
	bool watched = false, busy = false;
	unsigned int i;

	for (i = 0; i < sim->nhosts; i++) {
		struct usim_host *host = sim->host[i];

		if (host->doorbell.fd < 0 || !usim_host_running(host))
			continue;
		if (poll_host(host, &watched))
			host->doorbell.busy = now + BUSY_TIME;
		busy |= now < host->doorbell.busy;
	}
	if (watched)
		usim_timer_arm(&sim->loop, &sim->doorbell_timer,
			       now + (busy ? POLL_BUSY : POLL_IDLE));
}
