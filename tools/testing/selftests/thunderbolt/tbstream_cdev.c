// SPDX-License-Identifier: GPL-2.0-only
/*
 * The character device, against tbstream_partner.sh on the computer at the other end
 * of the cable. Without it everything is skipped.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "partner.h"
#include "pattern.h"

#define CONFIGFS	"/sys/kernel/config/thunderbolt/stream"
/* The peer reads our properties and we read its within about three seconds */
#define ADOPT_SECONDS	20
#define LARGE		(4u << 20)

/* --- Set-up ------------------------------------------------------------- */

static struct {
	char service[PATH_MAX];
	char stream[PATH_MAX + sizeof(PARTNER_STREAM)];
	char device[64];
	bool made_service;
	pid_t owner;
} setup;

static void clean_up(void)
{
	/* Every test is a process of its own that ends here, too */
	if (getpid() != setup.owner)
		return;
	rmdir(setup.stream);
	if (setup.made_service)
		rmdir(setup.service);
}

/* Exit with code 4 */
static void skip_all(const char *why)
{
	ksft_print_header();
	ksft_exit_skip("%s\n", why);
}

/* First line of a file */
static bool read_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "r");
	bool good;

	if (!file)
		return false;
	good = fgets(line, size, file);
	fclose(file);
	if (good)
		line[strcspn(line, "\n")] = '\0';
	return good;
}

static int attribute(const char *name)
{
	char path[PATH_MAX + 64], line[32];

	snprintf(path, sizeof(path), "%s/%s", setup.stream, name);
	return read_line(path, line, sizeof(line)) ? atoi(line) : -1;
}

static int write_attribute(const char *name, const char *value)
{
	char path[PATH_MAX + 64];
	int file, error = 0;

	snprintf(path, sizeof(path), "%s/%s", setup.stream, name);
	file = open(path, O_WRONLY | O_CLOEXEC);
	if (file < 0)
		return errno;
	if (write(file, value, strlen(value)) < 0)
		error = errno;
	close(file);
	return error;
}

/* The peer's service, such as 0-1.0 */
static bool find_service(char *name, size_t size)
{
	bool found = false;
	glob_t keys;
	size_t i;

	if (glob("/sys/bus/thunderbolt/devices/*/key", 0, NULL, &keys))
		return false;
	for (i = 0; i < keys.gl_pathc && !found; i++) {
		char *path = keys.gl_pathv[i], line[32];

		if (!read_line(path, line, sizeof(line)) || strcmp(line, "stream"))
			continue;
		*strrchr(path, '/') = '\0';
		snprintf(name, size, "%s", strrchr(path, '/') + 1);
		found = true;
	}
	globfree(&keys);
	return found;
}

