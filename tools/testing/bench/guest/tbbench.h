/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tbbench - what the parts share
 */

#ifndef TBBENCH_H
#define TBBENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define MAX_STREAMS	8

/**
 * struct options - what the command line says
 * @workload: name of it
 * @first: this end writes, asks or opens; the other end reads, answers
 * @device: what to open, see end_open()
 * @devices: how many, more than one only for "bulk"
 * @port: device or file through which the lab and the program talk; NULL is nobody
 * @file: file that is sent, or written to
 * @bs: bytes of a read or write, or of a message
 * @bytes: bytes that are measured, per stream and direction
 * @warm: bytes that are transferred before
 * @count: messages that are measured, or times that the device is opened
 * @settle: ms between opening and the first byte of a session, not counted
 * @check: the data is made and compared
 */
struct options {
	const char *workload;
	bool first;
	const char *device[MAX_STREAMS];
	unsigned int devices;
	const char *port;
	const char *file;
	size_t bs;
	uint64_t bytes;
	uint64_t warm;
	uint64_t count;
	unsigned int settle;
	bool check;
};

/**
 * struct outcome - what is reported
 * @seconds: time that was measured
 * @bytes: that were received then, or sent if none were
 * @mismatch: first byte that was not what it should be, plus one; 0 is none
 * @how: the system calls that moved the data
 * @sample: durations in nanoseconds, if the workload measures single ones
 * @samples: how many
 */
struct outcome {
	double seconds;
	uint64_t bytes;
	uint64_t mismatch;
	const char *how;
	uint64_t *sample;
	size_t samples;
};

uint64_t now_ns(void);
void *allocate(size_t size);
void fail(const char *what) __attribute__((noreturn));

/* port.c */
void port_open(const char *path);
void port_wait(const char *where);
void port_say(const struct outcome *outcome);

/* end.c */
bool end_listens(const char *name);
void end_listen(const char *name);
int end_open(const char *name, int flags);
void end_reads(int fd, void *buf, size_t len);
void end_writes(int fd, const void *buf, size_t len);

/* pattern.c */
void pattern_fill(void *buf, size_t len, uint64_t at);
uint64_t pattern_differs(const void *buf, size_t len, uint64_t at);

/* The workloads: from the first open to the end of what is measured */
void bulk_run(const struct options *options, struct outcome *outcome);
void sendfile_run(const struct options *options, struct outcome *outcome);
void floor_run(const struct options *options, struct outcome *outcome);
void splice_run(const struct options *options, struct outcome *outcome);
void copy_run(const struct options *options, struct outcome *outcome);
void echo_run(const struct options *options, struct outcome *outcome);
void exchange_run(const struct options *options, struct outcome *outcome);
void open_run(const struct options *options, struct outcome *outcome);
void first_byte_run(const struct options *options, struct outcome *outcome);

#endif
