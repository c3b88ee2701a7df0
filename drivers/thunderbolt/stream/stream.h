/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private structures of the USB4 stream driver.
 *
 * A *stream* is what a user makes with mkdir: a name, its HopIDs, a character
 * device. A *peer* is the other host's "stream" service that our service driver
 * is bound to. Between a stream and its peer, and while somebody has the device
 * open, there is a *tunnel*: two NHI rings and their DMA paths.
 *
 * Locks, outermost first:
 *
 *   a pipe's mutex
 *	In splice only, see splice.c.
 *   tunnel->rx.mutex, tunnel->tx.mutex
 *	One reader, one writer at a time. System calls only. A user copy under
 *	them can block for ever, so nothing that takes a tunnel down may take
 *	them (release of the last reader may: then there is no reader).
 *   ConfigFS su_mutex (held by the core around mkdir and rmdir)
 *   tbstream_lock
 *	Everything that is set up by hand and rarely changes: lists, attachment
 *	of streams to peers, requested and allocated HopIDs, open counts, which
 *	tunnel a stream has. Held for short times, never while waiting for a
 *	path, a ring, a user or a workqueue, because remove() takes it, which
 *	Linux before 7.2 calls with tb->lock held.
 *   xd->lock (thunderbolt core)
 *   tunnel->rx.lock, then tunnel->tx.lock
 *	Spinlocks of the data path: queues, completions.
 *   tunnel->lock
 *	Spinlock: whether path work may be queued.
 *   tbstream_control_lock
 *	Spinlock: who receives control messages, and what has just come.
 *   nhi->lock, ring->lock (thunderbolt core)
 *
 * Rings and paths themselves need no lock: they belong to the tunnel's path work
 * on tb->wq, and after tbstream_tunnel_quiesce() has cancelled that, to its caller.
 */

#ifndef TBSTREAM_STREAM_H
#define TBSTREAM_STREAM_H

#include <linux/cdev.h>
#include <linux/completion.h>
#include <linux/configfs.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/thunderbolt.h>
#include <linux/uuid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "link.h"
#include "params.h"
#include "plain.h"
#include "proto.h"
#include "ring.h"
#include "session.h"
#include "spin.h"

struct tbstream;
struct tbstream_file;
struct tbstream_peer;
struct tbstream_tunnel;

/* So long after somebody has looked at a ring nobody else has to, in jiffies */
#define TBSTREAM_RING_WATCH_TIME	max(HZ / 250, 1)

extern struct mutex tbstream_lock;
extern struct workqueue_struct *tbstream_wq;

/**
 * enum tbstream_counter - What a stream counts, one sysfs file each
 * @TBSTREAM_SESSIONS: Times the device went from closed to open
 * @TBSTREAM_RX_BYTES: Payload bytes received in order and without error
 * @TBSTREAM_RX_FRAMES: Data frames received
 * @TBSTREAM_RX_CRC_ERRORS: Frames that arrived with a wrong CRC
 * @TBSTREAM_RX_OVERRUNS: Frames that overran their buffer
 * @TBSTREAM_RX_LOST: Times that a frame was missing
 * @TBSTREAM_RX_MALFORMED: Frames that the protocol does not know
 * @TBSTREAM_RX_DISCARDED: Payload bytes dropped because no reader wanted them
 * @TBSTREAM_TX_BYTES: Payload bytes handed to the NHI
 * @TBSTREAM_TX_FRAMES: Data frames handed to the NHI
 * @TBSTREAM_TX_LOST: Payload bytes accepted from a writer that never left
 * @TBSTREAM_COUNTERS: Number of counters
 */
enum tbstream_counter {
	TBSTREAM_SESSIONS,
	TBSTREAM_RX_BYTES,
	TBSTREAM_RX_FRAMES,
	TBSTREAM_RX_CRC_ERRORS,
	TBSTREAM_RX_OVERRUNS,
	TBSTREAM_RX_LOST,
	TBSTREAM_RX_MALFORMED,
	TBSTREAM_RX_DISCARDED,
	TBSTREAM_TX_BYTES,
	TBSTREAM_TX_FRAMES,
	TBSTREAM_TX_LOST,
	TBSTREAM_COUNTERS,
};

/**
 * struct tbstream_hopid - A HopID that we own
 * @kref: Held by the stream that it is configured for and by a tunnel that uses
 *	  it. The HopID is freed with the last one, so exactly once.
 * @xd: XDomain it belongs to, counted
 * @id: The HopID
 * @in: In HopID (the peer transmits on it) or out HopID
 * @kept: A path that could not be taken down still uses it: never free it. P:
 *	  tbstream_lock until the last reference is dropped
 */
