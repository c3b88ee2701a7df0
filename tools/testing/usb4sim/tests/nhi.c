// SPDX-License-Identifier: GPL-2.0-only
/* A miniature driver for the host interface: interrupts and rings. */
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "nhi.h"

/* The capability with @id, 0 when there is none. */
static unsigned int find_pci_cap(struct vfu *vfu, unsigned int id)
{
	uint8_t at, cap[2];
	int i;

	CHECK_EQ(vfu_read(vfu, VFU_CONFIG, PCI_CAP_PTR, &at, 1), 0);
	for (i = 0; at && i < 48; i++) {
		CHECK_EQ(vfu_read(vfu, VFU_CONFIG, at, cap, 2), 0);
		if (cap[0] == id)
			return at;
		at = cap[1];
	}
	return 0;
}

/**
 * host_open() - connect to a controller and bring its PCI function up
 * @host: Filled in
 * @sim: Simulator
 * @index: SIM_ALPHA or SIM_BETA
 *
 * Shares 16 MiB of memory, enables bus mastering and MSI-X and connects all
 * vectors, in the order in which QEMU does it.
 */
void host_open(struct host *host, struct sim *sim, int index)
{
	struct vfu_irq_set probe = {
		.argsz = sizeof(probe),
		.flags = VFU_IRQ_DATA_EVENTFD | VFU_IRQ_TRIGGER,
		.index = VFU_IRQ_MSIX,
		.count = 1,
	};
	uint16_t command = PCI_CMD_MEM | PCI_CMD_MASTER, control, vendor;
	unsigned int cap;
	uint8_t reply[64];
	int i;

	memset(host, 0, sizeof(*host));
	host->index = index;
	vfu_open(&host->vfu, sim->socket[index]);
	vfu_map_ram(&host->vfu);
	CHECK_EQ(vfu_read(&host->vfu, VFU_CONFIG, PCI_VENDOR, &vendor, 2), 0);
	host->intel = vendor == PCI_ID_INTEL;
	CHECK_EQ(vfu_write(&host->vfu, VFU_CONFIG, PCI_CMD, &command, 2), 0);

	/* QEMU first tries MSI-X with a vector that has no eventfd yet. */
	CHECK_EQ(vfu_call(&host->vfu, VFU_SET_IRQS, &probe, sizeof(probe), -1,
			  reply, sizeof(reply), NULL), 0);
	for (i = 0; i < MSIX_VECTORS; i++)
		host->irq[i] = vfu_irq_attach(&host->vfu, i);
	cap = find_pci_cap(&host->vfu, PCI_CAP_MSIX);
	CHECK_NE(cap, 0);
	CHECK_EQ(vfu_read(&host->vfu, VFU_CONFIG, cap + MSIX_CTRL, &control, 2),
		 0);
	control |= MSIX_CTRL_ENABLE;
	CHECK_EQ(vfu_write(&host->vfu, VFU_CONFIG, cap + MSIX_CTRL, &control, 2),
		 0);
	host->hops = NHI_CAPS_HOPS(host_get(host, NHI_CAPS));
	CHECK_GE(host->hops, 2);
	CHECK_LE(host->hops, 21);
	host_set(host, NHI_MISC, host_get(host, NHI_MISC) |
		 (host->intel ? NHI_MISC_AUTO_CLEAR : NHI_MISC_NO_AUTO_CLEAR));
}

/**
 * host_close() - vanish without a word, as a killed QEMU would
 * @host: Host
 */
void host_close(struct host *host)
{
	vfu_close(&host->vfu);
}

/**
 * host_get() - read a register
 * @host: Host
 * @reg: Offset in BAR 0
 *
 * Return: its value.
 */
uint32_t host_get(struct host *host, uint32_t reg)
{
	return vfu_read32(&host->vfu, VFU_BAR0, reg);
}

/**
 * host_set() - write a register, posted
 * @host: Host
 * @reg: Offset in BAR 0
 * @value: Value
 */
