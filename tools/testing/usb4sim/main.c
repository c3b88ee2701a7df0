// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - simulated USB4 hosts for virtual machines
 *
 * Each host is a PCI function that a QEMU machine gets over vfio-user. See
 * README.
 */

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cable.h"
#include "dock.h"
#include "forward.h"
#include "host.h"
#include "monitor.h"
#include "script.h"
#include "usim.h"
#include "util.h"

/* Unique IDs of the simulated routers start with this; those of docks have a bit more. */
#define UID_BASE	UINT64_C(0x5534530000000000)
#define UID_DOCK	UINT64_C(0x0000040000000000)

static struct usim sim = {
	.log.fd = -1,
	.record.fd = -1,
};

static struct usim_source signals = { .fd = -1 };

static const char usage[] =
	"usage: usb4sim --host name=NAME,socket=PATH[,OPTION...] [--host ...]\n"
	"               [--dock name=NAME[,OPTION...] ...]\n"
	"               [--cable NAME:PORT,NAME:PORT ...] --control PATH\n"
	"               [--log PATH] [--strict RULE[,RULE...]] [--debug]\n"
	"\n"
	"  --host      a virtual host; OPTIONs are\n"
	"                kind=machine|script a virtual machine connects to it, or it is\n"
	"                                    driven through the control socket (no socket=)\n"
	"                profile=intel|amd   12 or 3 rings (default intel)\n"
	"                uuid-seed=N         number in its UUID (default: its position)\n"
	"                lanes=1|2           lanes of a port (default 1)\n"
	"                ports=N             USB4 ports, 1 to 4 (default 1)\n"
	"                usb4=1|2            USB4 version (default 1)\n"
	"                doorbells=trapped|mapped  a message for each doorbell, or memory\n"
	"                                    that is looked at (default trapped)\n"
	"  --dock      a router between hosts; OPTIONs are uuid-seed, lanes, usb4 as above and\n"
	"                ports=N             USB4 ports, 2 to 4 (default 3); port 1 leads to\n"
	"                                    the host that it belongs to\n"
	"  --cable     connects two ports; PORT is the number of the lane 0 adapter: 1, 3, ...\n"
	"  --control   socket for usb4simctl\n"
	"  --log       event log, a JSON object on each line\n"
	"  --strict    count these warnings as violations, or all of them: all\n"
	"  --debug     describe events on standard error\n"
	"\n"
	"Prints \"ready\" when virtual machines can connect.\n";

static int option_error(const char *fmt, const char *arg)
{
	fprintf(stderr, "usb4sim: ");
	fprintf(stderr, fmt, arg);
	fprintf(stderr, "\nusb4sim: try --help\n");
	return -EINVAL;
}

static bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *val)
{
	char *end;

	errno = 0;
	*val = strtoull(text, &end, 0);
	return *text >= '0' && *text <= '9' && !*end && !errno && *val >= min && *val <= max;
}

static bool valid_name(const char *name)
{
	return *name && strlen(name) <= 64 && !strpbrk(name, ":, \t\n\"\\");
}

static int host_option(struct usim_host_config *config, const char *key, const char *val)
{
	uint64_t n;

	if (!strcasecmp(key, "name") && valid_name(val)) {
		free(config->name);
		config->name = strdup(val);
	} else if (!strcmp(key, "socket") && *val) {
		free(config->socket);
		config->socket = strdup(val);
	} else if (!strcmp(key, "kind") && (!strcmp(val, "machine") || !strcmp(val, "script"))) {
		config->script = !strcmp(val, "script");
	} else if (!strcmp(key, "profile") && usim_profile_find(val)) {
		config->profile = usim_profile_find(val);
	} else if (!strcmp(key, "uuid-seed") &&
		   parse_number(val, 0, UINT64_C(0xffffffffff), &n)) {
		config->uid = UID_BASE | n;
	} else if (!strcmp(key, "lanes") && parse_number(val, 1, 2, &n)) {
		config->lanes = (unsigned int)n;
	} else if (!strcmp(key, "ports") && parse_number(val, 1, USIM_MAX_PORTS, &n)) {
		config->ports = (unsigned int)n;
	} else if (!strcmp(key, "usb4") && parse_number(val, 1, 2, &n)) {
		config->usb4 = (unsigned int)n;
	} else if (!strcmp(key, "doorbells") &&
		   (!strcmp(val, "trapped") || !strcmp(val, "mapped"))) {
		config->mapped_doorbells = !strcmp(val, "mapped");
	} else {
		return -EINVAL;
	}
	return 0;
}

