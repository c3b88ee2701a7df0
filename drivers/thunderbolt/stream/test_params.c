// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of what a user may write: attribute values, stream names and service
 * names.
 */

#include <kunit/test.h>
#include <linux/errno.h>

#include "params.h"
#include "proto.h"

/* A value that no parser stores, to see that nothing was stored */
#define UNTOUCHED	0x5eed5eed

/**
 * struct text_case - A text and what becomes of it
 * @text: What the user writes
 * @ret: What the parser returns
 * @value: What it stores if @ret is 0
 */
struct text_case {
	const char *text;
	int ret;
	s64 value;
};

static const struct text_case hopid_accepted[] = {
	{ "-1", 0, TBSTREAM_HOPID_AUTOMATIC },
	{ "-1\n", 0, TBSTREAM_HOPID_AUTOMATIC },
	{ "0", 0, TBSTREAM_HOPID_NONE },
	{ "0\n", 0, TBSTREAM_HOPID_NONE },
	{ "8", 0, 8 },
	{ "9\n", 0, 9 },
	{ "0x1f", 0, 31 },
	{ "2147483647", 0, 2147483647 },
};

static const struct text_case hopid_reserved[] = {
	{ "1", -ERANGE },
	{ "7", -ERANGE },
	{ "7\n", -ERANGE },
};

/* -2 is how the driver itself notes that nothing was written */
static const struct text_case hopid_negative[] = {
	{ "-2", -ERANGE },
	{ "-9", -ERANGE },
	{ "-2147483648", -ERANGE },
};

static const struct text_case hopid_too_large[] = {
	{ "2147483648", -ERANGE },
	{ "4294967295", -ERANGE },
	{ "4294967305", -ERANGE },
	{ "-2147483649", -ERANGE },
	{ "18446744073709551625", -ERANGE },
	{ "99999999999999999999999999", -ERANGE },
};

/* The same for every number */
static const struct text_case not_a_number[] = {
	{ "", -EINVAL },
	{ "\n", -EINVAL },
	{ " ", -EINVAL },
	{ "-", -EINVAL },
	{ "+", -EINVAL },
	{ "x", -EINVAL },
	{ "0x", -EINVAL },
	{ "auto", -EINVAL },
	{ "--1", -EINVAL },
	{ "+-1", -EINVAL },
	{ "\xff", -EINVAL },
	{ "\xd9\xa1", -EINVAL },	/* ARABIC-INDIC DIGIT ONE */
};

static const struct text_case junk_around_number[] = {
	{ "1 ", -EINVAL },
	{ " 1", -EINVAL },
	{ "\t1", -EINVAL },
	{ "1\n\n", -EINVAL },
	{ "1\r\n", -EINVAL },
	{ "1\n2", -EINVAL },
	{ "1 2", -EINVAL },
	{ "1,", -EINVAL },
	{ "1.0", -EINVAL },
	{ "1e3", -EINVAL },
	{ "1k", -EINVAL },
	{ "0x1g", -EINVAL },
	{ "09", -EINVAL },		/* 0 begins an octal number */
	{ "1;", -EINVAL },
};

static void expect_hopids(struct kunit *test, const struct text_case *texts,
			  size_t count)
{
	const struct text_case *text;

	for (text = texts; text < texts + count; text++) {
		int wanted = text->ret ? UNTOUCHED : (int)text->value;
		int value = UNTOUCHED;

		KUNIT_EXPECT_EQ_MSG(test, tbstream_parse_hopid(text->text, &value),
				    text->ret, "HopID '%s'", text->text);
		KUNIT_EXPECT_EQ_MSG(test, value, wanted, "HopID '%s'", text->text);
	}
}

static void expect_u32s(struct kunit *test, const char *name, u32 min, u32 max,
			const struct text_case *texts, size_t count)
{
	const struct text_case *text;

	for (text = texts; text < texts + count; text++) {
		u32 wanted = text->ret ? UNTOUCHED : (u32)text->value;
		u32 value = UNTOUCHED;

		KUNIT_EXPECT_EQ_MSG(test,
				    tbstream_parse_u32(text->text, min, max, &value),
				    text->ret, "%s '%s'", name, text->text);
		KUNIT_EXPECT_EQ_MSG(test, value, wanted, "%s '%s'", name, text->text);
	}
}

static void expect_bools(struct kunit *test, const struct text_case *texts,
			 size_t count)
{
	const struct text_case *text;

	for (text = texts; text < texts + count; text++) {
		/* The other one, so that it shows whether it was stored */
		bool value = !text->value;
		bool wanted = text->ret ? value : text->value;

		KUNIT_EXPECT_EQ_MSG(test, tbstream_parse_bool(text->text, &value),
				    text->ret, "bool '%s'", text->text);
		KUNIT_EXPECT_EQ_MSG(test, value, wanted, "bool '%s'", text->text);
	}
}