struct tbstream_hopid {
	struct kref kref;
	struct tb_xdomain *xd;
	int id;
	bool in;
	bool kept;
};

/**
 * struct tbstream_direction - One direction's HopID as wanted and as it is
 * @requested: What the user wrote, see params.h. P: tbstream_lock
 * @hopid: What we own at present, or NULL. P: tbstream_lock
 * @declined: HopID that the peer's driver chose and that is taken here, which is said to
 *	the peer, or 0. P: tbstream_lock
 * @exhausted: No HopID was left when one was to be chosen, so that this is logged once.
 *	P: tbstream_lock
 * @refused: HopID that could not be had when it was tried last, so that this is
 *	logged once. P: tbstream_lock
 */
struct tbstream_direction {
	int requested;
	int refused;
	int declined;
	bool exhausted;
	struct tbstream_hopid *hopid;
};

/* Directions as seen from this host */
enum tbstream_dir {
	TBSTREAM_IN,
	TBSTREAM_OUT,
};

/**
 * struct tbstream_advert - What a host says about one of its streams
 * @in_hopid: HopID it receives on, or 0
 * @out_hopid: HopID it transmits on, or 0
 * @automatic: TBSTREAM_AUTOMATIC_* for HopIDs it may still change; always 0 from
 *	       other implementations
 */
struct tbstream_advert {
	u32 in_hopid;
	u32 out_hopid;
	u32 automatic;
};

/**
 * struct tbstream_peer - The other host's "stream" service
 * @kref: Held by the driver binding and by each tunnel with rings
 * @list: In the list of peers. P: tbstream_lock
 * @svc: The service. Valid until remove() returns
 * @xd: The other host, counted
 * @tunnels: Tunnels that have, or will have, rings. P: tbstream_lock
 * @gone: remove() has begun: attach nothing. P: tbstream_lock
 * @suspended: Between suspend and the restart after resume. P: tbstream_lock
 * @watch: Looks at what the peer advertises while a file or a stream waits for that
 * @follow: Starts @watch when the peer's properties have changed, while a stream of ours
 *	may follow them
 * @resume: Restarts tunnels after the machine slept
 * @seen_gen: Generation of the peer's properties that was looked at last
 * @seen_since: jiffies since when @seen_gen has not changed
 * @block_gen: Generation of our properties that was last seen to have been asked for. P:
 *	tbstream_lock
 * @padded: What it is told is a little longer than it needs to be. P: tbstream_lock
 * @advertised: The peer was notified of a change, and is notified of it once more. P:
 *	tbstream_lock
 * @endpoints: Its streams' &struct tbstream_control. P: tbstream_control_lock
 * @control_list: In the list of peers that may send control messages. P:
 *	tbstream_control_lock
 * @stranger: A message for a stream that we do not have. P: tbstream_control_lock
 * @strange: There is one. P: tbstream_control_lock
 * @control: Hears, answers and repeats control messages
 * @pulse: Asks now and then whether the peer still answers
 * @quiet: Nothing is sent or heard while the machine sleeps. P: tbstream_lock
 * @burst: Messages sent lately, in jiffies. P: tbstream_lock
 */
struct tbstream_peer {
	struct kref kref;
	struct list_head list;
	struct tb_service *svc;
	struct tb_xdomain *xd;
	struct list_head tunnels;
	bool gone;
	bool suspended;
	struct delayed_work watch;
	struct delayed_work follow;
	struct delayed_work resume;
	u32 seen_gen;
	unsigned long seen_since;
	u32 block_gen;
	bool padded;
	bool advertised;
	struct list_head endpoints;
	struct list_head control_list;
	struct tbstream_message stranger;
	bool strange;
	struct delayed_work control;
	struct delayed_work pulse;
	bool quiet;
	struct tbstream_burst burst;
};