typedef int (*option_fn)(struct usim_host_config *config, const char *key, const char *val);

/* KEY=VALUE,KEY=VALUE... */
static int parse_words(const char *option, const char *arg, struct usim_host_config *config,
		       option_fn set)
{
	char *copy = strdup(arg), *save = NULL, *word;
	int ret = copy ? 0 : -ENOMEM;

	for (word = copy ? strtok_r(copy, ",", &save) : NULL; word && !ret;
	     word = strtok_r(NULL, ",", &save)) {
		char *val = strchr(word, '=');

		if (val)
			*val++ = '\0';
		if (!val || set(config, word, val)) {
			fprintf(stderr, "usb4sim: %s %s: bad option %s%s%s\n", option, arg, word,
				val ? "=" : "", val ? val : "");
			ret = -EINVAL;
		}
	}
	free(copy);
	return ret;
}

static bool name_taken(const char *name)
{
	unsigned int i;

	for (i = 0; i < sim.ndocks; i++)
		if (!strcmp(sim.dock[i]->name, name))
			return true;
	return usim_host_find(&sim, name);
}

static int add_host(const char *arg)
{
	struct usim_host_config config = {
		.profile = usim_profile_find("intel"),
		.uid = UID_BASE | (sim.nhosts + 1),
		.lanes = 1,
		.ports = 1,
		.usb4 = 1,
	};
	int ret = parse_words("--host", arg, &config, host_option);

	if (!ret && (!config.name || !config.socket == !config.script))
		ret = option_error("--host %s: needs name= and, unless it is scripted, socket=",
				   arg);
	if (!ret && name_taken(config.name))
		ret = option_error("--host %s: there is something of that name already", arg);
	if (!ret && sim.nhosts == USIM_MAX_HOSTS)
		ret = option_error("--host %s: too many hosts", arg);
	if (!ret) {
		sim.host[sim.nhosts] = usim_host_new(&sim, &config);
		if (sim.host[sim.nhosts]) {
			sim.nhosts++;
			return 0;
		}
		ret = -ENOMEM;
	}
	free(config.name);
	free(config.socket);
	return ret;
}

static int dock_option(struct usim_host_config *config, const char *key, const char *val)
{
	static const char * const keys[] = { "name", "uuid-seed", "lanes", "ports", "usb4" };
	size_t i;

	/* A dock has some of the options of a host. */
	for (i = 0; i < USIM_ARRAY_SIZE(keys); i++)
		if (!strcmp(keys[i], key))
			return host_option(config, key, val);
	return -EINVAL;
}

static int add_dock(const char *arg)
{
	struct usim_host_config config = {
		.uid = UID_BASE | (sim.ndocks + 1),
		.lanes = 1,
		.ports = 3,
		.usb4 = 1,
	};
	int ret = parse_words("--dock", arg, &config, dock_option);

	if (!ret && !config.name)
		ret = option_error("--dock %s: needs name=", arg);
	if (!ret && name_taken(config.name))
		ret = option_error("--dock %s: there is something of that name already", arg);
	if (!ret && config.ports < 2)
		ret = option_error("--dock %s: has at least two ports", arg);
	if (!ret && sim.ndocks == USIM_MAX_DOCKS)
		ret = option_error("--dock %s: too many docks", arg);
	if (!ret) {
		sim.dock[sim.ndocks] = usim_dock_new(&sim, config.name, config.uid | UID_DOCK,
						     config.ports, config.lanes, config.usb4);
		if (sim.dock[sim.ndocks]) {
			sim.ndocks++;
			return 0;
		}
		ret = -ENOMEM;
	}
	free(config.name);
	return ret;
}