static void hopid_takes_automatic_none_and_tunnel_hopids(struct kunit *test)
{
	expect_hopids(test, hopid_accepted, ARRAY_SIZE(hopid_accepted));
}

static void hopid_reserved_by_the_specification_is_out_of_range(struct kunit *test)
{
	expect_hopids(test, hopid_reserved, ARRAY_SIZE(hopid_reserved));
}

static void hopid_below_automatic_is_out_of_range(struct kunit *test)
{
	expect_hopids(test, hopid_negative, ARRAY_SIZE(hopid_negative));
}

static void hopid_beyond_32_bits_does_not_wrap(struct kunit *test)
{
	expect_hopids(test, hopid_too_large, ARRAY_SIZE(hopid_too_large));
}

static void hopid_that_is_no_number_is_invalid(struct kunit *test)
{
	expect_hopids(test, not_a_number, ARRAY_SIZE(not_a_number));
}

static void hopid_with_junk_around_it_is_invalid(struct kunit *test)
{
	expect_hopids(test, junk_around_number, ARRAY_SIZE(junk_around_number));
}

static const struct text_case ring_sizes[] = {
	{ "32", 0, 32 },
	{ "256\n", 0, 256 },
	{ "4096", 0, 4096 },
	{ "0x100", 0, 256 },
	{ "31", -ERANGE },
	{ "4097", -ERANGE },
	{ "0", -ERANGE },
	{ "1", -ERANGE },
	{ "-1", -ERANGE },
	{ "-32", -ERANGE },
	{ "4294967328", -ERANGE },		/* 32 modulo 2^32 */
	{ "18446744073709551648", -ERANGE },	/* 32 modulo 2^64 */
	{ "-9223372036854775809", -ERANGE },
};

static void ring_size_is_32_to_4096(struct kunit *test)
{
	expect_u32s(test, "ring_size", TBSTREAM_RING_SIZE_MIN, TBSTREAM_RING_SIZE_MAX,
		    ring_sizes, ARRAY_SIZE(ring_sizes));
}

static const struct text_case throttlings[] = {
	{ "0", 0, 0 },
	{ "8192", 0, 8192 },
	{ "16776960\n", 0, 16776960 },
	{ "16776961", -ERANGE },
	{ "-1", -ERANGE },
	{ "4294967296", -ERANGE },
};

static void throttling_is_0_to_16776960(struct kunit *test)
{
	expect_u32s(test, "throttling", 0, TBSTREAM_THROTTLING_MAX, throttlings,
		    ARRAY_SIZE(throttlings));
}

static const struct text_case lingers[] = {
	{ "0", 0, 0 },
	{ "30000\n", 0, 30000 },
	{ "86400000", 0, 86400000 },
	{ "86400001", -ERANGE },
	{ "-1", -ERANGE },
	{ "4294967296", -ERANGE },
};

static void linger_is_0_to_a_day(struct kunit *test)
{
	expect_u32s(test, "linger", 0, TBSTREAM_LINGER_MAX, lingers,
		    ARRAY_SIZE(lingers));
}

static void number_that_is_none_is_invalid(struct kunit *test)
{
	expect_u32s(test, "number", 0, U32_MAX, not_a_number, ARRAY_SIZE(not_a_number));
}

static void number_with_junk_around_it_is_invalid(struct kunit *test)
{
	expect_u32s(test, "number", 0, U32_MAX, junk_around_number,
		    ARRAY_SIZE(junk_around_number));
}

static const struct text_case bools[] = {
	{ "0", 0, 0 },
	{ "1", 0, 1 },
	{ "0\n", 0, 0 },
	{ "1\n", 0, 1 },
	{ "2", -ERANGE },
	{ "-1", -ERANGE },
	{ "4294967297", -ERANGE },
	{ "y", -EINVAL },
	{ "on", -EINVAL },
	{ "true", -EINVAL },
};

static void busy_poll_is_0_or_1(struct kunit *test)
{
	expect_bools(test, bools, ARRAY_SIZE(bools));
}

static void busy_poll_with_junk_around_it_is_invalid(struct kunit *test)
{
	expect_bools(test, not_a_number, ARRAY_SIZE(not_a_number));
	expect_bools(test, junk_around_number, ARRAY_SIZE(junk_around_number));
}

