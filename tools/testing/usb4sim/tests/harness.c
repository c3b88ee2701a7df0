// SPDX-License-Identifier: GPL-2.0-only
/* Runs the registered tests one by one and prints KTAP. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

/* Same value as KSFT_SKIP. */
#define EXIT_SKIP	4
#define TEST_MS		60000
#define MAX_DEFERRED	16
#define LOG_TAIL	8192

static struct test *first_test;
static struct test **last_test = &first_test;
/* Short, because Unix socket addresses are. */
static char test_dir[72];

static struct {
	void (*fn)(void *arg);
	void *arg;
} deferred[MAX_DEFERRED];
static int deferred_count;

/**
 * harness_register() - add a test to the end of the list
 * @test: Test with static storage
 */
void harness_register(struct test *test)
{
	*last_test = test;
	last_test = &test->next;
}

/**
 * harness_defer() - run @fn after a test body that returned without failure
 * @fn: Called in reverse order of registration; may fail the test
 * @arg: Passed to @fn
 */
void harness_defer(void (*fn)(void *arg), void *arg)
{
	if (deferred_count == MAX_DEFERRED)
		FAIL("more than %d deferred functions", MAX_DEFERRED);
	deferred[deferred_count].fn = fn;
	deferred[deferred_count++].arg = arg;
}

/**
 * harness_dir() - private directory of the running test
 *
 * Return: an absolute path; the runner removes it when the test ends.
 */
const char *harness_dir(void)
{
	return test_dir;
}

/**
 * harness_fail() - end the running test with a failure
 * @file: Source file of the check
 * @line: Line of the check
 * @fmt: What was expected and what was found
 */
void harness_fail(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	va_list ap;

	printf("%s:%d: ", base ? base + 1 : file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

/**
 * harness_skip() - end the running test as skipped
 * @fmt: Reason
 */
void harness_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	_exit(EXIT_SKIP);
}

/**
 * harness_note() - print a line that helps to understand a failure
 * @fmt: Message without newline; shown only when the test fails
 */
void harness_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

/**
 * harness_check_mem() - compare two buffers, fail with the first difference
 * @file: Source file of the check
 * @line: Line of the check
 * @what: Name of the checked buffer
 * @expected: Bytes that should be there
 * @actual: Bytes that are there
 * @len: Number of bytes
 */
void harness_check_mem(const char *file, int line, const char *what,
		       const void *expected, const void *actual, size_t len)
{
	const uint8_t *e = expected, *a = actual;
	size_t i;

	for (i = 0; i < len; i++) {
		if (e[i] != a[i])
			harness_fail(file, line,
				     "%s: byte %zu of %zu: expected %#x, actual %#x",
				     what, i, len, e[i], a[i]);
	}
}

/**
 * harness_now_us() - monotonic time
 *
 * Return: microseconds.
 */
int64_t harness_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

static double harness_scale(void)
{
	const char *text = getenv("USIM_TEST_SCALE");
	double scale = text ? atof(text) : 1.0;

	return scale > 0.0 ? scale : 1.0;
}

/**
 * harness_deadline() - point in time after which a wait is given up
 * @ms: Milliseconds from now, before scaling
 *
 * Return: monotonic microseconds.
 */
int64_t harness_deadline(int ms)
{
	return harness_now_us() + (int64_t)(ms * 1000.0 * harness_scale());
}

/**
 * harness_expired() - has the deadline passed
 * @deadline: From harness_deadline()
 *
 * Return: true when it has.
 */
bool harness_expired(int64_t deadline)
{
	return harness_now_us() >= deadline;
}

/** harness_pause() - give the other process the CPU between two polls */
void harness_pause(void)
{
	struct timespec ts = { .tv_nsec = 100 * 1000 };

	nanosleep(&ts, NULL);
}

static int remove_one(const char *path, const struct stat *st, int flag,
		      struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/*
 * Outlives the runner just long enough to remove its directory: the pipe
 * reports end-of-file when the last holder, the runner, is gone for any reason.
 */
static pid_t start_janitor(const char *base, int *alive_fd)
{
	int fds[2], null;
	pid_t pid;
	char c;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid) {
		close(fds[0]);
		*alive_fd = fds[1];
		return pid;
	}
	setsid();
	close(fds[1]);
	null = open("/dev/null", O_RDWR);
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	while (read(fds[0], &c, 1) < 0 && errno == EINTR)
		;
	remove_tree(base);
	_exit(0);
}

static void run_child(const struct test *test, const char *out, int alive_fd)
{
	int fd = open(out, O_WRONLY | O_CREAT | O_APPEND, 0600);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	close(alive_fd);
	dup2(fd, 1);
	dup2(fd, 2);
	close(fd);
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	test->fn();
	while (deferred_count--)
		deferred[deferred_count].fn(deferred[deferred_count].arg);
	fflush(stdout);
	_exit(0);
}

/* Waits for the child; kills it when the deadline passes. */
static bool wait_child(pid_t pid, int *status)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };
	bool in_time;
	int ms = (int)(TEST_MS * harness_scale());

	in_time = pidfd < 0 || poll(&pfd, 1, ms) > 0;
	if (!in_time)
		kill(-pid, SIGKILL);
	waitpid(pid, status, 0);
	if (pidfd >= 0)
		close(pidfd);
	return in_time;
}