/**
 * struct tbstream_control - A stream's end of the conversation in control messages
 * @list: In peer->endpoints. P: tbstream_control_lock
 * @peer: Peer, while in its list, else NULL. P: tbstream_control_lock
 * @inbox: Message that has not been looked at. P: tbstream_control_lock
 * @full: There is one. P: tbstream_control_lock
 * @news: The peer has to hear of something. P: tbstream_control_lock
 * @attentive: Bytes are with the hardware, and the work looks after them
 * @link: What is known of the counterpart. P: tbstream_lock
 * @due: jiffies when to ask again. P: tbstream_lock
 * @pause: Time between the last two questions, in jiffies. P: tbstream_lock
 * @asked: Questions since the last message came. P: tbstream_lock
 * @heard_at: jiffies at that time, or when the tunnel came up. P: tbstream_lock
 * @heard_gen: Generation of the peer's properties at that time. P: tbstream_lock
 * @doubted: The last message is so old that the peer has to say something. P:
 *	tbstream_lock
 * @paused: The last message said that its sender sleeps, or that its tunnel is being
 *	replaced. P: tbstream_lock
 * @overdue: Everything has left, and the peer still has not got more. P: tbstream_lock
 * @overdue_bytes: What it had then. P: tbstream_lock
 * @overdue_since: jiffies at that time. P: tbstream_lock
 * @overdue_asked: It has been so for long, and the peer is asked once more. P: tbstream_lock
 * @overdue_seq: Our latest message at that time. P: tbstream_lock
 * @tx_session: Session that the next tunnel sends first. P: tbstream_lock
 * @rx_session: Session that it expects, 0 for any. P: tbstream_lock
 * @rx_complete: The one before was received complete. P: tbstream_lock
 */
struct tbstream_control {
	struct list_head list;
	struct tbstream_peer *peer;
	struct tbstream_message inbox;
	bool full;
	bool news;
	bool attentive;
	struct tbstream_link link;
	unsigned long due;
	unsigned long pause;
	unsigned int asked;
	unsigned long heard_at;
	u32 heard_gen;
	bool doubted;
	bool paused;
	bool overdue;
	u64 overdue_bytes;
	unsigned long overdue_since;
	bool overdue_asked;
	u32 overdue_seq;
	u32 tx_session;
	u32 rx_session;
	bool rx_complete;
};

/**
 * struct tbstream - One configured stream and its character device
 * @dev: Device of class "tbstream"; its reference count is the stream's. Held by
 *	 the ConfigFS directory, open files and tunnels
 * @cdev: /dev/tbstreamX
 * @index: The X; free again when @dev is released
 * @name: The stream's name. Constant
 * @uuid: UUID of its property sub-directory. Constant
 * @service: The service as the user wrote it: a sysfs name or a UUID. Constant
 * @list: In the list of all streams. P: tbstream_lock
 * @dead: rmdir has begun. P: tbstream_lock
 * @params: Attributes. P: tbstream_lock
 * @dir: HopIDs by &enum tbstream_dir. P: tbstream_lock
 * @peer: Peer that the stream is attached to, or NULL. P: tbstream_lock
 * @tunnel: Tunnel that a new file would join, or NULL; counted. P: tbstream_lock
 * @wait: Woken whenever an opener may have something new to look at
 * @changed: Tells user space that @peer has changed
 * @control: Control messages
 * @counters: See &enum tbstream_counter
 */
struct tbstream {
	struct device dev;
	struct cdev cdev;
	int index;
	char name[TBSTREAM_NAME_MAX + 1];
	uuid_t uuid;
	char service[TBSTREAM_SERVICE_NAME_MAX + 1];
	struct list_head list;
	bool dead;
	struct tbstream_params params;
	struct tbstream_direction dir[2];
	struct tbstream_peer *peer;
	struct tbstream_tunnel *tunnel;
	wait_queue_head_t wait;
	struct work_struct changed;
	struct tbstream_control control;
	atomic64_t counters[TBSTREAM_COUNTERS];
};

#define dev_to_tbstream(device) container_of(device, struct tbstream, dev)

static inline void tbstream_count(struct tbstream *stream,
				  enum tbstream_counter counter, u64 amount)
{
	atomic64_add(amount, &stream->counters[counter]);
}

/* What a received frame turned out to be */
enum tbstream_frame_kind {
	TBSTREAM_FRAME_DATA,
	/* The peer's session ends here */
	TBSTREAM_FRAME_CLOSE,
	/* The peer's session cannot be trusted from here on */
	TBSTREAM_FRAME_BROKEN,
	/* The same, and it ends here */
	TBSTREAM_FRAME_BROKEN_CLOSE,
	/* Nothing for a reader: the slot only waits for its turn */
	TBSTREAM_FRAME_SKIP,
};