void host_set(struct host *host, uint32_t reg, uint32_t value)
{
	vfu_post32(&host->vfu, VFU_BAR0, reg, value);
}

/**
 * host_sync() - wait until the device has taken all posted writes
 * @host: Host
 */
void host_sync(struct host *host)
{
	host_get(host, NHI_CAPS);
}

/**
 * host_irq_bit() - number of a ring's bit in the interrupt registers
 * @ring: Ring
 *
 * Return: transmit rings come first, then the receive rings.
 */
unsigned int host_irq_bit(const struct ring *ring)
{
	return ring->tx ? ring->hop : ring->host->hops + ring->hop;
}

/**
 * host_irq_route() - choose the vector of an interrupt
 * @host: Host
 * @bit: From host_irq_bit()
 * @vector: MSI-X vector
 */
void host_irq_route(struct host *host, unsigned int bit, int vector)
{
	uint32_t reg = NHI_VECTORS + bit / 8 * 4;
	unsigned int shift = bit % 8 * 4;
	uint32_t value = host_get(host, reg);

	value &= ~(0xfu << shift);
	value |= (uint32_t)vector << shift;
	host_set(host, reg, value);
}

/**
 * host_irq_enable() - unmask an interrupt
 * @host: Host
 * @bit: From host_irq_bit()
 */
void host_irq_enable(struct host *host, unsigned int bit)
{
	uint32_t reg = NHI_INT_ENABLE + bit / 32 * 4;

	host_set(host, reg, host_get(host, reg) | BIT32(bit % 32));
}

/**
 * host_irq_disable() - mask an interrupt the way the profile's driver does
 * @host: Host
 * @bit: From host_irq_bit()
 */
void host_irq_disable(struct host *host, unsigned int bit)
{
	uint32_t reg = NHI_INT_ENABLE + bit / 32 * 4;

	if (host->intel)
		host_set(host, reg, host_get(host, reg) & ~BIT32(bit % 32));
	else
		host_set(host, NHI_INT_MASK_CLEAR + bit / 32 * 4,
			 BIT32(bit % 32));
}

/**
 * host_irq_status() - is an interrupt pending
 * @host: Host
 * @bit: From host_irq_bit()
 *
 * Reading clears the whole register unless auto-clear has been switched off.
 *
 * Return: 0 or 1.
 */
uint32_t host_irq_status(struct host *host, unsigned int bit)
{
	uint32_t value = host_get(host, NHI_INT_STATUS + bit / 32 * 4);

	return value >> (bit % 32) & 1;
}

/**
 * host_irq_clear() - clear a pending interrupt explicitly
 * @host: Host
 * @bit: From host_irq_bit()
 */
void host_irq_clear(struct host *host, unsigned int bit)
{
	host_set(host, NHI_INT_CLEAR + bit / 32 * 4, BIT32(bit % 32));
}

/**
 * ring_init() - allocate a ring with a buffer per descriptor
 * @ring: Filled in with what the stream driver uses: frame mode, end-to-end
 *	  flow control, credits returned by the transmit ring of the same
 *	  number, start PDF 1, end PDFs 2 and 3; change it before ring_start()
 * @host: Host
 * @tx: Transmit ring
 * @hop: Ring number
 * @size: Descriptors
 */
void ring_init(struct ring *ring, struct host *host, bool tx, unsigned int hop,
	       unsigned int size)
{
	unsigned int i;

	CHECK_LE(size, RING_MAX_SIZE);
	memset(ring, 0, sizeof(*ring));
	ring->host = host;
	ring->tx = tx;
	ring->hop = hop;
	ring->size = size;
	ring->e2e = true;
	ring->e2e_hop = hop;
	ring->sof = BIT32(PDF_START);
	ring->eof = BIT32(PDF_DATA) | BIT32(PDF_CLOSE);
	ring->vector = -1;
	ring->buf_size = FRAME_MAX;
	ring->desc = vfu_alloc(&host->vfu, size * sizeof(*ring->desc), 64,
			       &ring->desc_addr);
	for (i = 0; i < size; i++)
		ring->buf[i] = vfu_alloc(&host->vfu, ring->buf_size, 64,
					 &ring->buf_addr[i]);
}

