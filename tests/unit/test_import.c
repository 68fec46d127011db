/* SPDX-License-Identifier: GPL-2.0-only */
/* Lists of bad sectors: what each format means, and that nothing doubtful is let through. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/import.h"
#include "cli/number.h"

static struct import_list list;
static char *error;

static int parse(const char *text, struct import_options options)
{
	/* An exact copy, so that a sanitizer sees a read beyond the end. */
	size_t size = strlen(text);
	char *copy = malloc(size ? size : 1);
	int err;

	memcpy(copy, text, size);
	free(error);
	error = NULL;
	err = import_parse(copy, size, &options, &list, &error);
	free(copy);
	return err;
}

static void expect(const char *text, struct import_options options, size_t count, ...)
{
	va_list ap;

	assert_int_equal(parse(text, options), 0);
	assert_int_equal(list.count, count);
	va_start(ap, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(list.runs[i].sector, va_arg(ap, unsigned int));
		assert_int_equal(list.runs[i].count, va_arg(ap, unsigned int));
	}
	va_end(ap);
	import_free(&list);
}

static void refuse(const char *text, struct import_options options, int err, const char *phrase)
{
	assert_int_equal(parse(text, options), err);
	assert_non_null(error);
	if (!strstr(error, phrase))
		fail_msg("'%s' says '%s', not '%s'", text, error, phrase);
	assert_int_equal(list.count, 0);
	assert_null(list.runs);
}

#define OPTIONS(...) ((struct import_options){ __VA_ARGS__ })

static void badblocks_are_merged_and_sorted(void **state)
{
	expect("10\n", OPTIONS(), 1, 20, 2);
	expect("12\n10\n11\n", OPTIONS(), 1, 20, 6);
	expect("5\n5\n9\n", OPTIONS(.block_size = 4096), 2, 40, 8, 72, 8);
	expect(" 7 \r\n\n# comment\n9", OPTIONS(.block_size = 512), 2, 7, 1, 9, 1);
	expect("", OPTIONS(), 0);
	expect("\n\n", OPTIONS(), 0);
}

static void badblocks_refuse_garbage_and_name_the_line(void **state)
{
	refuse("1\n2\nthree\n", OPTIONS(), -EINVAL, "line 3: 'three' is not a number");
	refuse("1\n-2\n", OPTIONS(), -EINVAL, "line 2");
	refuse("1\n+2\n", OPTIONS(), -EINVAL, "line 2");
	refuse("1\n2 3\n", OPTIONS(), -EINVAL, "line 2: more than a block number");
	refuse("1\n0x10\n", OPTIONS(), -EINVAL, "line 2");
	refuse("1\n1.5\n", OPTIONS(), -EINVAL, "line 2");
	refuse("hello\n", OPTIONS(), -EINVAL, "line 1: neither");
}

static void numbers_that_overflow_are_refused(void **state)
{
	refuse("18446744073709551616\n", OPTIONS(), -ERANGE, "line 1");
	refuse("9223372036854775807\n", OPTIONS(), -ERANGE, "too large");
	refuse("1\n99999999999999999999999999\n", OPTIONS(), -ERANGE, "line 2");
	refuse("9007199254740992\n", OPTIONS(), -ERANGE, "line 1");
	refuse("0 + 1\n0x7FFFFFFFFFFFFFFF 0x7FFFFFFFFFFFFFFF -\n", OPTIONS(), -ERANGE, "line 2");
	refuse("0 + 1\n0 0x10000000000000000 -\n", OPTIONS(), -ERANGE, "line 2");
	refuse("{\"ata_pending_defects_log\":{\"table\":[{\"lba\":36028797018963968}]}}", OPTIONS(),
	       -ERANGE, "too large");
	refuse("{\"ata_pending_defects_log\":{\"table\":[{\"lba\":99999999999999999999}]}}",
	       OPTIONS(), -EINVAL, "line 1");
}