/**
 * struct tbstream_frame - One slot of a queue
 * @frame: The core's part
 * @tunnel: Tunnel it belongs to
 * @page: 4096 bytes of payload. Lives as long as the tunnel, mapped for DMA only
 *	  while there are rings
 * @dma: Where the controller finds @page, while it is mapped
 * @borrowed: Page that is sent instead of @page, counted and mapped, or NULL. P:
 *	tx.lock
 * @length: Payload length. P: rx.lock or tx.lock
 * @kind: What was received. P: rx.lock
 */
struct tbstream_frame {
	struct ring_frame frame;
	struct tbstream_tunnel *tunnel;
	struct page *page;
	dma_addr_t dma;
	struct page *borrowed;
	u32 length;
	enum tbstream_frame_kind kind;
};

/**
 * tbstream_frame_data() - Payload of a frame
 * @frame: Frame
 *
 * Return: address of 4096 bytes.
 */
static inline void *tbstream_frame_data(const struct tbstream_frame *frame)
{
	return page_address(frame->page);
}

/**
 * tbstream_frame_adjoins() - Does a frame's memory begin where that of another ends?
 * @frame: Frame
 * @before: The other one
 *
 * It does for most slots and the one before. Then both can be copied at once.
 *
 * Return: true if so.
 */
static inline bool tbstream_frame_adjoins(const struct tbstream_frame *frame,
					  const struct tbstream_frame *before)
{
	return tbstream_frame_data(frame) == tbstream_frame_data(before) + TBSTREAM_FRAME_SIZE;
}

/* As many as the largest pipe holds that anybody may make, see fs.pipe-max-size */
#define TBSTREAM_LENT_MAX	256

/**
 * struct tbstream_lent - Pages given to pipes, used again when nobody else has them
 *
 * What is in a pipe may be anywhere soon, in a socket's queue for example, and nobody
 * says when it is done with. So we keep a reference of our own to each, and look.
 *
 * @pages: The last of them, each counted
 * @first: Free running index of the oldest
 * @next: Free running index for the next
 */
struct tbstream_lent {
	struct page *pages[TBSTREAM_LENT_MAX];
	u32 first;
	u32 next;
};

/**
 * struct tbstream_rx - Receive side of a tunnel
 * @mutex: One reader at a time
 * @missed: A nonblocking reader found @mutex taken. READ_ONCE(), WRITE_ONCE()
 * @lock: Protects everything below and plain.peer_closes, plain.heard
 * @wait: Readers and pollers
 * @ring: NHI ring. Owner: see the top of this file; others under @lock while
 *	  @online. Without one no page is mapped
 * @online: Buffers may be posted
 * @queue: Positions in @frames
 * @frames: Slots
 * @lent: Pages given to pipes. P: @mutex
 * @offset: Bytes of the frame at queue.taken that a reader has already had
 * @session: Number of the session at queue.taken: CLOSE frames taken so far
 * @touched: A reader has had something of this session
 * @fresh: Open files that can read, and have read nothing so far
 * @sharing: Open files that have read some of this session and not its end. A file that
 *	is neither, because it is at its end or has missed it, is no reader any more
 * @orphaned: The session has lost its reader: discard up to its CLOSE
 * @broken: The session arriving had an error: discard up to its CLOSE
 * @failed: The session at queue.taken had an error that a reader was told of
 * @failures: Bit n is set if session @session - 1 - n had an error
 * @receiver: Sessions, with a peer that knows control messages
 * @counted: The start PDFs of arriving frames are counted
 * @torn: The session arriving has ended with an error, behind what is in the queue
 * @todo: TBSTREAM_TELL if the peer has to hear of something
 * @armed: The ring interrupts when something arrives. Cleared by
 *	tbstream_rx_start_poll() without the lock
 * @looks: Times that a reader has looked at the ring
 * @looks_seen: @looks when @watch ran last
 * @watch: Takes what arrives while no reader does
 * @spin: How long a reader polls before it sleeps. P: @mutex
 * @rang: local_clock() at the last interrupt while a reader sleeps, cut off at 32 bits; 0 if
 *	none came
 */
struct tbstream_rx {
	struct mutex mutex;
	bool missed;
	spinlock_t lock;
	wait_queue_head_t wait;
	struct tb_ring *ring;
	bool online;
	struct tbstream_queue queue;
	struct tbstream_frame *frames;
	struct tbstream_lent lent;
	u32 offset;
	u32 session;
	bool touched;
	unsigned int fresh;
	unsigned int sharing;
	bool orphaned;
	bool broken;
	bool failed;
	u64 failures;
	struct tbstream_receiver receiver;
	bool counted;
	bool torn;
	unsigned int todo;
	bool armed;
	u32 looks;
	u32 looks_seen;
	struct delayed_work watch;
	struct tbstream_spin spin;
	u32 rang;
};

