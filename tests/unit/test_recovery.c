/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Narrow paths through the log and through limbo, each of which once lost data: directed by
 * looking at the core from inside, because chance does not find them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/quick.h"

#define SECTORS 20000u
#define SCRATCH 65536u

static u8 main_disk[SECTORS * BM_SECTOR], spare_disk[SECTORS * BM_SECTOR], data[8 * BM_SECTOR];
static bool write_fails[SECTORS], read_fails[SECTORS], log_fails;
static struct bm *bm;

/* ---- a host of few lines ---- */

static void *get(void *ctx, size_t size)
{
	(void)ctx;
	return malloc(size);
}

static void put(void *ctx, void *ptr, size_t size)
{
	(void)ctx;
	(void)size;
	free(ptr);
}

static bool fails(const struct bm_step *s, const bool *list)
{
	u32 i;

	for (i = 0; i < s->count; i++)
		if (s->device == BM_MAIN && list[s->sector + i])
			return true;
	return false;
}

static int perform(const struct bm_step *s)
{
	u8 *disk = s->device == BM_MAIN ? main_disk : spare_disk;
	u8 *memory = s->memory ? s->memory : data + s->offset;
	size_t size = (size_t)s->count * BM_SECTOR;

	switch (s->kind) {
	case BM_STEP_READ:
		if (fails(s, read_fails))
			return -EIO;
		memcpy(memory, disk + s->sector * BM_SECTOR, size);
		return 0;
	case BM_STEP_WRITE:
		if (fails(s, write_fails))
			return -EIO;
		memcpy(disk + s->sector * BM_SECTOR, memory, size);
		return 0;
	case BM_STEP_LOG:
		if (log_fails)
			return -EIO;
		memcpy(disk + s->sector * BM_SECTOR, memory, size);
		memcpy(disk + s->sector2 * BM_SECTOR, memory, size);
		return 0;
	default:
		return 0;
	}
}

static void answer(struct bm_op *op)
{
	op->step.error[0] = perform(&op->step);
	op->step.error[1] = op->step.kind == BM_STEP_LOG ? op->step.error[0] : 0;
}

static void begin(struct bm_op *op, enum bm_op_kind kind, u64 sector, u64 count, u32 flags)
{
	bm_op_init(op, kind, sector, count);
	op->flags = flags;
	op->scratch = malloc(SCRATCH);
	op->scratch_size = SCRATCH;
}

static int finish(struct bm_op *op)
{
	while (bm_advance(bm, op) != BM_DONE)
		answer(op);
	free(op->scratch);
	return op->error;
}

static int run(enum bm_op_kind kind, u64 sector, u64 count, u32 flags)
{
	struct bm_op op;

	begin(&op, kind, sector, count, flags);
	return finish(&op);
}

static void create_as(const char *identity, u32 flags)
{
	const struct bm_config config = {
		.main_sectors = SECTORS,
		.spare_sectors = SECTORS,
		.block_size = 512,
		.identity = identity,
		.flags = flags,
		.mem = { NULL, get, put, put },
	};

	bm_destroy(bm);
	assert_int_equal(bm_create(&config, &bm), 0);
}

static void create(void)
{
	create_as("", 0);
}

static void reopen(void)
{
	create();
	assert_int_equal(run(BM_OP_OPEN, 0, 0, 0), 0);
}

static int start_with(u32 log_size)
{
	const struct bm_format format = { .set_id = 77, .log_size = log_size };
	struct bm_op op;

	memset(main_disk, 0x11, sizeof(main_disk));
	memset(spare_disk, 0, sizeof(spare_disk));
	memset(write_fails, 0, sizeof(write_fails));
	memset(read_fails, 0, sizeof(read_fails));
	log_fails = false;
	create();
	begin(&op, BM_OP_FORMAT, 0, 0, 0);
	op.format = &format;
	return finish(&op);
}

static int start(void **state)
{
	(void)state;
	return start_with(4096);
}

static int end(void **state)
{
	(void)state;
	bm_destroy(bm);
	bm = NULL;
	return 0;
}

/* ---- looking ---- */

/* The first byte of what a client reads there. */
static u8 byte_at(u64 sector)
{
	struct bm_route r;

	bm_route(bm, BM_REQ_READ, sector, 1, &r);
	assert_true(r.target == BM_TO_MAIN || r.target == BM_TO_SPARE);
	return (r.target == BM_TO_MAIN ? main_disk : spare_disk)[r.sector * BM_SECTOR];
}

static u64 spare_of(u64 sector)
{
	struct bm_route r;

	bm_route(bm, BM_REQ_READ, sector, 1, &r);
	return r.target == BM_TO_SPARE ? r.sector : BM_NOWHERE;
}

/*
 * One block of the log more, of no consequence. The spare block is given, so that those that the
 * allocator would choose next stay free.
 */