static void defaults_are_within_their_ranges(struct kunit *test)
{
	const struct tbstream_params *params = &tbstream_params_default;

	KUNIT_EXPECT_EQ(test, params->ring_size, 256);
	KUNIT_EXPECT_EQ(test, params->throttling, 8192);
	KUNIT_EXPECT_FALSE(test, params->busy_poll);
	KUNIT_EXPECT_EQ(test, params->linger, 30000);
	KUNIT_EXPECT_GE(test, params->ring_size, TBSTREAM_RING_SIZE_MIN);
	KUNIT_EXPECT_LE(test, params->ring_size, TBSTREAM_RING_SIZE_MAX);
}

static struct kunit_case attribute_cases[] = {
	KUNIT_CASE(hopid_takes_automatic_none_and_tunnel_hopids),
	KUNIT_CASE(hopid_reserved_by_the_specification_is_out_of_range),
	KUNIT_CASE(hopid_below_automatic_is_out_of_range),
	KUNIT_CASE(hopid_beyond_32_bits_does_not_wrap),
	KUNIT_CASE(hopid_that_is_no_number_is_invalid),
	KUNIT_CASE(hopid_with_junk_around_it_is_invalid),
	KUNIT_CASE(ring_size_is_32_to_4096),
	KUNIT_CASE(throttling_is_0_to_16776960),
	KUNIT_CASE(linger_is_0_to_a_day),
	KUNIT_CASE(number_that_is_none_is_invalid),
	KUNIT_CASE(number_with_junk_around_it_is_invalid),
	KUNIT_CASE(busy_poll_is_0_or_1),
	KUNIT_CASE(busy_poll_with_junk_around_it_is_invalid),
	KUNIT_CASE(defaults_are_within_their_ranges),
	{ }
};

static struct kunit_suite attribute_suite = {
	.name = "thunderbolt_stream_attributes",
	.test_cases = attribute_cases,
};

static void expect_names(struct kunit *test, int (*check)(const char *name),
			 const char *const *names, size_t count, int ret)
{
	size_t i;

	for (i = 0; i < count; i++)
		KUNIT_EXPECT_EQ_MSG(test, check(names[i]), ret, "name '%s'", names[i]);
}

static void stream_name_has_1_to_8_printable_characters(struct kunit *test)
{
	static const char *const names[] = {
		"a", "backup", "12345678", "a b", "~", " ", "-x", ".x", "A_b-c.d",
	};

	expect_names(test, tbstream_check_name, names, ARRAY_SIZE(names), 0);
}

static void empty_stream_name_is_invalid(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, tbstream_check_name(""), -EINVAL);
}

static void stream_name_over_8_characters_is_too_long(struct kunit *test)
{
	static const char *const names[] = {
		"123456789", "a-much-longer-name-than-a-property-key-could-hold",
	};

	expect_names(test, tbstream_check_name, names, ARRAY_SIZE(names),
		     -ENAMETOOLONG);
}

static void stream_name_beyond_printable_ascii_is_invalid(struct kunit *test)
{
	static const char *const names[] = {
		"\n", "a\n", "\ta", "a\x01", "a\x7f", "\x80", "\xff",
		"\xc3\xa9", "\xa0", "a\x1b[0m",
	};

	expect_names(test, tbstream_check_name, names, ARRAY_SIZE(names), -EINVAL);
}

static void every_byte_in_a_stream_name_is_printable_ascii_or_rejected(struct kunit *test)
{
	char name[2] = "";
	int byte;

	for (byte = 1; byte < 256; byte++) {
		name[0] = byte;
		KUNIT_EXPECT_EQ_MSG(test, tbstream_check_name(name),
				    byte >= ' ' && byte <= '~' ? 0 : -EINVAL,
				    "byte 0x%02x", byte);
	}
}

static struct kunit_case name_cases[] = {
	KUNIT_CASE(stream_name_has_1_to_8_printable_characters),
	KUNIT_CASE(empty_stream_name_is_invalid),
	KUNIT_CASE(stream_name_over_8_characters_is_too_long),
	KUNIT_CASE(stream_name_beyond_printable_ascii_is_invalid),
	KUNIT_CASE(every_byte_in_a_stream_name_is_printable_ascii_or_rejected),
	{ }
};

static struct kunit_suite name_suite = {
	.name = "thunderbolt_stream_names",
	.test_cases = name_cases,
};

static void expect_services(struct kunit *test, const char *const *names,
			    size_t count, int ret)
{
	expect_names(test, tbstream_check_service, names, count, ret);
}

static void service_may_have_its_sysfs_name(struct kunit *test)
{
	static const char *const names[] = {
		"0-1.0", "0-3.1", "1-1.12", "0-503.0", "10-30f.2",
		"0-ffffffffffffffff.0", "4294967295-1.4294967295",
	};

	expect_services(test, names, ARRAY_SIZE(names), 0);
}