static uint32_t ring_reg(const struct ring *ring, uint32_t offset)
{
	return (ring->tx ? NHI_TX_RING(ring->hop) : NHI_RX_RING(ring->hop)) +
	       offset;
}

static uint32_t ring_options(const struct ring *ring)
{
	return ring->tx ? NHI_TX_OPTIONS(ring->hop) : NHI_RX_OPTIONS(ring->hop);
}

/**
 * ring_start() - let the device use the ring
 * @ring: Stopped ring
 *
 * Writes the registers in the order of the kernel: the end-to-end bit comes
 * in a second write, after the valid bit.
 */
void ring_start(struct ring *ring)
{
	struct host *host = ring->host;
	uint32_t options = NHI_OPT_VALID | (ring->raw ? NHI_OPT_RAW : 0);
	uint32_t size = ring->size;

	memset(ring->desc, 0, ring->size * sizeof(*ring->desc));
	ring->head = 0;
	ring->tail = 0;
	host_set(host, ring_reg(ring, NHI_RING_BASE_LO),
		 (uint32_t)ring->desc_addr);
	host_set(host, ring_reg(ring, NHI_RING_BASE_HI),
		 (uint32_t)(ring->desc_addr >> 32));
	if (!ring->tx && ring->raw)
		size |= 256u << 16;
	host_set(host, ring_reg(ring, NHI_RING_SIZE), size);
	if (ring->tx)
		host_set(host, ring_options(ring) + 4, 0);
	else
		host_set(host, NHI_RX_PDF_MASKS(ring->hop),
			 (uint32_t)ring->sof << 16 | ring->eof);
	host_set(host, ring_options(ring), options);
	if (ring->e2e) {
		options |= NHI_OPT_E2E;
		if (!ring->tx)
			options |= NHI_OPT_E2E_HOP(ring->e2e_hop);
		host_set(host, ring_options(ring), options);
	}
	if (ring->vector >= 0) {
		host_irq_route(host, host_irq_bit(ring), ring->vector);
		host_irq_enable(host, host_irq_bit(ring));
	}
}

/**
 * ring_stop() - take the ring away from the device
 * @ring: Started ring
 */
void ring_stop(struct ring *ring)
{
	struct host *host = ring->host;

	if (ring->vector >= 0) {
		host_irq_route(host, host_irq_bit(ring), 0);
		host_irq_disable(host, host_irq_bit(ring));
	}
	host_set(host, ring_options(ring), 0);
	host_set(host, ring_reg(ring, NHI_RING_BASE_LO), 0);
	host_set(host, ring_reg(ring, NHI_RING_BASE_HI), 0);
	host_set(host, ring_reg(ring, NHI_RING_INDEX), 0);
	host_set(host, ring_reg(ring, NHI_RING_SIZE), 0);
	host_sync(host);
	ring->head = 0;
	ring->tail = 0;
}

/**
 * ring_room() - how many more descriptors can be filled
 * @ring: Ring
 *
 * Return: their number.
 */
unsigned int ring_room(const struct ring *ring)
{
	return (ring->tail + ring->size - ring->head - 1) % ring->size;
}

/**
 * ring_doorbell() - tell the device what we have filled
 * @ring: Ring
 */
void ring_doorbell(struct ring *ring)
{
	uint32_t index = ring->tx ? ring->head << 16 : ring->head;

	if (ring->mapped)
		__atomic_store_n(&ring->mapped[NHI_RING_INDEX / 4], index, __ATOMIC_RELEASE);
	else
		host_set(ring->host, ring_reg(ring, NHI_RING_INDEX), index);
}

static uint32_t desc_info(const struct ring *ring, unsigned int index)
{
	return __atomic_load_n(&ring->desc[index].info, __ATOMIC_ACQUIRE);
}