static void prepare(void)
{
	char service[64];
	int i;

	setup.owner = getpid();
	if (geteuid())
		skip_all("must be root");
	if (access(CONFIGFS, F_OK))
		skip_all("no " CONFIGFS ": is thunderbolt_stream loaded?");
	if (!find_service(service, sizeof(service)))
		skip_all("no peer with a stream service");
	snprintf(setup.service, sizeof(setup.service), CONFIGFS "/%s", service);
	snprintf(setup.stream, sizeof(setup.stream), "%s/" PARTNER_STREAM, setup.service);
	setup.made_service = !mkdir(setup.service, 0755);
	if (mkdir(setup.stream, 0755)) {
		if (setup.made_service)
			rmdir(setup.service);
		skip_all("no stream \"" PARTNER_STREAM "\" can be made: is it there already?");
	}
	atexit(clean_up);
	for (i = 0; i < ADOPT_SECONDS * 20 && attribute("in_hopid") <= 0; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	if (attribute("in_hopid") <= 0)
		skip_all("tbstream_partner.sh does not run on the other computer");
	snprintf(setup.device, sizeof(setup.device), "/dev/tbstream%d", attribute("index"));
}

/* --- Tests -------------------------------------------------------------- */

FIXTURE(stream)
{
	int device;
};

FIXTURE_SETUP(stream)
{
	self->device = open(setup.device, O_RDWR | O_CLOEXEC);
	ASSERT_GE(self->device, 0);
}

FIXTURE_TEARDOWN(stream)
{
	if (self->device >= 0)
		EXPECT_EQ(close(self->device), 0);
}

static bool ask(int device, enum partner_what what, uint64_t bytes, uint64_t seed)
{
	struct partner_request request = { what, bytes, seed };

	return write(device, &request, sizeof(request)) == sizeof(request);
}

/* How much of what was written the partner found right */
static uint64_t answer(int device)
{
	struct partner_answer answer;

	return read(device, &answer, sizeof(answer)) == sizeof(answer) ? answer.bytes : ~0ull;
}

/* How much of the pattern there is after the rest has come, read in pieces of up to @size */
static uint64_t receive_rest(int device, uint64_t offset, uint64_t bytes, size_t size,
			     uint64_t seed)
{
	uint8_t *buffer = malloc(size);

	while (buffer && offset < bytes) {
		size_t want = size < bytes - offset ? size : bytes - offset;
		ssize_t count = read(device, buffer, want);

		if (count <= 0 || pattern_compare(buffer, count, seed, offset) >= 0)
			break;
		offset += count;
	}
	free(buffer);
	return offset;
}

/* How much of the pattern comes, read in pieces of up to @size */
static uint64_t receive(int device, uint64_t bytes, size_t size, uint64_t seed)
{
	return receive_rest(device, 0, bytes, size, seed);
}

/* An address with @there bytes, and behind them no memory for as many bytes as ask for it */
static uint8_t *before_a_hole(size_t there)
{
	size_t size = (there + 4095) / 4096 * 4096;
	uint8_t *begin = mmap(NULL, size + LARGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (begin == MAP_FAILED || mprotect(begin, size, PROT_READ | PROT_WRITE))
		return NULL;
	return begin + size - there;
}

static int set_nonblock(int device)
{
	return fcntl(device, F_SETFL, fcntl(device, F_GETFL) | O_NONBLOCK);
}

/* A file in memory with the beginning of the pattern */
static int pattern_file(size_t bytes, uint64_t seed)
{
	int file = memfd_create("pattern", MFD_CLOEXEC);
	uint8_t *buffer = malloc(bytes);

	pattern_fill(buffer, bytes, seed, 0);
	if (file >= 0 && write(file, buffer, bytes) != (ssize_t)bytes) {
		close(file);
		file = -1;
	}
	free(buffer);
	return file;
}

TEST(open_with_access_mode_3_is_EINVAL)
{
	EXPECT_EQ(open(setup.device, O_ACCMODE), -1);
	EXPECT_EQ(errno, EINVAL);
}

TEST_F(stream, is_a_character_device_that_cannot_seek)
{
	struct stat info;

	ASSERT_EQ(fstat(self->device, &info), 0);
	EXPECT_TRUE(S_ISCHR(info.st_mode));
	EXPECT_EQ(lseek(self->device, 0, SEEK_CUR), -1);
	EXPECT_EQ(errno, ESPIPE);
}

TEST_F(stream, unknown_ioctl_is_ENOTTY)
{
	int value;

	EXPECT_EQ(ioctl(self->device, TIOCGWINSZ, &value), -1);
	EXPECT_EQ(errno, ENOTTY);
}

TEST_F(stream, bytes_of_any_size_arrive)
{
	static const size_t sizes[] = { 1, 255, 256, 257, 4095, 4096, 4097, 300000 };
	uint8_t *buffer = malloc(300000);
	size_t i;

	ASSERT_NE(buffer, NULL);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		pattern_fill(buffer, sizes[i], i, 0);
		ASSERT_TRUE(ask(self->device, PARTNER_TAKE, sizes[i], i));
		ASSERT_EQ(write(self->device, buffer, sizes[i]), (ssize_t)sizes[i]);
		EXPECT_EQ(answer(self->device), sizes[i]);
		ASSERT_TRUE(ask(self->device, PARTNER_GIVE, sizes[i], i));
		EXPECT_EQ(receive(self->device, sizes[i], 65536, i), sizes[i]);
	}
	free(buffer);
}

TEST_F(stream, write_that_may_wait_takes_all)
{
	uint8_t *buffer = malloc(LARGE);

	ASSERT_NE(buffer, NULL);
	pattern_fill(buffer, LARGE, 5, 0);
	ASSERT_TRUE(ask(self->device, PARTNER_TAKE, LARGE, 5));
	EXPECT_EQ(write(self->device, buffer, LARGE), (ssize_t)LARGE);
	EXPECT_EQ(answer(self->device), LARGE);
	free(buffer);
}

/* How much there is before a hole; the memory goes away with the test's process */
static const size_t there[] = { 1, 4095, 4096, 4097, 20000, 65536, 70001 };

TEST_F(stream, write_stops_where_the_memory_does)
{
	const size_t bytes = 100000;
	uint8_t *all = malloc(bytes);
	size_t i;

	ASSERT_NE(all, NULL);
	EXPECT_EQ(write(self->device, before_a_hole(0), bytes), -1);
	EXPECT_EQ(errno, EFAULT);
	for (i = 0; i < ARRAY_SIZE(there); i++) {
		uint8_t *some = before_a_hole(there[i]);

		ASSERT_NE(some, NULL);
		pattern_fill(all, bytes, i, 0);
		memcpy(some, all, there[i]);
		ASSERT_TRUE(ask(self->device, PARTNER_TAKE, bytes, i));
		ASSERT_EQ(write(self->device, some, bytes), (ssize_t)there[i]);
		ASSERT_EQ(write(self->device, all + there[i], bytes - there[i]),
			  (ssize_t)(bytes - there[i]));
		EXPECT_EQ(answer(self->device), bytes);
	}
	free(all);
}

TEST_F(stream, read_into_memory_that_is_not_there_takes_no_byte)
{
	const size_t bytes = 100000;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(there); i++) {
		uint8_t *some = before_a_hole(there[i]);
		ssize_t count;

		ASSERT_NE(some, NULL);
		ASSERT_TRUE(ask(self->device, PARTNER_GIVE, bytes, i));
		EXPECT_EQ(read(self->device, before_a_hole(0), bytes), -1);
		EXPECT_EQ(errno, EFAULT);
		count = read(self->device, some, bytes);
		ASSERT_GT(count, 0);
		ASSERT_LE(count, (ssize_t)there[i]);
		EXPECT_EQ(pattern_compare(some, count, i, 0), -1);
		EXPECT_EQ(receive_rest(self->device, count, bytes, 65536, i), bytes);
	}
}

