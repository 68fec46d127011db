// SPDX-License-Identifier: GPL-2.0-only
/* hosts/posix/remap.c on devices that fail as they are told to. Each test is a promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hosts/posix/remap.h"
#include "tests/unit/fault_device.h"

#define MAIN_SECTORS  8192
#define SPARE_SECTORS 16384
#define SECTOR        512

static struct fault_device *main_disk, *spare_disk;
static struct remap *remap;
static unsigned char buf[64 * SECTOR];

static int setup(void **state)
{
	const struct remap_options options = { .name = "test" };
	const struct bm_format format = { .uuid = { 9, 8, 7 }, .set_id = 5 };
	char *error = NULL;
	int code;

	(void)state;
	main_disk = fault_device_new(MAIN_SECTORS);
	spare_disk = fault_device_new(SPARE_SECTORS);
	remap = remap_format(&main_disk->dev, &spare_disk->dev, &format, &options, &error, &code);
	assert_non_null(remap);
	memset(buf, 0x5a, sizeof(buf));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	remap_close(remap);
	return 0;
}

static struct bm_status status(void)
{
	struct bm_status s;

	bm_get_status(remap_hold(remap), &s);
	remap_release(remap);
	return s;
}

static int put(uint64_t sector, unsigned int count)
{
	return remap_write(remap, buf, sector * SECTOR, count * SECTOR, false);
}

static int get(uint64_t sector, unsigned int count)
{
	static unsigned char got[sizeof(buf)];
	int err = remap_read(remap, got, sector * SECTOR, count * SECTOR);

	if (!err)
		assert_memory_equal(got, buf, count * SECTOR);
	return err;
}

static void a_failed_write_is_relocated_and_read_back(void **state)
{
	(void)state;
	fault_device_set(main_disk, 102, 3, FAULT_WRITE);
	assert_int_equal(put(100, 16), 0);
	assert_int_equal(get(100, 16), 0);
	assert_int_equal(status().mapped, 3);
}

static void no_error_but_a_medium_error_remaps(void **state)
{
	static const int errors[] = { -ENOLINK, -ETIMEDOUT, -ENODEV,    -EOPNOTSUPP, -ENOSPC,
				      -ENOMEM,  -EROFS,     -EREMOTEIO, -EINVAL,     -EAGAIN };

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		atomic_store(&main_disk->write_error, errors[i]);
		atomic_store(&main_disk->read_error, errors[i]);
		assert_int_equal(put(100, 16), errors[i]);
		assert_int_equal(get(100, 16), errors[i]);
	}
	assert_int_equal(status().mapped, 0);
	assert_int_equal(status().pending, 0);
	assert_int_equal(status().lost, 0);
}

static void a_request_beyond_the_end_or_unaligned_is_invalid(void **state)
{
	(void)state;
	assert_int_equal(put(MAIN_SECTORS - 1, 2), -EINVAL);
	assert_int_equal(put(MAIN_SECTORS, 1), -EINVAL);
	assert_int_equal(remap_write(remap, buf, ~0ull - 511, 1024, false), -EINVAL);
	assert_int_equal(remap_write(remap, buf, 1, 512, false), -EINVAL);
	assert_int_equal(remap_read(remap, buf, 0, 100), -EINVAL);
	assert_int_equal(atomic_load(&main_disk->writes), 0);
}

static void an_empty_request_succeeds(void **state)
{
	(void)state;
	assert_int_equal(put(0, 0), 0);
	assert_int_equal(put(MAIN_SECTORS, 0), 0);
	assert_int_equal(remap_discard(remap, 0, 0, false), 0);
}

static void a_flush_reaches_both_devices(void **state)
{
	unsigned int before_main, before_spare;

	(void)state;
	fault_device_set(main_disk, 10, 1, FAULT_WRITE);
	assert_int_equal(put(10, 1), 0);
	assert_int_equal(put(10, 1), 0);
	before_main = atomic_load(&main_disk->flushes);
	before_spare = atomic_load(&spare_disk->flushes);
	assert_int_equal(remap_flush(remap), 0);
	assert_int_equal(atomic_load(&main_disk->flushes), before_main + 1);
	assert_int_equal(atomic_load(&spare_disk->flushes), before_spare + 1);
	/* Nothing was written to the spare since: it need not be flushed again. */
	assert_int_equal(remap_flush(remap), 0);
	assert_int_equal(atomic_load(&main_disk->flushes), before_main + 2);
	assert_int_equal(atomic_load(&spare_disk->flushes), before_spare + 1);
}