static void service_may_be_the_peers_uuid_in_either_case(struct kunit *test)
{
	static const char *const names[] = {
		"3a1cb984-c4d9-4469-a277-ce2fdfd11f0d",
		"3A1CB984-C4D9-4469-A277-CE2FDFD11F0D",
		"3a1cB984-c4d9-4469-A277-ce2fdfd11f0d",
	};

	expect_services(test, names, ARRAY_SIZE(names), 0);
}

static void sysfs_name_as_long_as_a_uuid_is_a_sysfs_name(struct kunit *test)
{
	static const char *const names[] = {
		"1234567890-1234567890abcdef.12345678",
	};

	KUNIT_ASSERT_EQ(test, strlen(names[0]), UUID_STRING_LEN);
	expect_services(test, names, ARRAY_SIZE(names), 0);
}

static void service_with_trailing_junk_is_invalid(struct kunit *test)
{
	static const char *const names[] = {
		"0-1.0 ", "0-1.0\n", "0-1.0x", "0-1.0.0", "0-1.0-", "0-503.0foo",
		"3a1cb984-c4d9-4469-a277-ce2fdfd11f0d ",
		"3a1cb984-c4d9-4469-a277-ce2fdfd11f0d\n",
		"3a1cb984-c4d9-4469-a277-ce2fdfd11f0d0",
	};

	expect_services(test, names, ARRAY_SIZE(names), -EINVAL);
}

static void service_with_leading_junk_is_invalid(struct kunit *test)
{
	static const char *const names[] = {
		" 0-1.0", "\t0-1.0", "+0-1.0", "-0-1.0", "x0-1.0",
		" 3a1cb984-c4d9-4469-a277-ce2fdfd11f0d",
		"{3a1cb984-c4d9-4469-a277-ce2fdfd11f0d}",
	};

	expect_services(test, names, ARRAY_SIZE(names), -EINVAL);
}

static void service_spelt_other_than_by_the_kernel_is_invalid(struct kunit *test)
{
	static const char *const names[] = {
		"00-1.0", "0-01.0", "0-1.00", "0-0x1.0", "0-1.0x0", "0-50F.0",
		"0- 1.0", "0-1. 0", "0-+1.0", "0-1.+0",
	};

	expect_services(test, names, ARRAY_SIZE(names), -EINVAL);
}

static void incomplete_service_is_invalid(struct kunit *test)
{
	static const char *const names[] = {
		"", "0", "0-", "0-1", "0-1.", "-1.0", "0-.0", ".", "..", "-", "stream",
		"0.1-0", "0_1.0",
		"3a1cb984-c4d9-4469-a277-ce2fdfd11f0",
		"3a1cb984c4d94469a277ce2fdfd11f0d",
		"3a1cb984-c4d9-4469-a277-ce2fdfd11f0g",
		"3a1cb984_c4d9_4469_a277_ce2fdfd11f0d",
	};

	expect_services(test, names, ARRAY_SIZE(names), -EINVAL);
}

static void service_number_that_overflows_is_invalid(struct kunit *test)
{
	static const char *const names[] = {
		"4294967296-1.0", "0-1.4294967296", "0-10000000000000001.0",
		"18446744073709551616-1.0", "0-1.-1", "0--1.0",
	};

	expect_services(test, names, ARRAY_SIZE(names), -EINVAL);
}

static void over_long_service_is_too_long(struct kunit *test)
{
	char name[TBSTREAM_SERVICE_NAME_MAX + 2];

	memset(name, '1', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	KUNIT_EXPECT_EQ(test, tbstream_check_service(name), -ENAMETOOLONG);
	memcpy(name, "0-1.", 4);
	KUNIT_EXPECT_EQ(test, tbstream_check_service(name), -ENAMETOOLONG);
	/* The longest that is looked at: too many digits for a number */
	name[sizeof(name) - 2] = '\0';
	KUNIT_EXPECT_EQ(test, tbstream_check_service(name), -EINVAL);
}

static struct kunit_case service_cases[] = {
	KUNIT_CASE(service_may_have_its_sysfs_name),
	KUNIT_CASE(service_may_be_the_peers_uuid_in_either_case),
	KUNIT_CASE(sysfs_name_as_long_as_a_uuid_is_a_sysfs_name),
	KUNIT_CASE(service_with_trailing_junk_is_invalid),
	KUNIT_CASE(service_with_leading_junk_is_invalid),
	KUNIT_CASE(service_spelt_other_than_by_the_kernel_is_invalid),
	KUNIT_CASE(incomplete_service_is_invalid),
	KUNIT_CASE(service_number_that_overflows_is_invalid),
	KUNIT_CASE(over_long_service_is_too_long),
	{ }
};

static struct kunit_suite service_suite = {
	.name = "thunderbolt_stream_services",
	.test_cases = service_cases,
};

kunit_test_suites(&attribute_suite, &name_suite, &service_suite);
