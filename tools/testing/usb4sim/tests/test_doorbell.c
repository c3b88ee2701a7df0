// SPDX-License-Identifier: GPL-2.0-only
/* Doorbells in memory: the guest writes ring registers and no message is sent. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl.h"
#include "harness.h"
#include "stream.h"

#define RING		1
#define AREAS		2
#define PAGE		4096

/* What REGION_INFO of the registers answers when there is room for it */
struct sparse {
	struct vfu_region region;
	uint16_t id;
	uint16_t version;
	uint32_t next;
	uint32_t areas;
	uint32_t reserved;
	uint64_t area[AREAS][2];
};

static struct sim sim;
static struct host host[SIM_HOSTS];
static struct stream end[SIM_HOSTS];
static struct stream *const a = &end[SIM_ALPHA];
static struct stream *const b = &end[SIM_BETA];

static const struct sim_config mapped = { .options = ",doorbells=mapped" };

static size_t ask(struct vfu *vfu, uint32_t room, struct sparse *sparse)
{
	struct vfu_region info = { .argsz = room, .index = VFU_BAR0 };
	size_t len;

	memset(sparse, 0, sizeof(*sparse));
	CHECK_EQ(vfu_call(vfu, VFU_REGION_INFO, &info, sizeof(info), -1, sparse,
			  sizeof(*sparse), &len), 0);
	return len;
}

/* Asks for everything and takes the file that comes with the reply. */
static int ask_for_file(struct vfu *vfu, struct sparse *sparse)
{
	struct vfu_region info = { .argsz = sizeof(*sparse), .index = VFU_BAR0 };
	struct {
		struct vfu_header header;
		struct sparse sparse;
	} reply;
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = &reply, .iov_len = sizeof(reply) };
	struct msghdr hdr = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf, .msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg;
	int fd;

	vfu_send(vfu, VFU_REGION_INFO, 0, &info, sizeof(info), -1);
	CHECK_EQ(recvmsg(vfu->fd, &hdr, MSG_WAITALL | MSG_CMSG_CLOEXEC), sizeof(reply));
	*sparse = reply.sparse;
	cmsg = CMSG_FIRSTHDR(&hdr);
	CHECK(cmsg);
	CHECK_EQ(cmsg->cmsg_type, SCM_RIGHTS);
	CHECK_EQ(cmsg->cmsg_len, CMSG_LEN(sizeof(int)));
	CHECK(!CMSG_NXTHDR(&hdr, cmsg));
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}

/* From now on the test writes the ring's registers as a virtual machine would. */
static void map_registers(struct ring *ring)
{
	struct sparse sparse;
	int fd = ask_for_file(&ring->host->vfu, &sparse);
	uint8_t *page;

	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    (off_t)sparse.area[ring->tx ? 0 : 1][0]);
	CHECK(page != MAP_FAILED);
	close(fd);
	ring->mapped = (uint32_t *)(page + 16 * ring->hop);
}

static void queue(struct ring *ring, unsigned int seed, unsigned int len)
{
	uint8_t data[FRAME_MAX];

	stream_fill(data, seed, len);
	ring_queue(ring, data, len, PDF_START, PDF_DATA);
}

static long messages(const char *name)
{
	json_object *stats = sim_command(&sim, "stats"), *hosts, *entry, *count;
	long val;

	CHECK(json_object_object_get_ex(stats, "hosts", &hosts));
	CHECK(json_object_object_get_ex(hosts, name, &entry));
	CHECK(json_object_object_get_ex(entry, "messages", &count));
	val = (long)json_object_get_int64(count);
	json_object_put(stats);
	return val;
}

static void both_start(unsigned int size)
{
	pair_start(host, &sim, &mapped);
	streams_start(end, host, RING, size);
}

static void both_stop(void)
{
	streams_stop(end);
	host_close(&host[SIM_ALPHA]);
	host_close(&host[SIM_BETA]);
}

/* A ring that broke a rule holds frames that the end of the test takes away. */
static void both_abandon(void)
{
	sim.violations_expected = true;
	host_close(&host[SIM_ALPHA]);
	host_close(&host[SIM_BETA]);
}

TEST(trapped, "no register can be mapped unless the simulator is told to")
{
	struct sparse sparse;
	struct vfu vfu;

	sim_start(&sim, NULL);
	vfu_open(&vfu, sim.socket[SIM_ALPHA]);
	CHECK_EQ(ask(&vfu, sizeof(sparse), &sparse), sizeof(sparse.region));
	CHECK_EQ(sparse.region.flags, 3);
	CHECK_EQ(sparse.region.cap_offset, 0);
	vfu_close(&vfu);
}

TEST(short_reply, "who has no room for the areas learns how much is needed")
{
	struct sparse sparse;
	struct vfu vfu;

	sim_start(&sim, &mapped);
	vfu_open(&vfu, sim.socket[SIM_ALPHA]);
	CHECK_EQ(ask(&vfu, sizeof(sparse.region), &sparse), sizeof(sparse.region));
	CHECK_EQ(sparse.region.argsz, 80);
	CHECK_EQ(sparse.region.flags, 0xf);
	CHECK_EQ(sparse.region.cap_offset, 32);
	CHECK_EQ(sparse.region.size, NHI_BAR0_SIZE);
	vfu_close(&vfu);
}