/**
 * struct tbstream_tx - Transmit side of a tunnel
 * @mutex: One writer at a time, so that a write of up to 4096 bytes is atomic. Not held
 *	while a writer waits for room
 * @missed: A nonblocking writer found @mutex taken. READ_ONCE(), WRITE_ONCE()
 * @lock: Protects everything below
 * @wait: Writers, pollers, fsync and close
 * @ring: NHI ring. Owner: see the top of this file; others under @lock while
 *	  @online
 * @online: Frames may be posted
 * @queue: Positions in @frames
 * @frames: Slots
 * @close: The CLOSE frame. It has a slot of its own, so there is always room
 * @close_pending: @close is with the hardware
 * @close_stale: @close was posted for a session that the peer has closed since
 * @stale: Frames with the hardware, the oldest ones, that were posted for a session that
 *	the peer has closed since
 * @losses: Times that frames were withdrawn which a writer had handed over. Read
 *	with READ_ONCE()
 * @sender: Sessions, with a peer that knows control messages
 * @counted: The start PDFs of our frames are counted
 * @paused: Writers wait, because the machine is about to sleep
 * @armed: The ring interrupts when a frame has left. Cleared by
 *	tbstream_tx_start_poll() without the lock
 * @borrowed: Frames with the hardware that send a page of somebody else
 * @done_seen: queue.done when @watch ran last
 * @sleepers: Writers that wait for room, and are woken by that
 * @watch: Looks at what has left, for whoever is not a writer
 */
struct tbstream_tx {
	struct mutex mutex;
	bool missed;
	spinlock_t lock;
	wait_queue_head_t wait;
	struct tb_ring *ring;
	bool online;
	struct tbstream_queue queue;
	struct tbstream_frame *frames;
	struct tbstream_frame close;
	bool close_pending;
	bool close_stale;
	u32 stale;
	unsigned int losses;
	struct tbstream_sender sender;
	bool counted;
	bool paused;
	bool armed;
	u32 borrowed;
	u32 done_seen;
	atomic_t sleepers;
	struct delayed_work watch;
};

/**
 * tbstream_rx_slot() - Slot that an index of the receive queue stands for
 * @rx: Receive side
 * @index: Free running index, such as @rx->queue.taken
 *
 * Return: the slot.
 */
static inline struct tbstream_frame *tbstream_rx_slot(const struct tbstream_rx *rx, u32 index)
{
	return &rx->frames[tbstream_queue_slot(&rx->queue, index)];
}

/**
 * tbstream_tx_slot() - Slot that an index of the transmit queue stands for
 * @tx: Transmit side
 * @index: Free running index, such as @tx->queue.posted
 *
 * Return: the slot.
 */
static inline struct tbstream_frame *tbstream_tx_slot(const struct tbstream_tx *tx, u32 index)
{
	return &tx->frames[tbstream_queue_slot(&tx->queue, index)];
}

/**
 * enum tbstream_phase - Where a tunnel is in its life
 * @TBSTREAM_STARTING: Path work is bringing rings and paths up
 * @TBSTREAM_OPEN: Files may use it; with no file it waits a moment for the next
 * @TBSTREAM_DRAINING: The last file is closed, its bytes are still leaving
 * @TBSTREAM_SUSPENDED: Rings and paths are away while the machine sleeps
 * @TBSTREAM_OVER: No new file joins; old files see why in @error
 */
enum tbstream_phase {
	TBSTREAM_STARTING,
	TBSTREAM_OPEN,
	TBSTREAM_DRAINING,
	TBSTREAM_SUSPENDED,
	TBSTREAM_OVER,
};