TEST_F(stream, small_reads_get_every_byte)
{
	ASSERT_TRUE(ask(self->device, PARTNER_GIVE, 100000, 6));
	EXPECT_EQ(receive(self->device, 100000, 777, 6), 100000);
}

TEST_F(stream, read_that_must_not_wait_is_EAGAIN)
{
	uint8_t byte;
	struct iovec vector = { &byte, 1 };

	EXPECT_EQ(preadv2(self->device, &vector, 1, -1, RWF_NOWAIT), -1);
	EXPECT_EQ(errno, EAGAIN);
	ASSERT_EQ(set_nonblock(self->device), 0);
	EXPECT_EQ(read(self->device, &byte, 1), -1);
	EXPECT_EQ(errno, EAGAIN);
}

TEST_F(stream, poll_and_FIONREAD_tell_what_can_be_read)
{
	struct pollfd entry = { .fd = self->device, .events = POLLIN | POLLOUT };
	int bytes = -1;

	ASSERT_EQ(poll(&entry, 1, 10000), 1);
	EXPECT_EQ(entry.revents, POLLOUT);
	ASSERT_EQ(ioctl(self->device, FIONREAD, &bytes), 0);
	EXPECT_EQ(bytes, 0);

	entry.events = POLLIN;
	ASSERT_TRUE(ask(self->device, PARTNER_GIVE, 100, 7));
	ASSERT_EQ(poll(&entry, 1, 10000), 1);
	EXPECT_EQ(entry.revents, POLLIN);
	ASSERT_EQ(ioctl(self->device, FIONREAD, &bytes), 0);
	EXPECT_EQ(bytes, 100);
	EXPECT_EQ(receive(self->device, 100, 100, 7), 100);
	ASSERT_EQ(ioctl(self->device, FIONREAD, &bytes), 0);
	EXPECT_EQ(bytes, 0);
}