static int add_strict(const char *arg)
{
	char *copy = strdup(arg), *save = NULL, *word;
	enum usim_rule rule;
	int ret = copy ? 0 : -ENOMEM;

	for (word = copy ? strtok_r(copy, ",", &save) : NULL; word && !ret;
	     word = strtok_r(NULL, ",", &save)) {
		if (!strcmp(word, "all"))
			memset(sim.strict, true, sizeof(sim.strict));
		else if (usim_rule_find(word, &rule))
			sim.strict[rule] = true;
		else
			ret = option_error("--strict: there is no rule %s", word);
	}
	free(copy);
	return ret;
}

static struct usim_router *find_router(const char *name)
{
	struct usim_host *host = usim_host_find(&sim, name);
	unsigned int i;

	for (i = 0; i < sim.ndocks; i++)
		if (!strcmp(sim.dock[i]->name, name))
			return &sim.dock[i]->router;
	return host ? &host->router : NULL;
}

static bool is_upstream(const struct usim_port *port)
{
	return port == port->router->upstream_port;
}

static struct usim_port *find_port(char *end)
{
	char *number = strchr(end, ':');
	struct usim_router *router;
	uint64_t n;

	if (!number)
		return NULL;
	*number++ = '\0';
	router = find_router(end);
	if (!router || !parse_number(number, 1, 2 * USIM_MAX_PORTS, &n) || !(n % 2) ||
	    n / 2 >= router->nports)
		return NULL;
	return &router->port[n / 2];
}

static int add_cable(const char *arg)
{
	struct usim_port *port[2] = { NULL, NULL };
	char *copy = strdup(arg), *second;
	int ret = 0;

	second = copy ? strchr(copy, ',') : NULL;
	if (second) {
		*second++ = '\0';
		port[0] = find_port(copy);
		port[1] = find_port(second);
	}
	free(copy);
	if (!port[0] || !port[1] || port[0] == port[1])
		ret = option_error("--cable %s: needs two ports NAME:PORT of hosts or docks given before it",
				   arg);
	else if (is_upstream(port[0]) && is_upstream(port[1]))
		ret = option_error("--cable %s: between docks, one port is a downstream one", arg);
	else if (port[0]->cable || port[1]->cable)
		ret = option_error("--cable %s: there is a cable in that port already", arg);
	else if (sim.ncables == USIM_MAX_CABLES)
		ret = option_error("--cable %s: too many cables", arg);
	if (ret)
		return ret;
	sim.cable[sim.ncables] = usim_cable_new(&sim, port[0], port[1]);
	if (!sim.cable[sim.ncables])
		return -ENOMEM;
	sim.ncables++;
	return 0;
}

/*
 * A guest that truncates the file its memory is in makes the next access
 * fault. Give the access something to work on; the guest is dropped later.
 */
static void bus_error(int sig, siginfo_t *info, void *context)
{
	unsigned int i;

	(void)context;
	for (i = 0; i < sim.nhosts; i++)
		if (usim_dma_repair(&sim.host[i]->dma, info->si_addr))
			return;
	signal(sig, SIG_DFL);
}

static void signals_ready(struct usim_source *src, uint32_t events)
{
	struct signalfd_siginfo info;

	(void)events;
	if (read(src->fd, &info, sizeof(info)) == sizeof(info))
		sim.loop.stop = true;
}

static int catch_signals(void)
{
	struct sigaction bus = { .sa_sigaction = bus_error, .sa_flags = SA_SIGINFO };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) || sigaction(SIGBUS, &bus, NULL))
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals.fd < 0)
		return -errno;
	signals.ready = signals_ready;
	return usim_loop_add(&sim.loop, &signals, EPOLLIN);
}

/* The event loop runs the hosts after each timer; there is nothing else to do. */
static void look_again(struct usim_timer *timer)
{
	(void)timer;
}

static bool run_hosts(void *data)
{
	bool more = false;
	unsigned int i;

	(void)data;
	usim_doorbell_poll(&sim);
	for (i = 0; i < sim.nhosts; i++) {
		struct usim_host *host = sim.host[i];

		if (!usim_host_running(host))
			continue;
		if (host->script) {
			more |= usim_script_run(host);
			continue;
		}
		more |= usim_control_run(host);
		more |= usim_forward_run(host);
	}
	for (i = 0; i < sim.ndocks; i++)
		usim_dock_notify(sim.dock[i]);
	for (i = 0; i < sim.nhosts; i++) {
		struct usim_host *host = sim.host[i];

		if (host->dma.vanished) {
			usim_rule_broken(host, USIM_RULE_CLIENT_MEMORY, "file was truncated");
			usim_vfio_disconnect(host, "guest memory vanished");
		}
	}
	if (sim.record.len)
		usim_record_flush(&sim);
	return more;
}