static const char map[] = "# Mapfile. Created by GNU ddrescue version 1.27\n"
			  "# current_pos  current_status  current_pass\n"
			  "0x00001000     ?               1\n"
			  "#      pos        size  status\n"
			  "0x00000000  0x00001000  +\n"
			  "0x00001000  0x00000400  -\n"
			  "0x00001400  0x00000200  *\n"
			  "0x00001600  0x00000200  /\n"
			  "0x00001800  0x00010000  ?\n";

static void ddrescue_takes_bad_sectors_only_unless_told(void **state)
{
	expect(map, OPTIONS(), 1, 8, 2);
	expect(map, OPTIONS(.states = "-*/"), 1, 8, 4);
	expect(map, OPTIONS(.states = "?"), 1, 12, 128);
	/* Bytes are widened to sectors; older maps have no pass, numbers may be decimal. */
	expect("0 +\n0 1023 +\n1023 2 -\n", OPTIONS(), 1, 1, 2);
}

static void ddrescue_refuses_what_ddrescue_would(void **state)
{
	refuse("0x0 + 1\n0x0 0x200 x\n", OPTIONS(), -EINVAL, "line 2: 'x' is not a status");
	refuse("0x0 + 1\n0x0 0x200\n", OPTIONS(), -EINVAL, "line 2: an area needs");
	refuse("0x0 + 1\n0x0 0x200 - -\n", OPTIONS(), -EINVAL, "line 2: more than three");
	refuse("0x0 + 1\n0x0 0x200 -\n0x400 0x200 +\n", OPTIONS(), -EINVAL, "line 3: the area");
	refuse("0x0 + 1\n0x0 0x400 -\n0x200 0x200 +\n", OPTIONS(), -EINVAL, "line 3: the area");
	refuse("0x0 + 1\n0x0 0 -\n", OPTIONS(), -EINVAL, "line 2: the size");
	refuse("0x0 + 1\n", OPTIONS(), -EINVAL, "no areas");
	refuse("0x0 + 1\n09 1 +\n", OPTIONS(), -EINVAL, "line 2: '09' is not a number");
	refuse("12\n0 1 +\n", OPTIONS(.format = IMPORT_DDRESCUE), -EINVAL, "line 1");
}

static void smartctl_logs_are_all_read(void **state)
{
	static const char json[] =
		"{\"logical_block_size\": 512,"
		"\"ata_pending_defects_log\":{\"size\":65535,\"count\":2,\"table\":["
		"{\"lba\":100,\"power_on_hours\":5},{\"lba\":101,\"power_on_hours\":5}]},"
		"\"ata_smart_self_test_log\":{\"extended\":{\"table\":["
		"{\"lba\":200},{\"status\":{\"passed\":true}}]},"
		"\"standard\":{\"table\":[{\"lba\":300}]}},"
		"\"ata_smart_error_log\":{\"extended\":{\"table\":["
		"{\"completion_registers\":{\"error\":64,\"lba\":400}},"
		"{\"completion_registers\":{\"error\":132,\"lba\":500}}]}}}";

	expect(json, OPTIONS(), 4, 100, 2, 200, 1, 300, 1, 400, 1);
	expect("{\"logical_block_size\":4096,\"scsi_self_test_0\":{\"lba_first_failure\":"
	       "{\"value\":3}}}",
	       OPTIONS(), 1, 24, 8);
	expect("{\"nvme_error_information_log\":{\"table\":[{\"status_field\":{\"status_code_type\""
	       ":2,\"status_code\":129},\"lba\":{\"value\":7}},{\"status_field\":{"
	       "\"status_code_type\":0,\"status_code\":2},\"lba\":{\"value\":9}}]}}",
	       OPTIONS(), 1, 7, 1);
	expect("{\"ata_pending_defects_log\":{\"count\":0}}", OPTIONS(), 0);
}

