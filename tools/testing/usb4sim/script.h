/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - scripted hosts: no machine behind them, driven by a test
 *
 * A scripted host answers inter-domain discovery by itself, with a property
 * block that a test can replace. Everything else a test does: it reads what
 * was received, and sends packets and frames, whatever they are.
 */

#ifndef USIM_SCRIPT_H
#define USIM_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "control.h"
#include "loop.h"
#include "ring.h"

struct usim_host;
struct usim_port;

#define USIM_SCRIPT_BLOCKS	16
#define USIM_SCRIPT_BLOCK_WORDS	2048
#define USIM_SCRIPT_QUEUE	256
#define USIM_SCRIPT_JOBS	16
#define USIM_SCRIPT_HOPS	2048

/* What is answered without a test; bits of usim_script.answers */
#define USIM_ANSWER_UUID	1U
#define USIM_ANSWER_PROPERTIES	2U
#define USIM_ANSWER_CHANGED	4U
#define USIM_ANSWER_LINK	8U
#define USIM_ANSWER_ALL		15U

/* What is done with the frames of a HopID */
enum usim_script_accept {
	USIM_ACCEPT_NONE,	/* no credits: they wait at the sender */
	USIM_ACCEPT_KEEP,	/* for the test to read; when it does not, they wait */
	USIM_ACCEPT_DISCARD,
};

/**
 * struct usim_script_block - a property block
 * @word: its words, allocated
 * @count: how many
 * @length: length it is said to have; words beyond @count are 0
 * @generation: its generation
 */
struct usim_script_block {
	uint32_t *word;
	unsigned int count;
	unsigned int length;
	uint32_t generation;
};

/**
 * struct usim_script_packet - a received inter-domain packet
 * @type: packet type
 * @port: lane adapter it came through
 * @count: words
 * @word: the packet without CRC, with the route to its sender
 */
struct usim_script_packet {
	enum usim_packet_type type;
	unsigned int port;
	unsigned int count;
	uint32_t word[USIM_CONTROL_WORDS];
};

/**
 * struct usim_script_frame - a received frame
 * @port: lane adapter it came through
 * @hop: HopID
 * @attr: PDFs and flags, as in a receive descriptor
 * @len: bytes
 * @data: the bytes
 */
struct usim_script_frame {
	unsigned int port;
	unsigned int hop;
	uint32_t attr;
	uint32_t len;
	uint8_t data[USIM_FRAME_MAX];
};

/**
 * struct usim_script_job - something to send, again and again
 * @left: how often, 0 while the slot is free
 * @port: where it leaves
 * @frame: a frame, and not a packet
 * @patient: frames wait for a descriptor, as end-to-end flow control demands
 * @hop: HopID of a frame
 * @attr: PDFs and flags of a frame
 * @type: type of a packet
 * @len: bytes
 * @data: the frame, or the packet with its CRC
 * @interval: nanoseconds from one to the next, 0 for as fast as possible
 * @next: usim_now() time of the next one
 */
struct usim_script_job {
	uint64_t left;
	struct usim_port *port;
	bool frame;
	bool patient;
	unsigned int hop;
	uint32_t attr;
	enum usim_packet_type type;
	uint32_t len;
	uint8_t data[USIM_FRAME_MAX];
	uint64_t interval;
	uint64_t next;
};

/**
 * struct usim_script - a scripted host
 * @host: the host
 * @uuid: its UUID, as words of a packet
 * @answers: what it answers by itself
 * @block: property blocks, in the order in which they are given out
 * @nblocks: how many
 * @current: the one that is given out now
 * @used: it has been asked for
 * @by_request: another one for each request, not for each reading from the start
 * @generation: generation of the newest block
 * @asked: how often a part of a property block was asked for, and given
 * @packet: received packets
 * @first_packet: oldest of them
 * @npackets: how many
 * @packets_lost: packets lost because nobody read them
 * @accept: what is done with the frames of each HopID
 * @frame: received frames
 * @first_frame: oldest of them
 * @nframes: how many
 * @discarded: frames that were discarded as asked
 * @job: what is being sent
 * @timer: when the next limited job may go on
 * @sent: packets and frames that were sent
 * @lost: packets and frames that nobody could take
 * @refused: frames that did not pass the PDF mask of the receiver
 */
struct usim_script {
	struct usim_host *host;
	uint32_t uuid[4];
	unsigned int answers;
	struct usim_script_block block[USIM_SCRIPT_BLOCKS];
	unsigned int nblocks;
	unsigned int current;
	bool used;
	bool by_request;
	uint32_t generation;
	uint64_t asked;
	struct usim_script_packet packet[USIM_SCRIPT_QUEUE];
	unsigned int first_packet;
	unsigned int npackets;
	uint64_t packets_lost;
	uint8_t accept[USIM_SCRIPT_HOPS];
	struct usim_script_frame frame[USIM_SCRIPT_QUEUE];
	unsigned int first_frame;
	unsigned int nframes;
	uint64_t discarded;
	struct usim_script_job job[USIM_SCRIPT_JOBS];
	struct usim_timer timer;
	uint64_t sent;
	uint64_t lost;
	uint64_t refused;
};

bool usim_script_init(struct usim_host *host);
void usim_script_exit(struct usim_host *host);

/* script.c: discovery, and what is received */
void usim_script_receive(struct usim_port *port, enum usim_packet_type type,
			 const uint32_t *words, unsigned int count);
bool usim_script_wants_frame(const struct usim_script *script, unsigned int hop);
uint8_t *usim_script_take_frame(struct usim_port *port, unsigned int hop, uint32_t attr,
				uint32_t len);
bool usim_script_add_block(struct usim_script *script, const uint32_t *words,
			   unsigned int count, unsigned int length, uint32_t generation);
void usim_script_clear_blocks(struct usim_script *script);
bool usim_script_reset(struct usim_script *script);
bool usim_script_default_block(struct usim_script *script);
void usim_script_changed(struct usim_port *port);

/* sender.c: what is sent */
bool usim_script_start(struct usim_script *script, const struct usim_script_job *job);
void usim_script_stop(struct usim_script *script);
bool usim_script_run(struct usim_host *host);

#endif
