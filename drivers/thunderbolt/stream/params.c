// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parsing of what a user may write. Each function takes the whole text or
 * nothing of it.
 */

#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/uuid.h>

#include "params.h"
#include "proto.h"

const struct tbstream_params tbstream_params_default = {
	.ring_size = TBSTREAM_RING_SIZE_DEFAULT,
	.throttling = TBSTREAM_THROTTLING_DEFAULT,
	.busy_poll = false,
	.linger = TBSTREAM_LINGER_DEFAULT,
};

/**
 * tbstream_parse_hopid() - Parse a HopID
 * @page: Text, with or without a newline at the end
 * @requested: Where to put the value
 *
 * Whether the HopID exists on this link is not known here.
 *
 * Return: 0; -ERANGE for a number that cannot be a HopID for tunnels; -EINVAL if
 * it is no number.
 */
int tbstream_parse_hopid(const char *page, int *requested)
{
	int value, ret;

	ret = kstrtoint(page, 0, &value);
	if (ret)
		return ret;
	if (value != TBSTREAM_HOPID_AUTOMATIC && value != TBSTREAM_HOPID_NONE &&
	    value < TBSTREAM_HOPID_MIN)
		return -ERANGE;

	*requested = value;
	return 0;
}

/**
 * tbstream_parse_u32() - Parse a number within bounds
 * @page: Text, with or without a newline at the end
 * @min: Smallest value allowed
 * @max: Largest value allowed
 * @value: Where to put the value
 *
 * Return: 0; -ERANGE if it is out of bounds; -EINVAL if it is no number.
 */
int tbstream_parse_u32(const char *page, u32 min, u32 max, u32 *value)
{
	s64 number;
	int ret;

	/* Signed, so that -1 is out of range and not nonsense */
	ret = kstrtos64(page, 0, &number);
	if (ret)
		return ret;
	if (number < min || number > max)
		return -ERANGE;

	*value = number;
	return 0;
}

/**
 * tbstream_parse_bool() - Parse 0 or 1
 * @page: Text, with or without a newline at the end
 * @value: Where to put the value
 *
 * Return: 0; -ERANGE for another number; -EINVAL if it is no number.
 */
int tbstream_parse_bool(const char *page, bool *value)
{
	u32 number;
	int ret;

	ret = tbstream_parse_u32(page, 0, 1, &number);
	if (ret)
		return ret;

	*value = number;
	return 0;
}

/**
 * tbstream_check_name() - Can a stream have this name?
 * @name: Name
 *
 * The name becomes a property key, which has 8 characters.
 *
 * Return: 0; -ENAMETOOLONG; -EINVAL if it is empty or not printable ASCII.
 */
int tbstream_check_name(const char *name)
{
	const char *p;

	if (!*name)
		return -EINVAL;
	for (p = name; *p; p++) {
		/* Bytes above ASCII are letters to isprint() */
		if (!isascii(*p) || !isprint(*p))
			return -EINVAL;
	}
	return p - name > TBSTREAM_NAME_MAX ? -ENAMETOOLONG : 0;
}

/**
 * tbstream_check_service() - Can this be the name of a service?
 * @name: "<domain>-<route>.<index>" as in sysfs, or the peer's UUID
 *
 * Of a sysfs name only the spelling that the kernel itself prints is taken: no
 * other would ever match.
 *
 * Return: 0; -ENAMETOOLONG; -EINVAL if it is neither.
 */
int tbstream_check_service(const char *name)
{
	char canonical[TBSTREAM_SERVICE_NAME_MAX + 1];
	unsigned int domain, index;
	unsigned long long route;
	uuid_t uuid;

	if (strlen(name) > TBSTREAM_SERVICE_NAME_MAX)
		return -ENAMETOOLONG;

	/* A sysfs name can be as long as a UUID, but not look like one */
	if (strlen(name) == UUID_STRING_LEN && !uuid_parse(name, &uuid))
		return 0;

	if (sscanf(name, "%u-%llx.%u", &domain, &route, &index) != 3)
		return -EINVAL;
	snprintf(canonical, sizeof(canonical), "%u-%llx.%u", domain, route,
		 index);
	return strcmp(name, canonical) ? -EINVAL : 0;
}