static int parse_options(int argc, char **argv, const char **control, const char **log)
{
	static const struct option options[] = {
		{ "host", required_argument, NULL, 'H' },
		{ "dock", required_argument, NULL, 'D' },
		{ "cable", required_argument, NULL, 'C' },
		{ "control", required_argument, NULL, 's' },
		{ "log", required_argument, NULL, 'l' },
		{ "strict", required_argument, NULL, 'S' },
		{ "debug", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	int opt, ret = 0;

	while (!ret && (opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (opt) {
		case 'H':
			ret = add_host(optarg);
			break;
		case 'D':
			ret = add_dock(optarg);
			break;
		case 'C':
			ret = add_cable(optarg);
			break;
		case 's':
			*control = optarg;
			break;
		case 'l':
			*log = optarg;
			break;
		case 'S':
			ret = add_strict(optarg);
			break;
		case 'd':
			sim.log.debug = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			ret = option_error("%s", "unknown option or missing argument");
		}
	}
	if (!ret && optind < argc)
		ret = option_error("%s: not an option", argv[optind]);
	if (!ret && (!sim.nhosts || !*control))
		ret = option_error("%s", "needs --host and --control");
	return ret;
}

static int start(const char *control, const char *log)
{
	unsigned int i;
	int ret;

	if (log) {
		ret = usim_log_open(&sim.log, log);
		if (ret) {
			fprintf(stderr, "usb4sim: event log %s: %s\n", log, strerror(-ret));
			return ret;
		}
	}
	ret = catch_signals();
	if (ret) {
		fprintf(stderr, "usb4sim: signals: %s\n", strerror(-ret));
		return ret;
	}
	for (i = 0; i < sim.nhosts; i++) {
		ret = sim.host[i]->script ? 0 : usim_vfio_listen(sim.host[i]);
		if (ret) {
			fprintf(stderr, "usb4sim: socket %s of host %s: %s\n",
				sim.host[i]->config.socket, sim.host[i]->name, strerror(-ret));
			return ret;
		}
	}
	ret = usim_monitor_open(&sim, control);
	if (ret) {
		fprintf(stderr, "usb4sim: control socket %s: %s\n", control, strerror(-ret));
		return ret;
	}
	/* Between scripted hosts nobody else brings a link up. */
	for (i = 0; i < sim.ncables; i++)
		usim_cable_update(sim.cable[i]);
	return 0;
}

static void stop(void)
{
	unsigned int i;

	usim_monitor_close(&sim);
	usim_record_stop(&sim);
	for (i = 0; i < sim.nhosts; i++)
		usim_vfio_close(sim.host[i]);
	for (i = 0; i < sim.ncables; i++)
		usim_cable_free(sim.cable[i]);
	for (i = 0; i < sim.ndocks; i++)
		usim_dock_free(sim.dock[i]);
	for (i = 0; i < sim.nhosts; i++)
		usim_host_free(sim.host[i]);
	usim_loop_close(&sim.loop, &signals);
	usim_loop_exit(&sim.loop);
	usim_log_close(&sim.log);
}

int main(int argc, char **argv)
{
	const char *control = NULL, *log = NULL;
	int ret;

	sim.started = usim_now();
	ret = usim_loop_init(&sim.loop);
	if (ret) {
		fprintf(stderr, "usb4sim: epoll: %s\n", strerror(-ret));
		return 1;
	}
	sim.loop.work = run_hosts;
	sim.doorbell_timer.expired = look_again;
	usim_held_init(&sim);
	ret = parse_options(argc, argv, &control, &log);
	if (ret) {
		stop();
		return 2;
	}
	ret = start(control, log);
	if (!ret) {
		puts("ready");
		fflush(stdout);
		ret = usim_loop_run(&sim.loop);
		if (ret)
			fprintf(stderr, "usb4sim: event loop: %s\n", strerror(-ret));
	}
	stop();
	return ret ? 1 : 0;
}