static void smartctl_refuses_what_it_does_not_understand(void **state)
{
	refuse("{\"a\":1}", OPTIONS(), -EINVAL, "no log");
	refuse("{\n\"a\":1,\n", OPTIONS(), -EINVAL, "line 3: not whole JSON");
	refuse("{\"ata_pending_defects_log\":{\"table\":[{\"lba\":-1}]}}", OPTIONS(), -EINVAL,
	       "not a sector number");
	refuse("{\"ata_pending_defects_log\":{\"table\":[{\"lba\":\"7\"}]}}", OPTIONS(), -EINVAL,
	       "not a sector number");
	refuse("{\"ata_pending_defects_log\":{\"table\":[7]}}", OPTIONS(), -EINVAL, "entry 0");
	refuse("{\"ata_pending_defects_log\":{\"table\":7}}", OPTIONS(), -EINVAL, "not what");
	refuse("{\"ata_pending_defects_log\":7}", OPTIONS(), -EINVAL, "not what");
	refuse("{\"logical_block_size\":7,\"ata_pending_defects_log\":{}}", OPTIONS(), -EINVAL,
	       "logical_block_size");
	refuse("[]", OPTIONS(.format = IMPORT_SMARTCTL), -EINVAL, "not what");
}

static void a_byte_of_zero_is_garbage_too(void **state)
{
	struct import_options options = { 0 };

	free(error);
	assert_int_equal(import_parse("1\n\0002\n", 5, &options, &list, &error), -EINVAL);
	assert_non_null(strstr(error, "line 2"));
}

static void ranges_and_sizes_are_exact(void **state)
{
	uint64_t sector, count, bytes;
	bool single;

	assert_int_equal(number_range("10-19", &sector, &count, &single), 0);
	assert_true(sector == 10 && count == 10 && !single);
	assert_int_equal(number_range("10+5", &sector, &count, &single), 0);
	assert_true(sector == 10 && count == 5 && !single);
	assert_int_equal(number_range("10", &sector, &count, &single), 0);
	assert_true(sector == 10 && count == 1 && single);
	assert_int_equal(number_range("10+0", &sector, &count, &single), -EINVAL);
	assert_int_equal(number_range("10-9", &sector, &count, &single), -EINVAL);
	assert_int_equal(number_range("", &sector, &count, &single), -EINVAL);
	assert_int_equal(number_range("-5", &sector, &count, &single), -EINVAL);
	assert_int_equal(number_range("5-", &sector, &count, &single), -EINVAL);
	assert_int_equal(number_range("9223372036854775807+2", &sector, &count, &single), -ERANGE);
	assert_int_equal(number_range("18446744073709551617", &sector, &count, &single), -ERANGE);
	assert_int_equal(number_size("4K", &bytes), 0);
	assert_int_equal(bytes, 4096);
	assert_int_equal(number_size("8s", &bytes), 0);
	assert_int_equal(bytes, 4096);
	assert_int_equal(number_size("1MB", &bytes), 0);
	assert_int_equal(bytes, 1000000);
	assert_int_equal(number_size("1MiB", &bytes), 0);
	assert_int_equal(bytes, 1 << 20);
	assert_int_equal(number_size("1X", &bytes), -EINVAL);
	assert_int_equal(number_size("9000000000P", &bytes), -ERANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(badblocks_are_merged_and_sorted),
		cmocka_unit_test(badblocks_refuse_garbage_and_name_the_line),
		cmocka_unit_test(numbers_that_overflow_are_refused),
		cmocka_unit_test(ddrescue_takes_bad_sectors_only_unless_told),
		cmocka_unit_test(ddrescue_refuses_what_ddrescue_would),
		cmocka_unit_test(smartctl_logs_are_all_read),
		cmocka_unit_test(smartctl_refuses_what_it_does_not_understand),
		cmocka_unit_test(a_byte_of_zero_is_garbage_too),
		cmocka_unit_test(ranges_and_sizes_are_exact),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(error);
	return failed;
}