/**
 * struct tbstream_tunnel - Rings, paths and the frames in them
 * @kref: Held by stream->tunnel, open files, @peer_link
 * @stream: Stream it belongs to, counted
 * @peer: Peer it leads to, counted while in @peer_link, NULL after. P: tbstream_lock
 * @peer_link: In peer->tunnels. P: tbstream_lock
 * @params: Attributes as they were when the tunnel was made. Constant
 * @hopid: HopIDs by &enum tbstream_dir, counted, NULL for none
 * @phase: Written under tbstream_lock. Its end is stored with release, behind @error and
 *	   what else it makes final; a reader without the lock loads it with acquire
 * @error: Why it is over, 0 if the peer simply closed. Written under
 *	   tbstream_lock, read with READ_ONCE() after @phase
 * @control: Version of control messages that the peer knows, 0 if it is a plain
 *	one. Constant once it has begun
 * @plain: Who has it open; with a plain peer, who has said goodbye. Counts P:
 *	tbstream_lock, the rest P: rx.lock
 * @losses_at: tx.losses when the first of the present files was opened. P:
 *	tbstream_lock
 * @deadline: jiffies at which draining or waiting ends. P: tbstream_lock
 * @patience: What @deadline is moved by when there is progress; 0 = for ever.
 *	P: tbstream_lock
 * @drained: tx.queue.done, or tbstream_tx_progress(), when last looked at. P:
 *	tbstream_lock
 * @said: While draining: our CLOSE has left. P: tbstream_lock
 * @busy: Without a file: something is still to be confirmed. P: tbstream_lock
 * @tick: Looks after draining and idle tunnels
 * @lock: Protects the three below
 * @halted: No work may be queued
 * @wanted: Rings and paths should be up
 * @recycle: Take them down once in between, to withdraw frames
 * @path_work: Makes it so, on tb->wq
 * @end_work: Waits for the last path work, and leaves the peer
 * @disable_work: Disables the paths for somebody who must not wait for tb->lock
 * @disabled: @disable_work is done
 * @paths_up: Paths are enabled. Owner: see the top of this file
 * @rx: Receive side
 * @tx: Transmit side
 */
struct tbstream_tunnel {
	struct kref kref;
	struct tbstream *stream;
	struct tbstream_peer *peer;
	struct list_head peer_link;
	struct tbstream_params params;
	struct tbstream_hopid *hopid[2];
	enum tbstream_phase phase;
	int error;
	u32 control;
	struct tbstream_plain plain;
	unsigned int losses_at;
	unsigned long deadline;
	unsigned long patience;
	u32 drained;
	bool said;
	bool busy;
	struct delayed_work tick;

	spinlock_t lock;
	bool halted;
	bool wanted;
	bool recycle;
	struct work_struct path_work;
	struct work_struct end_work;
	struct work_struct disable_work;
	struct completion disabled;
	bool paths_up;

	struct tbstream_rx rx;
	struct tbstream_tx tx;
};

/**
 * struct tbstream_file - An open file
 * @stream: Its stream, counted through the cdev
 * @tunnel: Its tunnel, counted; the same for the file's whole life
 * @party: What it has to do with the conversation. reading and ended are written
 *	under rx.mutex and rx.lock; the rest is constant
 * @outgoing: Session that it writes, counted, NULL with a plain peer. P: tx.lock
 * @left: It is not among the session's writers any more. P: tx.lock
 * @losses: tx.losses when it was opened
 * @opener: Table of open files of the task that opened it; only compared. Constant
 * @writer: That of the task that wrote last. READ_ONCE(), WRITE_ONCE()
 * @touched: It has read bytes of the session party.reading. Written under rx.mutex and
 *	rx.lock
 * @rx_error: Once party.ended: what each read returns, 0 for EOF. As @touched
 */
struct tbstream_file {
	struct tbstream *stream;
	struct tbstream_tunnel *tunnel;
	struct tbstream_party party;
	struct tbstream_outgoing *outgoing;
	bool left;
	unsigned int losses;
	fl_owner_t opener;
	fl_owner_t writer;
	bool touched;
	int rx_error;
};

/* stream.c */
void tbstream_peer_look(struct tbstream_peer *peer);
void tbstream_watch(struct tbstream_peer *peer);
void tbstream_peer_put(struct tbstream_peer *peer);
int tbstream_add(struct tbstream *stream);
void tbstream_del(struct tbstream *stream);

/* hopid.c */
int tbstream_hopid_request(struct tbstream *stream, enum tbstream_dir which,
			   int requested);
void tbstream_hopids_release(struct tbstream *stream);
struct tbstream_hopid *tbstream_hopid_get(struct tbstream_hopid *hopid);
void tbstream_hopid_put(struct tbstream_hopid *hopid);
void tbstream_hopid_keep(struct tbstream_hopid *hopid);
bool tbstream_hopids_settle(struct tbstream_peer *peer);
bool tbstream_hopids_follow(const struct tbstream *stream);
bool tbstream_hopids_final(struct tbstream *stream);
struct tbstream_advert tbstream_hopids_advert(const struct tbstream *stream);
int tbstream_hopids_agree(struct tbstream *stream, unsigned long since);

static inline int tbstream_hopid_value(const struct tbstream_hopid *hopid)
{
	return hopid ? hopid->id : 0;
}