TEST(areas, "the pages of the ring registers can be mapped, and no others")
{
	struct sparse sparse;
	struct vfu vfu;
	int fd;

	sim_start(&sim, &mapped);
	vfu_open(&vfu, sim.socket[SIM_ALPHA]);
	fd = ask_for_file(&vfu, &sparse);
	CHECK_EQ(sizeof(sparse), 80);
	CHECK_EQ(sparse.id, 1);
	CHECK_EQ(sparse.version, 1);
	CHECK_EQ(sparse.next, 0);
	CHECK_EQ(sparse.areas, AREAS);
	CHECK_EQ(sparse.area[0][0], NHI_TX_RING(0));
	CHECK_EQ(sparse.area[0][1], PAGE);
	CHECK_EQ(sparse.area[1][0], NHI_RX_RING(0));
	CHECK_EQ(sparse.area[1][1], PAGE);
	CHECK_EQ(lseek(fd, 0, SEEK_END), NHI_BAR0_SIZE);
	close(fd);
	vfu_close(&vfu);
}

TEST(sealed, "a virtual machine cannot take the memory away from the simulator")
{
	struct sparse sparse;
	struct vfu vfu;
	int fd;

	sim_start(&sim, &mapped);
	vfu_open(&vfu, sim.socket[SIM_ALPHA]);
	fd = ask_for_file(&vfu, &sparse);
	CHECK_EQ(ftruncate(fd, 0), -1);
	CHECK_EQ(errno, EPERM);
	CHECK_EQ(vfu_read32(&vfu, VFU_BAR0, NHI_TX_RING(RING)), 0);
	close(fd);
	vfu_close(&vfu);
}

TEST(no_message, "frames move both ways without a message about a doorbell")
{
	long before[SIM_HOSTS];
	unsigned int i, n;

	both_start(16);
	for (i = 0; i < SIM_HOSTS; i++) {
		map_registers(&end[i].tx);
		map_registers(&end[i].rx);
	}
	before[SIM_ALPHA] = messages("alpha");
	before[SIM_BETA] = messages("beta");
	for (n = 0; n < 100; n++) {
		for (i = 0; i < SIM_HOSTS; i++)
			stream_send(&end[i], n + i, 1 + n * 40);
		for (i = 0; i < SIM_HOSTS; i++)
			stream_expect(&end[i], n + !i, 1 + n * 40);
	}
	CHECK_EQ(messages("alpha"), before[SIM_ALPHA]);
	CHECK_EQ(messages("beta"), before[SIM_BETA]);
	both_stop();
}

TEST(many_at_once, "one doorbell for many frames moves them all, in order")
{
	unsigned int i;

	both_start(64);
	map_registers(&a->tx);
	for (i = 0; i < 60; i++)
		queue(&a->tx, i, 4096);
	ring_doorbell(&a->tx);
	for (i = 0; i < 60; i++)
		stream_expect(b, i, 4096);
	ring_drain(&a->tx);
	both_stop();
}

TEST(again, "a ring that is stopped and started anew begins at its first descriptor")
{
	unsigned int i, n;

	pair_start(host, &sim, &mapped);
	for (n = 0; n < 3; n++) {
		streams_start(end, host, RING, 8);
		for (i = 0; i < 5; i++) {
			stream_send(a, i, 100);
			stream_expect(b, i, 100);
		}
		ring_drain(&a->tx);
		streams_stop(end);
	}
	host_close(&host[SIM_ALPHA]);
	host_close(&host[SIM_BETA]);
}

TEST(range, "an index beyond the ring is reported once and moves nothing")
{
	static const char rule[] = "doorbell-out-of-range";

	both_start(16);
	map_registers(&a->tx);
	a->tx.mapped[NHI_RING_INDEX / 4] = 16u << 16;
	CHECK_BECOMES(sim_violations(&sim, rule) == 1);
	CHECK_STAYS_FALSE(ring_has_frame(&b->rx));
	CHECK_EQ(sim_violations(&sim, rule), 1);
	both_abandon();
}

TEST(rebased, "a ring whose base is changed while it runs is reported and not read")
{
	both_start(16);
	map_registers(&a->tx);
	a->tx.mapped[NHI_RING_BASE_LO / 4] += 4096;
	stream_send(a, 1, 100);
	CHECK_BECOMES(sim_violations(&sim, "ring-reprogrammed-while-enabled") == 1);
	CHECK_STAYS_FALSE(ring_has_frame(&b->rx));
	both_abandon();
}

TEST(reset, "after a reset the registers are zero")
{
	struct host *alpha = &host[SIM_ALPHA];

	both_start(16);
	map_registers(&a->tx);
	CHECK_NE(a->tx.mapped[NHI_RING_BASE_LO / 4], 0);
	CHECK_EQ(vfu_call(&alpha->vfu, VFU_RESET, NULL, 0, -1, NULL, 0, NULL), 0);
	CHECK_EQ(a->tx.mapped[NHI_RING_BASE_LO / 4], 0);
	CHECK_EQ(a->tx.mapped[NHI_RING_SIZE / 4], 0);
	both_abandon();
}