static void one_commit(void)
{
	bool there = spare_of(9000) != BM_NOWHERE;
	struct bm_op op;

	begin(&op, there ? BM_OP_REMOVE : BM_OP_ADD, 9000, 1, 0);
	op.spare = there ? BM_NOWHERE : 18000;
	assert_int_equal(finish(&op), 0);
}

static void until_pass_ends(void)
{
	u64 passes = bm->counters.passes;

	while (bm->counters.passes == passes)
		one_commit();
}

/* ---- the log ---- */

/*
 * 300 runs of three blocks, the middle one lost. The pass stops just before one of those, a write
 * fills it, and the index joins all three: the third is now the rest of an entry that begins
 * before the cursor, and must be written all the same.
 */
static void pass_writes_the_rest_of_a_joined_entry(void **state)
{
	u64 i, x = 0;

	(void)state;
	memset(data, 0x44, sizeof(data));
	for (i = 0; i < 300; i++) {
		assert_int_equal(run(BM_OP_ADD, i * 10, 3, 0), 0);
		memset(spare_disk + spare_of(i * 10) * BM_SECTOR, 0x44, 3 * BM_SECTOR);
		write_fails[i * 10 + 1] = true;
		assert_int_equal(run(BM_OP_REMOVE, i * 10 + 1, 1, BM_OP_FORCE), 0);
	}
	reopen(); /* the allocator starts at the front again, and finds the holes */
	for (i = 0; i < 300 && !x; i++) {
		int tries;

		for (tries = 0; tries < 400 && bm->log.head.cursor != i * 10 + 1; tries++) {
			if (bm->log.head.cursor > i * 10 + 1 && tries > 20)
				break;
			one_commit();
		}
		if (bm->log.head.cursor == i * 10 + 1)
			x = i * 10 + 1;
		assert_int_equal(run(BM_OP_WRITE, i * 10 + 1, 1, 0), 0);
	}
	assert_true(x); /* or this tested nothing */
	while (bm->log.head
		       .cursor) /* to the end of this pass, and no further: the next repairs it */
		one_commit();
	reopen();
	for (i = x - 1; i < x + 2; i++)
		assert_int_equal(byte_at(i), 0x44);
}

/* Advance as far as it goes, steps and all. True: done. */
static bool go_on(struct bm_op *op)
{
	enum bm_verdict verdict;

	while ((verdict = bm_advance(bm, op)) == BM_STEP)
		answer(op);
	return verdict == BM_DONE;
}

/* Commit the removal of a sector and additions elsewhere in one block, which they fill. */
static void remove_in_a_full_block(u64 sector)
{
	struct bm_op check, ops[27], *op;
	u32 i, n = bm_log_capacity(512), left = n;

	/* A check keeps the others from committing, until all of them want to. */
	begin(&check, BM_OP_CHECK, 0, 0, 0);
	assert_int_equal(bm_advance(bm, &check), BM_STEP);
	for (i = 0; i < n; i++) {
		if (i)
			begin(&ops[i], BM_OP_ADD, 6000 + i * 4, 1, 0);
		else
			begin(&ops[i], BM_OP_REMOVE, sector, 1, 0);
		assert_false(go_on(&ops[i]));
	}
	do {
		answer(&check);
	} while (bm_advance(bm, &check) == BM_STEP);
	while ((op = bm_ready(bm)))
		left -= go_on(op);
	assert_int_equal(left, 0);
	assert_int_equal(bm->log.head.fresh, n);
	for (i = 0; i < n; i++)
		free(ops[i].scratch);
	free(check.scratch);
}

/*
 * A run across two regions is committed in a block whose pass stops between them. Then a block of
 * its second part is removed, ahead of the cursor. Loading must not bring it back.
 */
static void removal_ahead_of_the_cursor_is_loaded(void **state)
{
	u32 i, tries;

	(void)state;
	assert_int_equal(start_with(512), 0);
	for (i = 0; i < 100; i++) {
		assert_int_equal(run(BM_OP_ADD, i * 4, 1, 0), 0);
		assert_int_equal(run(BM_OP_ADD, 3000 + i * 4, 1, 0), 0);
	}
	for (tries = 0; tries < 2000; tries++) {
		assert_int_equal(run(BM_OP_ADD, 2000, 100, 0), 0);
		if (bm->log.head.cursor == 2048)
			break;
		assert_int_equal(run(BM_OP_REMOVE, 2000, 100, 0), 0);
		if (tries % 3 == 0 && tries < 600)
			assert_int_equal(run(BM_OP_ADD, 1000 + tries / 3 * 4, 1, 0), 0);
	}
	assert_true(tries < 2000); /* or this tested nothing */
	remove_in_a_full_block(2050);
	memset(main_disk + 2050 * BM_SECTOR, 0x33, BM_SECTOR);
	until_pass_ends();
	reopen();
	assert_int_equal(spare_of(2050), BM_NOWHERE);
	assert_int_equal(byte_at(2050), 0x33);
}