/* tunnel.c */
struct tbstream_tunnel *tbstream_tunnel_alloc(struct tbstream *stream,
					      const struct tbstream_params *params);
struct tbstream_tunnel *tbstream_tunnel_get(struct tbstream_tunnel *tunnel);
void tbstream_tunnel_put(struct tbstream_tunnel *tunnel);
void tbstream_tunnel_start(struct tbstream_tunnel *tunnel);
void tbstream_tunnel_withdraw(struct tbstream_tunnel *tunnel);
void tbstream_tunnel_end(struct tbstream_tunnel *tunnel, int error);
void tbstream_tunnel_check(struct tbstream_tunnel *tunnel, unsigned long delay);
void tbstream_tunnel_part(struct tbstream_tunnel *tunnel,
			  enum tbstream_parting parting);
bool tbstream_tunnels_reclaim(struct tbstream_peer *peer);
void tbstream_tunnels_remove(struct tbstream_peer *peer);
void tbstream_tunnels_shutdown(struct tbstream_peer *peer);
bool tbstream_tunnels_suspend(struct tbstream_peer *peer);
void tbstream_tunnels_resume(struct tbstream_peer *peer);

/* ring.c */
int tbstream_frames_alloc(struct tbstream_tunnel *tunnel);
void tbstream_frames_free(struct tbstream_tunnel *tunnel);
int tbstream_rings_start(struct tbstream_tunnel *tunnel);
void tbstream_rings_stop(struct tbstream_tunnel *tunnel);
void tbstream_tunnel_wake(struct tbstream_tunnel *tunnel);

/* rx.c */
void tbstream_rx_start_poll(void *data);
void tbstream_rx_watch(struct work_struct *work);
bool tbstream_rx_post_all(struct tbstream_tunnel *tunnel);
void tbstream_rx_reap(struct tbstream_tunnel *tunnel);
void tbstream_rx_look(struct tbstream_tunnel *tunnel);
void tbstream_rx_arm(struct tbstream_tunnel *tunnel);
bool tbstream_rx_spin(struct tbstream_tunnel *tunnel);
u32 tbstream_rx_run(const struct tbstream_rx *rx, u32 most);
void tbstream_rx_consumed(struct tbstream_tunnel *tunnel, u32 count);
void tbstream_rx_taken(struct tbstream_tunnel *tunnel);
struct page *tbstream_rx_exchange(struct tbstream_tunnel *tunnel, struct page *page);
void tbstream_rx_abandon(struct tbstream_tunnel *tunnel);
void tbstream_rx_ask(struct tbstream_tunnel *tunnel);
void tbstream_rx_join(struct tbstream_tunnel *tunnel);
void tbstream_rx_skip(struct tbstream_tunnel *tunnel);
void tbstream_rx_tear(struct tbstream_tunnel *tunnel);
bool tbstream_rx_holds_session(struct tbstream_tunnel *tunnel);
bool tbstream_rx_holds_data(struct tbstream_tunnel *tunnel);

/* tx.c */
void tbstream_tx_start_poll(void *data);
void tbstream_tx_watch(struct work_struct *work);
bool tbstream_tx_collect(struct tbstream_tunnel *tunnel);
void tbstream_tx_arm(struct tbstream_tunnel *tunnel);
void tbstream_tx_news(struct tbstream_tunnel *tunnel);
void tbstream_tx_reap(struct tbstream_tunnel *tunnel);
bool tbstream_tx_has_room(const struct tbstream_tx *tx);
u32 tbstream_tx_post(struct tbstream_file *file, u32 count);
bool tbstream_tx_post_page(struct tbstream_file *file, struct page *page, u32 offset,
			   u32 length);
void tbstream_tx_give_back(struct tbstream_tx *tx, struct tbstream_frame *frame);
void tbstream_tx_close(struct tbstream_tunnel *tunnel);
void tbstream_tx_close_due(struct tbstream_tunnel *tunnel);
bool tbstream_tx_busy(struct tbstream_tunnel *tunnel);
u32 tbstream_tx_progress(struct tbstream_tunnel *tunnel);
bool tbstream_tx_unconfirmed(struct tbstream_tunnel *tunnel);
u32 tbstream_tx_outstanding(struct tbstream_tunnel *tunnel);
void tbstream_tx_forsake(struct tbstream_tunnel *tunnel);
bool tbstream_tx_stale(struct tbstream_tunnel *tunnel);