static void a_flush_that_fails_fails(void **state)
{
	(void)state;
	atomic_store(&main_disk->flush_error, -EIO);
	assert_int_equal(remap_flush(remap), -EIO);
	atomic_store(&main_disk->flush_error, 0);
	assert_int_equal(remap_flush(remap), 0);
	fault_device_set(main_disk, 10, 1, FAULT_WRITE);
	assert_int_equal(put(10, 1), 0);
	assert_int_equal(put(10, 1), 0);
	atomic_store(&spare_disk->flush_error, -ENOLINK);
	assert_int_equal(remap_flush(remap), -ENOLINK);
	assert_int_equal(remap_flush(remap), -ENOLINK);
	atomic_store(&spare_disk->flush_error, 0);
	assert_int_equal(remap_flush(remap), 0);
}

/* The core flushes as well, and what that lost may have been the client's. */
static void an_error_that_the_core_met_while_flushing_is_told_to_the_client(void **state)
{
	(void)state;
	fault_device_set(main_disk, 10, 1, FAULT_WRITE);
	atomic_store(&spare_disk->flush_error, -ENOLINK);
	assert_int_not_equal(put(10, 1), 0);
	atomic_store(&spare_disk->flush_error, 0);
	assert_int_equal(remap_flush(remap), -ENOLINK);
	assert_int_equal(remap_flush(remap), 0);
}

static void a_pending_block_is_never_read_and_never_a_hole(void **state)
{
	uint64_t extent;
	bool hole = true;

	(void)state;
	fault_device_set(main_disk, 50, 1, FAULT_READ);
	assert_int_equal(remap_read(remap, buf, 50 * SECTOR, SECTOR), -EIO);
	fault_device_set(main_disk, 50, 1, 0);
	assert_int_equal(remap_read(remap, buf, 50 * SECTOR, SECTOR), -EIO);
	assert_int_equal(remap_extent(remap, 50 * SECTOR, 4 * SECTOR, &extent, &hole), 0);
	assert_int_equal(extent, SECTOR);
	assert_false(hole);
	assert_int_equal(put(50, 1), 0);
	assert_int_equal(get(50, 1), 0);
}

static void zero_and_discard_succeed_where_nothing_can_be_discarded(void **state)
{
	(void)state;
	fault_device_set(main_disk, 20, 2, FAULT_WRITE);
	assert_int_equal(put(16, 8), 0);
	assert_int_equal(remap_discard(remap, 16 * SECTOR, 8 * SECTOR, true), 0);
	assert_int_equal(get(16, 8), 0);
	assert_int_equal(remap_zero(remap, 16 * SECTOR, 8 * SECTOR, false, true), 0);
	memset(buf, 0, sizeof(buf));
	assert_int_equal(get(16, 8), 0);
	assert_int_equal(status().mapped, 2);
}

int main(void)
{
#define PROMISE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		PROMISE(a_failed_write_is_relocated_and_read_back),
		PROMISE(no_error_but_a_medium_error_remaps),
		PROMISE(a_request_beyond_the_end_or_unaligned_is_invalid),
		PROMISE(an_empty_request_succeeds),
		PROMISE(a_flush_reaches_both_devices),
		PROMISE(a_flush_that_fails_fails),
		PROMISE(an_error_that_the_core_met_while_flushing_is_told_to_the_client),
		PROMISE(a_pending_block_is_never_read_and_never_a_hole),
		PROMISE(zero_and_discard_succeed_where_nothing_can_be_discarded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
