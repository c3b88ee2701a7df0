/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of tbstream_storm share.
 */

#ifndef STORM_H
#define STORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define STREAMS		3
#define SIZE_MAX_BYTES	(128u << 10)
#define ERRNOS		134
#define WORKERS_MAX	64

/* What is counted */
enum call {
	CALL_OPEN, CALL_READ, CALL_WRITE, CALL_FSYNC, CALL_POLL, CALL_SPLICE_IN,
	CALL_SPLICE_OUT, CALL_SENDFILE, CALL_URING_READ, CALL_URING_WRITE,
	CALL_URING_POLL, CALL_URING_FSYNC, CALL_FIONREAD, CALL_NOWAIT, CALL_BAD_BUFFER,
	CALL_MMAP, CALL_CLOSE, CALL_MKDIR, CALL_RMDIR, CALL_ATTRIBUTE, CALL_LOOK,
	CALL_SERVICE_UNBIND, CALL_SERVICE_BIND, CALL_NHI_UNBIND, CALL_NHI_BIND,
	CALL_UNLOAD, CALL_LOAD, CALLS,
};

/**
 * struct tally - What is shared by all processes; counted with relaxed atomics
 * @calls: How often which call came to which errno, 0 for success
 * @read_bytes: What read() returned in all
 * @written_bytes: What write() returned in all
 * @killed: Processes that got a SIGKILL
 * @stuck: Processes that did not end of it
 * @administered: How often the administrator has begun something
 * @quiet: Nobody shall begin anything: the administrator wants the module to go
 * @begun: The process of this worker has come to its action
 */
struct tally {
	unsigned long calls[CALLS][ERRNOS];
	unsigned long read_bytes;
	unsigned long written_bytes;
	unsigned long killed;
	unsigned long stuck;
	unsigned int administered;
	bool quiet;
	bool begun[WORKERS_MAX];
};

extern struct tally *tally;
/* The service's directory in ConfigFS */
extern const char *service;
/* The controller's driver may be taken away, too */
extern bool with_controller;

/* storm_common.c */
void add(unsigned long *counter, unsigned long amount);
void count_call(enum call call, int error);
long did(enum call call, long result);
unsigned int below(uint64_t *random, unsigned int limit);
bool percent(uint64_t *random, unsigned int chance);
size_t some_size(uint64_t *random);
unsigned int some_stream(uint64_t *random);
void pause_ms(unsigned int ms);
double now(void);
__attribute__((format(printf, 2, 3)))
void path_to(char path[256], const char *format, ...);
ssize_t read_file(const char *path, char *text, size_t size);
ssize_t write_file(const char *path, const char *text);

/* storm_uring.c */
void submit_to_uring(int device, uint64_t *random, void *buffer, size_t size);

/* storm_user.c */
void use_stream(uint64_t *random);

/* storm_admin.c */
void make_stream(unsigned int stream, bool automatic);
void look(uint64_t *random);
void configure(uint64_t *random);
void administrate(uint64_t *random);

#endif /* STORM_H */
