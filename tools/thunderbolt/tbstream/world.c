// SPDX-License-Identifier: GPL-2.0-only
/*
 * What there is: hosts from the Thunderbolt bus, streams from ConfigFS, and what
 * the class says about them when the driver is ours.
 */

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fs.h"
#include "world.h"

/**
 * is_uuid() - Does this look like a UUID?
 * @text: The text
 *
 * Return: true for 8-4-4-4-12 hexadecimal digits.
 */
bool is_uuid(const char *text)
{
	int i;

	for (i = 0; i < UUID_SIZE - 1; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23 ? text[i] != '-' :
		    !isxdigit((unsigned char)text[i]))
			return false;
	}
	return !text[i];
}

/* Is it another computer, and not a dock or this computer's own router? */
static bool is_xdomain(const char *device)
{
	char type[64];

	fs_read_line(type, sizeof(type), "DEVTYPE=", BUS_DIR "/%s/uevent", device);
	return !strcmp(type, "thunderbolt_xdomain");
}

static void read_host(struct host *host, const char *device)
{
	copy(host->device, sizeof(host->device), device);
	host->index = -1;
	fs_read(host->name, sizeof(host->name), BUS_DIR "/%s/device_name", device);
	fs_read(host->uuid, sizeof(host->uuid), BUS_DIR "/%s/unique_id", device);
	fs_read(host->vendor, sizeof(host->vendor), BUS_DIR "/%s/vendor_name", device);
	fs_read(host->rx_speed, sizeof(host->rx_speed), BUS_DIR "/%s/rx_speed", device);
	fs_read(host->tx_speed, sizeof(host->tx_speed), BUS_DIR "/%s/tx_speed", device);
	fs_read(host->rx_lanes, sizeof(host->rx_lanes), BUS_DIR "/%s/rx_lanes", device);
	fs_read(host->tx_lanes, sizeof(host->tx_lanes), BUS_DIR "/%s/tx_lanes", device);
}

/* A host can offer several services; the key says which one is for us */
static void read_service(struct world *world, const char *device, int domain,
			 uint64_t route, int index)
{
	struct host *host;
	char key[32];

	fs_read(key, sizeof(key), BUS_DIR "/%s/key", device);
	if (strcmp(key, "stream"))
		return;
	for (host = world->hosts; host < world->hosts + world->host_count; host++) {
		if (host->domain != domain || host->route != route)
			continue;
		copy(host->service, sizeof(host->service), device);
		host->index = index;
		fs_link_name(host->driver, sizeof(host->driver),
			     BUS_DIR "/%s/driver", device);
	}
}

static void read_hosts(struct world *world)
{
	char **names = fs_names(BUS_DIR), **name;
	int domain, index, end;
	uint64_t route;

	for (name = names; *name; name++) {
		end = 0;
		if (sscanf(*name, "%d-%" SCNx64 "%n", &domain, &route, &end) != 2 ||
		    (*name)[end] || !is_xdomain(*name))
			continue;
		world->hosts = grow(world->hosts, world->host_count,
				    sizeof(*world->hosts));
		world->hosts[world->host_count].domain = domain;
		world->hosts[world->host_count].route = route;
		read_host(&world->hosts[world->host_count++], *name);
	}
	for (name = names; *name; name++) {
		end = 0;
		if (sscanf(*name, "%d-%" SCNx64 ".%d%n", &domain, &route, &index,
			   &end) == 3 && !(*name)[end])
			read_service(world, *name, domain, route, index);
	}
	fs_names_free(names);
}

static int find_host_of(const struct world *world, const struct stream *stream)
{
	const struct host *host;
	int i;

	for (i = 0; i < world->host_count; i++) {
		host = &world->hosts[i];
		if (stream->peer[0] ? !strcasecmp(stream->peer, host->uuid) :
		    !strcasecmp(stream->service, host->uuid) ||
		    !strcmp(stream->service, host->service))
			return i;
	}
	return -1;
}

static void read_stream(const struct world *world, struct stream *stream)
{
	char index[16];

	stream->index = -1;
	if (!fs_read(index, sizeof(index), CONFIGFS_DIR "/%s/%s/index",
		     stream->service, stream->name))
		stream->index = atoi(index);
	fs_read(stream->in_hopid, sizeof(stream->in_hopid),
		CONFIGFS_DIR "/%s/%s/in_hopid", stream->service, stream->name);
	fs_read(stream->out_hopid, sizeof(stream->out_hopid),
		CONFIGFS_DIR "/%s/%s/out_hopid", stream->service, stream->name);
	fs_read(stream->state, sizeof(stream->state),
		CLASS_DIR "/tbstream%d/state", stream->index);
	fs_read(stream->peer, sizeof(stream->peer),
		CLASS_DIR "/tbstream%d/peer_uuid", stream->index);
	stream->host = find_host_of(world, stream);
}

static void read_streams(struct world *world)
{
	char **services = fs_names(CONFIGFS_DIR), **service;

	for (service = services; *service; service++) {
		char **names = fs_names(CONFIGFS_DIR "/%s", *service), **name;

		for (name = names; *name; name++) {
			struct stream *stream;

			world->streams = grow(world->streams, world->stream_count,
					      sizeof(*world->streams));
			stream = &world->streams[world->stream_count++];
			copy(stream->service, sizeof(stream->service), *service);
			copy(stream->name, sizeof(stream->name), *name);
			read_stream(world, stream);
		}
		fs_names_free(names);
	}
	fs_names_free(services);
}

/**
 * world_read() - Look at everything
 * @world: Where to put it; world_free() frees it
 */
void world_read(struct world *world)
{
	memset(world, 0, sizeof(*world));
	read_hosts(world);
	read_streams(world);
}

/**
 * world_free() - Forget what was seen
 * @world: What world_read() has filled
 */
void world_free(struct world *world)
{
	free(world->hosts);
	free(world->streams);
	memset(world, 0, sizeof(*world));
}

/**
 * stream_host() - The host that a stream leads to
 * @world: What there is
 * @stream: One of its streams
 *
 * Return: the host, or NULL if it is not there.
 */
const struct host *stream_host(const struct world *world,
			       const struct stream *stream)
{
	return stream->host < 0 ? NULL : &world->hosts[stream->host];
}