/* Its entries end where regions do. */
static void a_remap_across_regions_is_found_whole(void **state)
{
	u64 first, count;

	(void)state;
	assert_int_equal(start_with(512), 0);
	assert_int_equal(run(BM_OP_ADD, 1999, 1, 0), 0);
	assert_int_equal(run(BM_OP_ADD, 2000, 5000, 0), 0);
	assert_int_equal(run(BM_OP_ADD, 7000, 1, 0), 0);
	for (u64 sector = 2000; sector < 7000; sector += 49) {
		assert_true(bm_find_remap(bm, sector, &first, &count));
		assert_int_equal(first, 2000);
		assert_int_equal(count, 5000);
	}
}

/*
 * What hosts ask before they ask bm_route(): a yes is never wrong, and in a region without remaps
 * it is yes. A range that is held, or beyond the end, or touches two regions is the core's to say.
 */
static void a_quick_yes_is_what_the_route_says(void **state)
{
	static const u64 remapped[] = { 0, 2047, 4096 + 700, SECTORS - 1 };
	struct bm_route route;
	u64 sector, count, i;

	(void)state;
	for (i = 0; i < 4; i++)
		assert_int_equal(run(BM_OP_ADD, remapped[i], 1, 0), 0);
	for (sector = 0; sector < SECTORS; sector++) {
		for (count = 1; count <= 4096 && sector + count <= SECTORS; count *= 8) {
			bm_route(bm, BM_REQ_WRITE, sector, count, &route);
			if (bm_quick_is_on_main(bm, sector, count))
				assert_true(route.target == BM_TO_MAIN && route.count == count);
		}
	}
	assert_true(bm_quick_is_on_main(bm, 2048, 2048));
	assert_false(bm_quick_is_on_main(bm, 2047, 1));
	assert_false(bm_quick_is_on_main(bm, 4095, 2));
	assert_false(bm_quick_is_on_main(bm, 1ull << 40, 1));
	bm->held_count++;
	assert_false(bm_quick_is_on_main(bm, 2048, 1));
	bm->held_count--;
}

/* ---- limbo ---- */

/* A write of 100 whose commit both copies refuse. */
static void enter_limbo(void)
{
	write_fails[100] = log_fails = true;
	assert_int_equal(run(BM_OP_WRITE, 100, 1, 0), -EIO);
	assert_true(bm->log.limbo);
}

/*
 * A read that began in limbo, without its range to itself, would move a block it finds marginal.
 * Until it has ended limbo doesn't either, so it can't.
 */
static void limbo_lasts_as_long_as_reads_begun_in_it(void **state)
{
	struct bm_op read, retry;
	enum bm_verdict verdict;

	(void)state;
	enter_limbo();
	begin(&read, BM_OP_READ, 100, 8, 0);
	assert_int_equal(bm_advance(bm, &read), BM_STEP);
	log_fails = false;
	begin(&retry, BM_OP_RETRY, 0, 0, 0);
	assert_int_equal(bm_advance(bm, &retry), BM_WAIT);
	assert_true(bm->log.limbo);
	do {
		answer(&read);
		verdict = bm_advance(bm, &read);
	} while (verdict != BM_DONE);
	free(read.scratch);
	assert_int_equal(read.error, 0);
	assert_ptr_equal(bm_ready(bm), &retry);
	assert_int_equal(finish(&retry), 0);
	assert_false(bm->log.limbo);
	assert_int_equal(run(BM_OP_WRITE, 100, 8, 0), 0);
}

/* A scrub whose commit ended in limbo goes on while a retry ends that: its range is free after it.
 */
static void range_is_free_after_a_retry_succeeded_meanwhile(void **state)
{
	struct bm_op scrub;
	u32 i;

	(void)state;
	for (i = 0; i < BM_OP_RUNS; i++)
		read_fails[10 + i * 2] = true;
	log_fails = true;
	begin(&scrub, BM_OP_SCRUB, 0, 4096, 0);
	while (bm_advance(bm, &scrub) != BM_DONE) {
		answer(&scrub);
		if (!bm->log.limbo || !log_fails)
			continue;
		log_fails = false;
		assert_int_equal(run(BM_OP_RETRY, 0, 0, 0), 0);
	}
	free(scrub.scratch);
	assert_false(log_fails);
	assert_int_equal(bm->held_count, 0);
	assert_int_equal(run(BM_OP_WRITE, 3000, 1, 0), 0);
}

/* ---- erasing ---- */