TEST_F(stream, partner_that_leaves_is_EOF_and_EPIPE)
{
	struct pollfd entry = { .fd = self->device, .events = POLLIN };
	uint8_t byte = 0;
	int i;

	signal(SIGPIPE, SIG_DFL);
	ASSERT_TRUE(ask(self->device, PARTNER_GIVE, 10, 8));
	ASSERT_TRUE(ask(self->device, PARTNER_LEAVE, 0, 0));
	EXPECT_EQ(receive(self->device, 10, 10, 8), 10);
	ASSERT_EQ(poll(&entry, 1, 10000), 1);
	EXPECT_EQ(read(self->device, &byte, 1), 0);
	/* That it reads no more is another message; no signal: this test goes on */
	for (i = 0; i < 1000 && write(self->device, &byte, 1) == 1; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	EXPECT_LT(i, 1000);
	EXPECT_EQ(errno, EPIPE);
	/* Fails if something was written before that, which nobody will read */
	close(self->device);
	self->device = -1;
}

TEST_F(stream, fsync_succeeds_when_all_was_taken)
{
	uint8_t buffer[5000];

	pattern_fill(buffer, sizeof(buffer), 9, 0);
	ASSERT_TRUE(ask(self->device, PARTNER_TAKE, sizeof(buffer), 9));
	ASSERT_EQ(write(self->device, buffer, sizeof(buffer)), (ssize_t)sizeof(buffer));
	EXPECT_EQ(fsync(self->device), 0);
	EXPECT_EQ(answer(self->device), sizeof(buffer));
}

TEST_F(stream, sendfile_writes_a_file)
{
	int file = pattern_file(100000, 10);
	off_t offset = 0;

	ASSERT_GE(file, 0);
	ASSERT_TRUE(ask(self->device, PARTNER_TAKE, 100000, 10));
	while (offset < 100000)
		ASSERT_GT(sendfile(self->device, file, &offset, 100000 - offset), 0);
	EXPECT_EQ(answer(self->device), 100000);
	close(file);
}

TEST_F(stream, splice_reads_into_a_pipe)
{
	uint8_t buffer[4096];
	size_t offset = 0;
	int ends[2];

	ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
	ASSERT_TRUE(ask(self->device, PARTNER_GIVE, 100000, 11));
	while (offset < 100000) {
		ssize_t moved = splice(self->device, NULL, ends[1], NULL, sizeof(buffer), 0);

		ASSERT_GT(moved, 0);
		ASSERT_EQ(read(ends[0], buffer, sizeof(buffer)), moved);
		ASSERT_LT(pattern_compare(buffer, moved, 11, offset), 0);
		offset += moved;
	}
	EXPECT_EQ(offset, 100000);
	close(ends[0]);
	close(ends[1]);
}

static void on_alarm(int signal)
{
	(void)signal;
}

TEST_F(stream, signal_ends_a_read_that_waits)
{
	struct sigaction action = { .sa_handler = on_alarm };
	/* Again and again, in case the first comes before the read */
	struct itimerval timer = { { 0, 100000 }, { 0, 100000 } };
	uint8_t byte;

	ASSERT_EQ(sigaction(SIGALRM, &action, NULL), 0);
	ASSERT_EQ(setitimer(ITIMER_REAL, &timer, NULL), 0);
	EXPECT_EQ(read(self->device, &byte, 1), -1);
	EXPECT_EQ(errno, EINTR);
	timer = (struct itimerval){ 0 };
	EXPECT_EQ(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

TEST_F(stream, attributes_are_EBUSY_while_it_is_open)
{
	EXPECT_EQ(write_attribute("ring_size", "64"), EBUSY);
	EXPECT_EQ(write_attribute("in_hopid", "0"), EBUSY);
	EXPECT_EQ(attribute("ring_size"), 256);
}

TEST(sessions_follow_each_other)
{
	int i;

	for (i = 0; i < 20; i++) {
		int device = open(setup.device, O_RDWR | O_CLOEXEC);

		ASSERT_GE(device, 0);
		ASSERT_TRUE(ask(device, PARTNER_GIVE, 10 + i, i));
		EXPECT_EQ(receive(device, 10 + i, 100, i), 10 + i);
		EXPECT_EQ(close(device), 0);
	}
}

int main(int argc, char **argv)
{
	prepare();
	return test_harness_run(argc, argv);
}