/* Orphans of the test come to us, because we are a subreaper. */
static void reap_group(pid_t pgid)
{
	kill(-pgid, SIGKILL);
	while (waitpid(-pgid, NULL, 0) > 0)
		;
}

static void print_tail(const char *path, const char *prefix)
{
	FILE *f = fopen(path, "r");
	char line[1024];

	if (!f)
		return;
	if (fseek(f, 0, SEEK_END) == 0 && ftell(f) > LOG_TAIL)
		fseek(f, -LOG_TAIL, SEEK_END);
	else
		rewind(f);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		printf("# %s%s\n", prefix, line);
	}
	fclose(f);
}

static void first_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "r");

	line[0] = '\0';
	if (f) {
		if (fgets(line, (int)size, f))
			line[strcspn(line, "\n")] = '\0';
		fclose(f);
	}
}

static bool run_test(const struct test *test, int number, const char *base,
		     int alive_fd)
{
	char out[PATH_MAX], err[PATH_MAX], reason[256];
	int64_t start = harness_now_us();
	bool in_time, passed, skipped;
	int status = 0;
	double seconds;
	pid_t pid;

	snprintf(test_dir, sizeof(test_dir), "%s/%d", base, number);
	mkdir(test_dir, 0700);
	snprintf(out, sizeof(out), "%s/output", test_dir);
	snprintf(err, sizeof(err), "%s/sim.stderr", test_dir);
	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		printf("Bail out! fork: %s\n", strerror(errno));
		exit(1);
	}
	if (!pid)
		run_child(test, out, alive_fd);
	setpgid(pid, pid);
	in_time = wait_child(pid, &status);
	reap_group(pid);

	seconds = (double)(harness_now_us() - start) / 1e6;
	passed = in_time && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	skipped = in_time && WIFEXITED(status) &&
		  WEXITSTATUS(status) == EXIT_SKIP;
	if (skipped) {
		first_line(out, reason, sizeof(reason));
		printf("ok %d %s # SKIP %s\n", number, test->name, reason);
	} else if (passed) {
		printf("ok %d %s # time=%.3fs\n", number, test->name, seconds);
	} else {
		print_tail(out, "");
		if (!in_time)
			printf("# expected an end within %.0f s, actual: killed\n",
			       TEST_MS * harness_scale() / 1000.0);
		else if (WIFSIGNALED(status))
			printf("# expected a normal end, actual: signal %d\n",
			       WTERMSIG(status));
		print_tail(err, "usb4sim: ");
		printf("not ok %d %s # time=%.3fs\n", number, test->name,
		       seconds);
	}
	fflush(stdout);
	remove_tree(test_dir);
	return passed || skipped;
}

int main(int argc, char **argv)
{
	const char *tmp = getenv("TMPDIR");
	int count = 0, number = 0, failed = 0, alive_fd = -1;
	const struct test *test;
	char base[56];
	pid_t janitor;

	if (argc > 2) {
		fprintf(stderr, "usage: %s [PART-OF-A-TEST-NAME]\n", argv[0]);
		return 2;
	}
	if (!getenv("USB4SIM")) {
		printf("Bail out! USB4SIM does not name the usb4sim binary\n");
		return 1;
	}
	/* Unix socket paths are short: a long TMPDIR does not fit. */
	if (!tmp || strlen(tmp) > 24)
		tmp = "/tmp";
	snprintf(base, sizeof(base), "%s/usb4sim-test.XXXXXX", tmp);
	if (!mkdtemp(base)) {
		printf("Bail out! mkdtemp %s: %s\n", base, strerror(errno));
		return 1;
	}
	janitor = start_janitor(base, &alive_fd);
	prctl(PR_SET_CHILD_SUBREAPER, 1);

	for (test = first_test; test; test = test->next)
		count += argc < 2 || strstr(test->name, argv[1]);
	printf("KTAP version 1\n1..%d\n", count);
	for (test = first_test; test; test = test->next) {
		if (argc < 2 || strstr(test->name, argv[1]))
			failed += !run_test(test, ++number, base, alive_fd);
	}
	close(alive_fd);
	if (janitor > 0)
		waitpid(janitor, NULL, 0);
	return failed || !count;
}