/* control.c */
int tbstream_control_init(void);
void tbstream_control_exit(void);
void tbstream_control_setup(struct tbstream *stream);
void tbstream_control_add_peer(struct tbstream_peer *peer);
void tbstream_control_del_peer(struct tbstream_peer *peer);
void tbstream_control_attach(struct tbstream *stream);
void tbstream_control_detach(struct tbstream *stream);
void tbstream_control_begin(struct tbstream_tunnel *tunnel);
void tbstream_control_up(struct tbstream_tunnel *tunnel);
void tbstream_control_part(struct tbstream_tunnel *tunnel);
void tbstream_control_end(struct tbstream_tunnel *tunnel);
void tbstream_control_hear_pending(struct tbstream *stream);
void tbstream_control_send_now(struct tbstream *stream);
void tbstream_control_tell(struct tbstream *stream);
void tbstream_control_attend(struct tbstream *stream);
bool tbstream_control_silent(const struct tbstream *stream);
u32 tbstream_control_version(struct tbstream *stream);
void tbstream_control_be_quiet(struct tbstream_peer *peer);

/* props.c */
struct tb_property_dir *tbstream_props_service_dir(void);
struct tb_property_dir *tbstream_props_build(const struct tbstream_advert *ad,
					     const uuid_t *uuid,
					     const uuid_t *peer);
bool tbstream_props_same(struct tb_property_dir *a, struct tb_property_dir *b);
bool tbstream_props_find(struct tb_property_dir *root, const char *service_key,
			 const char *name, const uuid_t *self,
			 struct tbstream_advert *advert);
bool tbstream_props_lookup(struct tbstream_peer *peer, const char *name,
			   struct tbstream_advert *advert);
u32 tbstream_props_control(struct tbstream_peer *peer);
bool tbstream_props_readable(u32 dwords);
bool tbstream_props_unread(struct tbstream_peer *peer);
bool tbstream_props_taken(struct tbstream_peer *peer, const char *except,
			  bool in, u32 hopid);

/* advertise.c, or what compat/ has in its place */
int tbstream_advertise_init(void);
void tbstream_advertise_exit(void);
void tbstream_advertise(void);
bool tbstream_advertise_pad(void);
void tbstream_advertise_peer_gone(struct tbstream_peer *peer);

/* stream.c, for whoever publishes */
extern struct list_head tbstream_streams;
extern struct list_head tbstream_peers;
void tbstream_advertise_later(void);

/* cdev.c */
int tbstream_cdev_init(void);
void tbstream_cdev_exit(void);
struct tbstream *tbstream_create(const char *service, const char *name);
int tbstream_cdev_add(struct tbstream *stream);
void tbstream_cdev_del(struct tbstream *stream);
bool tbstream_in_use(const struct tbstream *stream);
int tbstream_read_begin(struct tbstream_file *file, bool nonblock);
int tbstream_read_head(struct tbstream_file *file, bool first, u32 most,
		       struct tbstream_frame **frame);
void tbstream_read_used(struct tbstream_file *file, const struct tbstream_frame *frame,
			u32 count);
int tbstream_read_again(struct tbstream_file *file, bool nonblock);
int tbstream_read_later(struct tbstream_file *file);
void tbstream_read_end(struct tbstream_file *file);
int tbstream_write_begin(struct tbstream_file *file, bool nonblock);
void tbstream_write_end(struct tbstream_file *file);
int tbstream_write_state(struct tbstream_file *file);
int tbstream_write_wait(struct tbstream_file *file);
int tbstream_write_later(struct tbstream_file *file);
ssize_t tbstream_written(struct file *filp, ssize_t written, bool wait);

/* splice.c */
ssize_t tbstream_splice_read(struct file *filp, loff_t *ppos,
			     struct pipe_inode_info *pipe, size_t len,
			     unsigned int flags);
void tbstream_lent_forget(struct tbstream_lent *lent);
ssize_t tbstream_splice_write(struct pipe_inode_info *pipe, struct file *filp,
			      loff_t *ppos, size_t len, unsigned int flags);

/* sysfs.c */
void tbstream_changed(struct tbstream *stream);
void tbstream_changed_work(struct work_struct *work);
void tbstream_changed_cancel(struct tbstream *stream);
extern const struct attribute_group *tbstream_dev_groups[];
int tbstream_dev_uevent(const struct device *dev, struct kobj_uevent_env *env);

/* configfs.c */
int tbstream_configfs_init(void);
void tbstream_configfs_exit(void);

#endif /* TBSTREAM_STREAM_H */