static void fill_desc(struct ring *ring, uint32_t info)
{
	struct nhi_desc *desc = &ring->desc[ring->head];

	if (!ring_room(ring))
		FAIL("%s ring %u: expected a free descriptor of %u, actual none",
		     ring->tx ? "TX" : "RX", ring->hop, ring->size);
	desc->addr = ring->buf_addr[ring->head];
	desc->time = 0;
	info |= (DESC_POSTED | DESC_INTERRUPT) << 20;
	__atomic_store_n(&desc->info, info, __ATOMIC_RELEASE);
	ring->head = (ring->head + 1) % ring->size;
}

/**
 * ring_queue() - fill a transmit descriptor without telling the device
 * @ring: Transmit ring
 * @data: Frame
 * @len: Bytes, 1..4096
 * @sof: Start PDF
 * @eof: End PDF
 */
void ring_queue(struct ring *ring, const void *data, unsigned int len,
		unsigned int sof, unsigned int eof)
{
	CHECK_LE(len, FRAME_MAX);
	memcpy(ring->buf[ring->head], data, len);
	fill_desc(ring, (len & 0xfff) | eof << 12 | sof << 16);
}

/**
 * ring_send() - transmit a frame
 * @ring: Transmit ring
 * @data: Frame
 * @len: Bytes, 1..4096
 * @sof: Start PDF
 * @eof: End PDF
 */
void ring_send(struct ring *ring, const void *data, unsigned int len,
	       unsigned int sof, unsigned int eof)
{
	ring_queue(ring, data, len, sof, eof);
	ring_doorbell(ring);
}

/**
 * ring_reap() - take back completed transmit descriptors
 * @ring: Transmit ring
 *
 * Return: how many there were.
 */
unsigned int ring_reap(struct ring *ring)
{
	unsigned int count = 0;

	while (ring->tail != ring->head &&
	       (DESC_FLAGS(desc_info(ring, ring->tail)) & DESC_COMPLETED)) {
		ring->tail = (ring->tail + 1) % ring->size;
		count++;
	}
	return count;
}

static bool ring_is_drained(struct ring *ring)
{
	ring_reap(ring);
	return ring->tail == ring->head;
}

/**
 * ring_drain() - wait until all transmit descriptors are completed
 * @ring: Transmit ring
 */
void ring_drain(struct ring *ring)
{
	CHECK_BECOMES(ring_is_drained(ring));
}

/**
 * ring_post() - give receive buffers to the device
 * @ring: Receive ring
 * @count: How many
 */
void ring_post(struct ring *ring, unsigned int count)
{
	while (count--) {
		fill_desc(ring, 0);
		ring_doorbell(ring);
	}
}

/**
 * ring_has_frame() - has a frame been received
 * @ring: Receive ring
 *
 * Return: true when ring_recv() would not wait.
 */
bool ring_has_frame(const struct ring *ring)
{
	return ring->tail != ring->head &&
	       (DESC_FLAGS(desc_info(ring, ring->tail)) & DESC_COMPLETED);
}

/**
 * ring_recv() - wait for a frame and take it
 * @ring: Receive ring
 * @frame: Filled in
 */
void ring_recv(struct ring *ring, struct frame *frame)
{
	uint32_t info;

	if (!BECOMES_IN(ring_has_frame(ring), WAIT_MS))
		FAIL("RX ring %u of host %d: expected a frame within %d ms, actual none (index %u)",
		     ring->hop, ring->host->index, WAIT_MS, ring->tail);
	info = desc_info(ring, ring->tail);
	frame->data = ring->buf[ring->tail];
	frame->len = DESC_LEN(info) ? DESC_LEN(info) : FRAME_MAX;
	frame->sof = DESC_SOF(info);
	frame->eof = DESC_EOF(info);
	frame->flags = DESC_FLAGS(info);
	ring->tail = (ring->tail + 1) % ring->size;
}