/* Steps that discard a sector of the spare, of a discard of sectors 100 to 107 of main. */
static u32 spare_discards(u32 flags)
{
	struct bm_op op;
	u32 n = 0;

	begin(&op, BM_OP_DISCARD, 100, 8, flags);
	while (bm_advance(bm, &op) != BM_DONE) {
		n += op.step.kind == BM_STEP_DISCARD && op.step.device == BM_SPARE;
		answer(&op);
	}
	free(op.scratch);
	assert_int_equal(op.error, 0);
	return n;
}

static void what_can_not_be_read_is_erased(void **state)
{
	struct bm_op read;

	(void)state;
	assert_int_equal(run(BM_OP_ADD, 102, 1, 0), 0);
	begin(&read, BM_OP_READ, 102, 1, BM_OP_FAILED);
	while (bm_advance(bm, &read) != BM_DONE) {
		answer(&read);
		if (read.step.kind == BM_STEP_READ && read.step.device == BM_SPARE &&
		    read.step.sector >= bm->super.data_start)
			read.step.error[0] = -EIO;
	}
	free(read.scratch);
	assert_int_equal(read.error, -EIO);
	assert_int_equal(spare_discards(0), 0);
	assert_int_equal(spare_discards(BM_OP_ERASE), 1);
}

static void erasing_in_limbo_fails(void **state)
{
	(void)state;
	enter_limbo();
	assert_int_equal(run(BM_OP_DISCARD, 100, 1, 0), 0);
	assert_int_equal(run(BM_OP_DISCARD, 100, 1, BM_OP_ERASE), -EIO);
}

/* A failed opening leaves nothing behind: formatting the same device works, and leaks nothing. */
static void format_after_a_failed_opening(void **state)
{
	const struct bm_format format = { .set_id = 78 };
	struct bm_op op;

	(void)state;
	memset(spare_disk + bm->super.log_start[0] * BM_SECTOR, 0, 64 * 4096);
	memset(spare_disk + bm->super.log_start[1] * BM_SECTOR, 0, 64 * 4096);
	create();
	assert_int_equal(run(BM_OP_OPEN, 0, 0, 0), -EUCLEAN);
	begin(&op, BM_OP_FORMAT, 0, 0, 0);
	op.format = &format;
	assert_int_equal(finish(&op), 0);
	assert_int_equal(run(BM_OP_ADD, 1, 1, 0), 0);
}

static int open_as(const char *identity, u32 flags)
{
	create_as(identity, flags);
	return run(BM_OP_OPEN, 0, 0, 0);
}

/* Of whom nothing is known anybody may be; once it is recorded who main is, no other may. */
static void identity_is_recorded_when_accepted(void **state)
{
	(void)state;
	assert_int_equal(open_as("one", 0), 0);
	assert_string_equal(bm->super.main_identity, "");
	assert_int_equal(open_as("one", BM_ACCEPT_MAIN), 0);
	assert_int_equal(open_as("other", 0), -ESTALE);
	assert_int_equal(open_as("", 0), 0);
	assert_string_equal(bm->super.main_identity, "one");
	assert_int_equal(open_as("other", BM_ACCEPT_MAIN), 0);
	assert_int_equal(open_as("one", 0), -ESTALE);
	assert_int_equal(open_as("", BM_ACCEPT_MAIN), 0);
	assert_string_equal(bm->super.main_identity, "other");
}

/* The log of so many single remaps is longer than what is read of it at a time. */
static void a_check_that_is_stopped_says_so(void **state)
{
	u64 i;

	(void)state;
	assert_int_equal(start_with(512), 0);
	for (i = 0; i < 3000; i++)
		assert_int_equal(run(BM_OP_ADD, i * 4, 1, 0), 0);
	assert_int_equal(run(BM_OP_CHECK, 0, 0, BM_OP_STOP), -EINTR);
	assert_int_equal(run(BM_OP_CHECK, 0, 0, 0), 0);
	reopen();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pass_writes_the_rest_of_a_joined_entry, start, end),
		cmocka_unit_test_setup_teardown(removal_ahead_of_the_cursor_is_loaded, start, end),
		cmocka_unit_test_setup_teardown(a_remap_across_regions_is_found_whole, start, end),
		cmocka_unit_test_setup_teardown(a_quick_yes_is_what_the_route_says, start, end),
		cmocka_unit_test_setup_teardown(limbo_lasts_as_long_as_reads_begun_in_it, start,
						end),
		cmocka_unit_test_setup_teardown(range_is_free_after_a_retry_succeeded_meanwhile,
						start, end),
		cmocka_unit_test_setup_teardown(what_can_not_be_read_is_erased, start, end),
		cmocka_unit_test_setup_teardown(erasing_in_limbo_fails, start, end),
		cmocka_unit_test_setup_teardown(format_after_a_failed_opening, start, end),
		cmocka_unit_test_setup_teardown(identity_is_recorded_when_accepted, start, end),
		cmocka_unit_test_setup_teardown(a_check_that_is_stopped_says_so, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
