/* SPDX-License-Identifier: GPL-2.0-only */
/* A miniature driver for the host interface: interrupts and rings. */
#ifndef USIM_TEST_NHI_H
#define USIM_TEST_NHI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "regs.h"
#include "sim.h"
#include "vfu.h"

#define RING_MAX_SIZE	1024
#define FRAME_MAX	4096
#define PACKET_DWORDS	64
#define INBOX_SIZE	64
#define EVENTS_MAX	64

/* Frame PDFs of the stream protocol */
#define PDF_START	1
#define PDF_DATA	2
#define PDF_CLOSE	3

struct host;

/**
 * struct ring - a transmit or receive ring
 * @host: Whose ring
 * @tx: Transmit ring
 * @hop: Ring number
 * @size: Descriptors; one of them always stays unused
 * @raw: Raw mode, as the control ring
 * @e2e: End-to-end flow control
 * @e2e_hop: RX: transmit ring that returns the credits
 * @sof: RX: mask of start PDFs
 * @eof: RX: mask of end PDFs
 * @vector: MSI-X vector, -1 for no interrupts
 * @desc: Descriptors
 * @desc_addr: Their bus address
 * @buf: A buffer per descriptor
 * @buf_addr: Their bus addresses
 * @buf_size: Bytes in each
 * @head: Next descriptor that we fill
 * @tail: Next descriptor that the device completes
 * @mapped: Its registers in memory shared with the simulator, or NULL
 */
struct ring {
	struct host *host;
	bool tx;
	unsigned int hop;
	unsigned int size;
	bool raw;
	bool e2e;
	unsigned int e2e_hop;
	uint16_t sof;
	uint16_t eof;
	int vector;
	struct nhi_desc *desc;
	uint64_t desc_addr;
	uint8_t *buf[RING_MAX_SIZE];
	uint64_t buf_addr[RING_MAX_SIZE];
	size_t buf_size;
	unsigned int head;
	unsigned int tail;
	uint32_t *mapped;
};

/**
 * struct frame - a received frame
 * @data: In the ring's buffer, valid until that is posted again
 * @len: Bytes, 1..4096
 * @sof: Start PDF
 * @eof: End PDF
 * @flags: DESC_*
 */
struct frame {
	uint8_t *data;
	unsigned int len;
	unsigned int sof;
	unsigned int eof;
	unsigned int flags;
};

/**
 * struct packet - a control packet without its checksum, in CPU byte order
 * @pdf: Packet type
 * @count: Number of dwords
 * @dw: The dwords
 */
struct packet {
	unsigned int pdf;
	unsigned int count;
	uint32_t dw[PACKET_DWORDS];
};

/**
 * struct plug_event - a received hotplug event
 * @route: Router where it happened
 * @adapter: Adapter where it happened
 * @unplug: Unplug rather than plug
 */
struct plug_event {
	uint32_t route;
	unsigned int adapter;
	bool unplug;
};

/**
 * struct host - one end of the cable
 * @vfu: Connection to the simulator
 * @index: SIM_ALPHA or SIM_BETA
 * @intel: Auto-clearing interrupts
 * @hops: Number of rings
 * @irq: An eventfd per vector
 * @ctl_tx: Control transmit ring
 * @ctl_rx: Control receive ring
 * @seq: Of the next configuration request
 * @lane: Lane 0 adapter
 * @nhi: Host interface adapter
 * @max_adapter: Highest adapter number
 * @ignore_events: Do not acknowledge hotplug events, record also those sent again
 * @inbox: Packets that nobody has asked for yet
 * @inbox_count: How many
 * @events: Hotplug events in the order of their arrival, see ctl_poll()
 * @events_count: How many
 */
struct host {
	struct vfu vfu;
	int index;
	bool intel;
	unsigned int hops;
	int irq[MSIX_VECTORS];
	struct ring ctl_tx;
	struct ring ctl_rx;
	unsigned int seq;
	unsigned int lane;
	unsigned int nhi;
	unsigned int max_adapter;
	bool ignore_events;
	struct packet inbox[INBOX_SIZE];
	unsigned int inbox_count;
	struct plug_event events[EVENTS_MAX];
	unsigned int events_count;
};

void host_open(struct host *host, struct sim *sim, int index);
void host_close(struct host *host);
uint32_t host_get(struct host *host, uint32_t reg);
void host_set(struct host *host, uint32_t reg, uint32_t value);
void host_sync(struct host *host);
unsigned int host_irq_bit(const struct ring *ring);
void host_irq_route(struct host *host, unsigned int bit, int vector);
void host_irq_enable(struct host *host, unsigned int bit);
void host_irq_disable(struct host *host, unsigned int bit);
uint32_t host_irq_status(struct host *host, unsigned int bit);
void host_irq_clear(struct host *host, unsigned int bit);

void ring_init(struct ring *ring, struct host *host, bool tx, unsigned int hop,
	       unsigned int size);
void ring_start(struct ring *ring);
void ring_stop(struct ring *ring);
unsigned int ring_room(const struct ring *ring);
void ring_doorbell(struct ring *ring);
void ring_queue(struct ring *ring, const void *data, unsigned int len,
		unsigned int sof, unsigned int eof);
void ring_send(struct ring *ring, const void *data, unsigned int len,
	       unsigned int sof, unsigned int eof);
unsigned int ring_reap(struct ring *ring);
void ring_drain(struct ring *ring);
void ring_post(struct ring *ring, unsigned int count);
bool ring_has_frame(const struct ring *ring);
void ring_recv(struct ring *ring, struct frame *frame);

#endif
