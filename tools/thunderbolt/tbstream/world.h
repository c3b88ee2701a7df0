/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hosts and streams that can be seen from here, and which one is meant.
 */

#ifndef TBSTREAM_WORLD_H
#define TBSTREAM_WORLD_H

#include "tbstream.h"

#define DRIVER_NAME "thunderbolt_stream"
#define UUID_SIZE 37

/**
 * struct host - A computer at the other end of a cable
 * @domain: Thunderbolt domain, one for each host controller
 * @route: Route string, as in the sysfs name
 * @device: sysfs name, such as "0-1"
 * @name: What it calls itself. Chosen by the other side: may be anything
 * @uuid: Its UUID
 * @vendor: What its maker calls itself
 * @rx_speed: Gb/s of a lane towards us, as the kernel writes it
 * @tx_speed: The same, towards the other side
 * @rx_lanes: Number of lanes towards us
 * @tx_lanes: The same, towards the other side
 * @service: sysfs name of its "stream" service, or empty
 * @index: The number behind the dot of @service, or -1
 * @driver: Driver that is bound to @service, or empty
 */
struct host {
	int domain;
	uint64_t route;
	char device[32];
	char name[80];
	char uuid[UUID_SIZE];
	char vendor[80];
	char rx_speed[16];
	char tx_speed[16];
	char rx_lanes[16];
	char tx_lanes[16];
	char service[40];
	int index;
	char driver[40];
};

/**
 * struct stream - A stream that is configured on this host
 * @service: The directory it is in: a service's sysfs name or a UUID
 * @name: Its name
 * @index: The X of /dev/tbstreamX, or -1
 * @state: As the driver says, empty if it does not say (the stock one)
 * @peer: UUID of the host it is attached to, or empty
 * @in_hopid: As it reads
 * @out_hopid: As it reads
 * @host: Index in world.hosts of the host that it leads to, or -1
 */
struct stream {
	char service[48];
	char name[32];
	int index;
	char state[32];
	char peer[UUID_SIZE];
	char in_hopid[16];
	char out_hopid[16];
	int host;
};

/**
 * struct world - All that can be seen from here
 * @hosts: Hosts at the other ends of cables
 * @host_count: Their number
 * @streams: Configured streams
 * @stream_count: Their number
 */
struct world {
	struct host *hosts;
	int host_count;
	struct stream *streams;
	int stream_count;
};

void world_read(struct world *world);
void world_free(struct world *world);
const struct host *stream_host(const struct world *world,
			       const struct stream *stream);
bool is_uuid(const char *text);

/**
 * struct target - "[HOST/]NAME" taken apart
 * @host: HOST, or NULL
 * @name: NAME
 * @text: Holds both
 */
struct target {
	const char *host;
	const char *name;
	char text[160];
};

void world_await(struct world *world, const struct options *options,
		 const struct target *target, bool makes);
int target_parse(struct target *target, const char *text);
int select_host(const struct world *world, const struct options *options,
		const char *text, const struct host **found);
bool stream_fits(const struct world *world, const struct options *options,
		 const struct target *target, const struct stream *stream);
int count_streams(const struct world *world, const struct options *options,
		  const struct target *target, const struct stream **found);
int select_stream(const struct world *world, const struct options *options,
		  const struct target *target, const struct stream **found);
bool host_is_called(const struct host *host, const char *text);
bool host_selected(const struct options *options, const struct host *host);
int driver_missing(void);

#endif /* TBSTREAM_WORLD_H */
