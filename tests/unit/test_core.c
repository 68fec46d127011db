/* SPDX-License-Identifier: GPL-2.0-only */
/* The promises of DESIGN.md section 2, one test each, on the simulator's disks. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/scrub.h"
#include "tests/sim/player.h"

static struct stage stage;
static struct explorer ex;
static struct bm_status status;

static void run_nothing(struct player *p)
{
	(void)p;
}

static const struct script script = {
	.name = "unit",
	.run = run_nothing,
	.geometry = { .block_size = 512,
		      .log_size = 512,
		      .main_sectors = 64,
		      .spare_sectors = 128 },
};

static struct player p;

static int start(void **state)
{
	(void)state;
	stage_init(&stage, &script);
	explore_init(&ex, &script.geometry);
	stage_reset(&stage);
	p = (struct player){ .host = &stage.host, .strict = true, .per = 1 };
	return stage_play(&stage, true, 0) ? 0 : -1;
}

/* Whatever a test did: all that was acknowledged is there, also after a cut right now. */
static int end(void **state)
{
	(void)state;
	mend(&p);
	stage_check(&stage, &ex);
	explore_free(&ex);
	stage_free(&stage);
	return 0;
}

static const struct bm_status *now(void)
{
	bm_get_status(p.host->bm, &status);
	return &status;
}

static enum bm_state state_of(u64 block)
{
	struct bm_extent e;
	u64 at = block;

	return bm_walk(p.host->bm, &at, &e) && e.sector <= block ? e.state : BM_UNMAPPED;
}

static bool on_spare(u64 block)
{
	return lives_at(&p, block) != BM_NOWHERE;
}

/* Lose power now, with nothing that was not flushed, and come back. */
static void power_cut(void)
{
	struct host *host = p.host;

	host_halt(host);
	for (u32 d = 0; d < 2; d++) {
		memcpy(host->disk[d].now, host->disk[d].durable,
		       host->disk[d].sectors * sizeof(u8 *));
		host->disk[d].nwrites = 0;
	}
	model_cut(host->model);
	assert_int_equal(host_start(host), 0);
	assert_int_equal(host_open(host), 0);
}

static void fault_log(u32 copy, int times)
{
	const struct bm_super *s = &p.host->super;

	disk_fault(&p.host->disk[BM_SPARE],
		   &(struct disk_fault){ .verbs = DISK_WRITE,
					 .first = s->log_start[copy],
					 .end = s->log_start[copy] + s->log_max,
					 .error = -EIO,
					 .times = times });
}

static bool event_seen(enum bm_event_kind kind)
{
	struct bm_event event;
	bool seen = false;

	while (bm_get_event(p.host->bm, &event))
		seen |= event.kind == kind;
	return seen;
}

/* ---- a write fails on main with a media error ---- */

static void a_failed_write_goes_to_the_spare_and_succeeds(void **state)
{
	(void)state;
	bad_write(&p, 7, 1);
	play_write(&p, 7, 1);
	assert_true(on_spare(7));
	play_read(&p, 7, 1);
	assert_true(event_seen(BM_EV_REMAPPED));
}

static void only_the_blocks_that_fail_are_moved(void **state)
{
	(void)state;
	bad_write(&p, 21, 1);
	bad_write(&p, 27, 2);
	play_write(&p, 10, 30);
	assert_int_equal(now()->mapped, 3);
	assert_true(on_spare(21) && on_spare(27) && on_spare(28));
	play_read(&p, 0, 64);
}

static void a_relocated_write_outlasts_a_power_cut_right_after_it(void **state)
{
	(void)state;
	bad_write(&p, 7, 2);
	play_write(&p, 7, 2);
	power_cut();
	assert_true(on_spare(7) && on_spare(8));
	play_read(&p, 7, 2);
}

static void a_mapping_is_in_both_copies_before_the_write_is_done(void **state)
{
	(void)state;
	bad_write(&p, 7, 1);
	play_write(&p, 7, 1);
	for (u32 copy = 0; copy < 2; copy++) {
		struct host *child = explore_child(&ex, p.host, 0);

		for (u64 s = 0; s < ex.layout.log_max; s++)
			disk_set(&child->disk[BM_SPARE], ex.layout.log_start[copy] + s,
				 disk_zeroes);
		assert_int_equal(explore_recover(&ex, p.host, child), 0);
		host_halt(child);
	}
}

static void a_request_across_main_and_spare_is_split_exactly(void **state)
{
	(void)state;
	play_add(&p, 5, 1);
	play_add(&p, 8, 3);
	play_write(&p, 3, 9);
	play_read(&p, 0, 14);
	play(&p, TASK_ZERO, 7, 3, false, 0);
	play_read(&p, 0, 14);
	assert_int_equal(now()->mapped, 4);
}

/* ---- a read fails ---- */

static void an_unreadable_block_is_pending_and_its_neighbours_are_read(void **state)
{
	(void)state;
	bad_read(&p, 12, 1);
	play(&p, TASK_READ, 8, 8, false, -EIO);
	assert_int_equal(state_of(12), BM_PENDING);
	assert_int_equal(now()->pending, 1);
	play_read(&p, 8, 4);
	play_read(&p, 13, 3);
	assert_true(event_seen(BM_EV_PENDING));
}

static void pending_outlasts_a_power_cut_even_if_the_block_reads_again(void **state)
{
	(void)state;
	bad_read(&p, 12, 1);
	play(&p, TASK_READ, 12, 1, false, -EIO);
	mend(&p);
	play(&p, TASK_READ, 12, 1, false, -EIO);
	power_cut();
	assert_int_equal(state_of(12), BM_PENDING);
	play(&p, TASK_READ, 12, 1, false, -EIO);
}

static void the_next_write_of_a_pending_block_goes_to_the_spare(void **state)
{
	(void)state;
	bad_read(&p, 12, 1);
	play(&p, TASK_READ, 12, 1, false, -EIO);
	play_write(&p, 12, 1);
	assert_true(on_spare(12));
	assert_int_equal(state_of(12), BM_MAPPED);
	play_read(&p, 12, 1);
}

static void a_scrub_recovers_a_pending_block_that_reads_again(void **state)
{
	(void)state;
	bad_read(&p, 12, 1);
	play(&p, TASK_READ, 12, 1, false, -EIO);
	mend(&p);
	play_op(&p, BM_OP_SCRUB, 0, 64, 0, 0, 0);
	assert_int_not_equal(state_of(12), BM_PENDING);
	play_read(&p, 12, 1);
	assert_true(event_seen(BM_EV_RECOVERED));
}

static void a_scrub_takes_small_pieces_where_a_disk_is_slow(void **state)
{
	struct bm_scrub_pace pace = { 0 };
	u64 at = 0;

	(void)state;
	assert_int_equal(bm_scrub_piece(&pace, 1 << 20), BM_SCRUB_LARGE);
	assert_int_equal(bm_scrub_piece(&pace, 5), 5);
	bm_scrub_took(&pace, BM_SCRUB_SLOW);
	assert_int_equal(bm_scrub_piece(&pace, 1 << 20), BM_SCRUB_LARGE);
	bm_scrub_took(&pace, BM_SCRUB_SLOW + 1);
	/* As much as the large one was, if all goes well. */
	for (; bm_scrub_piece(&pace, 1 << 20) == BM_SCRUB_SMALL; at += BM_SCRUB_SMALL)
		bm_scrub_took(&pace, 1000);
	assert_int_equal(at, BM_SCRUB_LARGE);
	assert_int_equal(bm_scrub_piece(&pace, 1 << 20), BM_SCRUB_LARGE);
}

static void a_block_that_reads_at_a_retry_moves_to_the_spare(void **state)
{
	(void)state;
	weak_read(&p, 12, 2);
	play_read(&p, 12, 1);
	assert_true(on_spare(12));
	play_read(&p, 12, 1);
}

static void it_stays_where_it_is_if_the_policy_says_so(void **state)
{
	struct bm_policy policy;

	(void)state;
	bm_get_policy(p.host->bm, &policy);
	policy.relocate_marginal = false;
	bm_set_policy(p.host->bm, &policy);
	weak_read(&p, 12, 2);
	play_read(&p, 12, 1);
	assert_int_equal(now()->entries, 0);
}

/* ---- the spare itself fails ---- */

static void a_spare_block_that_cant_be_written_is_shunned(void **state)
{
	(void)state;
	spare_bad_write(&p, 0, 2);
	bad_write(&p, 3, 1);
	play_write(&p, 3, 1);
	assert_true(on_spare(3));
	assert_int_not_equal(now()->spare_bad, 0);
	assert_true(lives_at(&p, 3) >= spare_block(&p, 2));
	power_cut();
	assert_int_not_equal(now()->spare_bad, 0);
	play_read(&p, 3, 1);
}

static void a_remapped_block_whose_spare_block_fails_moves_again(void **state)
{
	u64 home;

	(void)state;
	play_add(&p, 3, 1);
	home = lives_at(&p, 3);
	spare_bad_write(&p, home - spare_block(&p, 0), 1);
	play_write(&p, 3, 1);
	assert_true(on_spare(3) && lives_at(&p, 3) != home);
	play_read(&p, 3, 1);
}

static void a_spare_block_that_cant_be_read_is_pending_until_written(void **state)
{
	u64 home;

	(void)state;
	play_add(&p, 3, 1);
	home = lives_at(&p, 3);
	spare_bad_read(&p, home - spare_block(&p, 0), 1);
	play(&p, TASK_READ, 3, 1, false, -EIO);
	assert_int_equal(state_of(3), BM_PENDING);
	play_write(&p, 3, 1);
	assert_int_equal(state_of(3), BM_MAPPED);
	assert_int_not_equal(lives_at(&p, 3), home);
	play_read(&p, 3, 1);
}

/* ---- no room, no metadata ---- */

static void a_full_spare_fails_that_write_only(void **state)
{
	(void)state;
	play_lose(&p, 0, now()->spare_total - 1);
	bad_write(&p, 60, 2);
	play_write(&p, 60, 1);
	play(&p, TASK_WRITE, 61, 1, false, -EIO);
	play_read(&p, 60, 1);
	assert_int_equal(now()->mode, BM_MODE_DEGRADED);
	assert_true(event_seen(BM_EV_SPARE_FULL));
}

static void one_copy_of_the_metadata_is_enough(void **state)
{
	(void)state;
	fault_log(1, -1);
	bad_write(&p, 7, 1);
	play_write(&p, 7, 1);
	assert_int_equal(now()->mode, BM_MODE_DEGRADED);
	assert_true(now()->copy_degraded[1]);
	power_cut();
	assert_true(on_spare(7));
}

static void without_metadata_the_write_fails_and_the_map_is_read_only(void **state)
{
	(void)state;
	play_add(&p, 3, 1);
	fault_log(0, 1);
	fault_log(1, 1);
	bad_write(&p, 7, 1);
	play(&p, TASK_WRITE, 7, 1, false, -EIO);
	assert_int_equal(now()->mode, BM_MODE_READ_ONLY);
	assert_true(event_seen(BM_EV_MODE));
	play_op(&p, BM_OP_ADD, 9, 1, 0, BM_NOWHERE, -EROFS);
	play_fua(&p, 3, 1); /* what is mapped already is served as before */
	play_read(&p, 3, 1);
	play_op(&p, BM_OP_RETRY, 0, 0, 0, 0, 0);
	assert_int_not_equal(now()->mode, BM_MODE_READ_ONLY);
	play_op(&p, BM_OP_ADD, 9, 1, 0, BM_NOWHERE, 0);
}

/* ---- other errors ---- */

static void errors_of_other_kinds_are_passed_on_and_nothing_moves(void **state)
{
	static const int errors[] = { -ENOLINK, -ETIMEDOUT, -ENODEV, -EOPNOTSUPP, -ENOSPC };

	(void)state;
	for (u32 i = 0; i < 5; i++) {
		disk_fault(
			&p.host->disk[BM_MAIN],
			&(struct disk_fault){ .verbs = DISK_ALL, .error = errors[i], .times = -1 });
		play(&p, TASK_WRITE, 7, 1, false, errors[i]);
		play(&p, TASK_READ, 7, 1, false, errors[i]);
		mend(&p);
	}
	assert_int_equal(now()->entries, 0);
}

static void a_pulled_cable_eats_no_spare_block(void **state)
{
	(void)state;
	disk_fault(&p.host->disk[BM_MAIN],
		   &(struct disk_fault){ .verbs = DISK_ALL, .error = -EIO, .times = -1 });
	for (u32 i = 0; i < 30; i++)
		play(&p, TASK_WRITE, i, 2, false, -EIO);
	assert_int_equal(now()->spare_used, 0);
	assert_int_equal(now()->breaker, BM_BREAKER_DEAD);
	assert_true(event_seen(BM_EV_BREAKER));
}

static void a_spare_that_does_not_answer_loses_nothing(void **state)
{
	(void)state;
	play_add(&p, 3, 2);
	disk_fault(&p.host->disk[BM_SPARE],
		   &(struct disk_fault){ .verbs = DISK_ALL, .error = -EIO, .times = -1 });
	play(&p, TASK_READ, 3, 2, false, -EIO);
	play(&p, TASK_WRITE, 3, 1, false, -EIO);
	play_read(&p, 7, 1);
	assert_int_equal(now()->mode, BM_MODE_RW);
	assert_int_equal(now()->pending, 0);
	assert_int_equal(now()->spare_bad, 0);
	mend(&p);
	play_read(&p, 4, 1);
	play_write(&p, 3, 1);
	play_read(&p, 3, 1);
}

/* ---- by hand ---- */

static void add_copies_what_can_be_read_first(void **state)
{
	(void)state;
	play_fua(&p, 20, 3);
	play_add(&p, 20, 3);
	assert_true(on_spare(20) && on_spare(21) && on_spare(22));
	play_read(&p, 20, 3);
}

static void add_maps_what_cant_be_read_as_lost(void **state)
{
	(void)state;
	bad_read(&p, 21, 1);
	play_add(&p, 20, 3);
	assert_int_equal(state_of(21), BM_LOST);
	play_read(&p, 20, 1);
	play(&p, TASK_READ, 21, 1, false, -EIO);
	mend(&p);
	play(&p, TASK_READ, 21, 1, false, -EIO);
	play_write(&p, 21, 1);
	play_read(&p, 20, 3);
}

static void remove_copies_back_and_only_then_lets_go(void **state)
{
	(void)state;
	play_add(&p, 20, 3);
	play_fua(&p, 20, 3);
	play_remove(&p, 21, 1);
	assert_true(on_spare(20) && !on_spare(21) && on_spare(22));
	play_read(&p, 20, 3);
	power_cut();
	play_read(&p, 20, 3);
}

static void remove_is_refused_while_main_still_fails(void **state)
{
	(void)state;
	bad_write(&p, 20, 1);
	play_write(&p, 20, 1);
	play_op(&p, BM_OP_REMOVE, 20, 1, 0, 0, -EIO);
	assert_true(on_spare(20));
	play_read(&p, 20, 1);
}

static void forced_it_lets_go_and_the_block_stays_unreadable(void **state)
{
	(void)state;
	bad_write(&p, 20, 1);
	play_write(&p, 20, 1);
	play_op(&p, BM_OP_REMOVE, 20, 1, BM_OP_FORCE, 0, 0);
	assert_false(on_spare(20));
	mend(&p);
	play(&p, TASK_READ, 20, 1, false, -EIO);
	play_op(&p, BM_OP_SCRUB, 0, 64, 0, 0, ANY_RESULT);
	play(&p, TASK_READ, 20, 1, false, -EIO);
	play_write(&p, 20, 1);
	play_read(&p, 20, 1);
}

static void what_would_be_refused_is_known_before_it_begins(void **state)
{
	const struct bm *bm = p.host->bm;
	const struct bm_super *s = &p.host->super;
	u64 bad;

	(void)state;
	play_add(&p, 20, 3);
	play_lose(&p, 30, 2);
	assert_int_equal(bm_check_add(bm, 10, 10, BM_NOWHERE, &bad), 0);
	assert_int_equal(bm_check_add(bm, 10, 12, BM_NOWHERE, &bad), -EEXIST);
	assert_int_equal(bad, 20);
	assert_int_equal(bm_check_add(bm, 10, 0, BM_NOWHERE, &bad), -EINVAL);
	assert_int_equal(bm_check_add(bm, 63, 2, BM_NOWHERE, &bad), -ERANGE);
	assert_int_equal(bm_check_add(bm, 10, 2, 0, &bad), -EPERM);
	assert_int_equal(bm_check_add(bm, 10, 2, s->spare_sectors - 1, &bad), -ERANGE);
	assert_int_equal(bm_check_add(bm, 10, 2, BM_NOWHERE - 1, &bad), -ERANGE);
	assert_int_equal(bm_check_add(bm, 10, 1, lives_at(&p, 21), &bad), -EBUSY);
	assert_int_equal(bm_check_remove(bm, 0, 10, false, &bad), -ENOENT);
	assert_int_equal(bm_check_remove(bm, 20, 10, false, &bad), 0);
	assert_int_equal(bm_check_remove(bm, 20, 12, false, &bad), -EIO);
	assert_int_equal(bad, 30);
	assert_int_equal(bm_check_remove(bm, 20, 12, true, &bad), 0);
	assert_int_equal(bm_check_remove(bm, 60, BM_NOWHERE - 1, true, &bad), -ERANGE);
	assert_int_equal(now()->mapped, 3);
}

static void a_read_only_map_refuses_before_it_begins(void **state)
{
	u64 bad;

	(void)state;
	play_add(&p, 20, 3);
	fault_log(0, 1);
	fault_log(1, 1);
	play_op(&p, BM_OP_ADD, 9, 1, 0, BM_NOWHERE, -EIO);
	assert_int_equal(bm_check_add(p.host->bm, 10, 1, BM_NOWHERE, &bad), -EROFS);
	assert_int_equal(bm_check_remove(p.host->bm, 20, 1, true, &bad), -EROFS);
	play_op(&p, BM_OP_RETRY, 0, 0, 0, 0, 0);
}

static void an_operation_that_is_stopped_keeps_what_it_has_done(void **state)
{
	(void)state;
	/* By pieces of as much as the scratch memory holds, or half of it: two blocks, one block.
	 */
	play_op(&p, BM_OP_ADD, 4, 8, BM_OP_STOP, BM_NOWHERE, -EINTR);
	assert_int_equal(now()->mapped, 2);
	assert_int_equal(state_of(5), BM_MAPPED);
	play_op(&p, BM_OP_REMOVE, 4, 2, BM_OP_STOP, 0, -EINTR);
	assert_int_equal(now()->mapped, 1);
	play_op(&p, BM_OP_SCRUB, 0, 8, BM_OP_STOP, 0, -EINTR);
	/* What ends anyway has not been stopped. */
	play_op(&p, BM_OP_REMOVE, 5, 1, BM_OP_STOP, 0, 0);
	assert_int_equal(now()->mapped, 0);
}

static void a_remap_is_found_whole_from_any_sector_of_it(void **state)
{
	static const u64 remaps[][2] = { { 20, 1 }, { 21, 2 }, { 23, 2 } };
	u64 first, count;

	(void)state;
	play_add(&p, 20, 3);
	play_add(&p, 23, 2);
	spare_bad_read(&p, 1, 1);
	play(&p, TASK_READ, 21, 1, false, -EIO); /* the first remap is two since */
	assert_int_equal(now()->runs, 3);
	for (u32 i = 0; i < 3; i++)
		for (u64 sector = 0; sector < remaps[i][1]; sector++) {
			assert_true(
				bm_find_remap(p.host->bm, remaps[i][0] + sector, &first, &count));
			assert_int_equal(first, remaps[i][0]);
			assert_int_equal(count, remaps[i][1]);
		}
	assert_false(bm_find_remap(p.host->bm, 19, &first, &count));
	assert_false(bm_find_remap(p.host->bm, 25, &first, &count));
}

/* ---- discard, zero, flush ---- */

static void a_discard_keeps_the_mapping(void **state)
{
	(void)state;
	play_add(&p, 4, 2);
	play(&p, TASK_DISCARD, 3, 4, false, 0);
	assert_true(on_spare(4) && on_spare(5));
	play_read(&p, 3, 4);
}

static void zeroes_reach_both_devices(void **state)
{
	(void)state;
	play_add(&p, 4, 2);
	play(&p, TASK_ZERO, 3, 4, false, 0);
	assert_true(on_spare(4) && on_spare(5));
	play_read(&p, 3, 4);
}

static void a_flush_makes_both_devices_durable(void **state)
{
	(void)state;
	play_add(&p, 4, 2);
	play_write(&p, 3, 4);
	play_flush(&p);
	power_cut();
	play_read(&p, 3, 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_failed_write_goes_to_the_spare_and_succeeds),
		TEST(only_the_blocks_that_fail_are_moved),
		TEST(a_relocated_write_outlasts_a_power_cut_right_after_it),
		TEST(a_mapping_is_in_both_copies_before_the_write_is_done),
		TEST(a_request_across_main_and_spare_is_split_exactly),
		TEST(an_unreadable_block_is_pending_and_its_neighbours_are_read),
		TEST(pending_outlasts_a_power_cut_even_if_the_block_reads_again),
		TEST(the_next_write_of_a_pending_block_goes_to_the_spare),
		TEST(a_scrub_recovers_a_pending_block_that_reads_again),
		TEST(a_scrub_takes_small_pieces_where_a_disk_is_slow),
		TEST(a_block_that_reads_at_a_retry_moves_to_the_spare),
		TEST(it_stays_where_it_is_if_the_policy_says_so),
		TEST(a_spare_block_that_cant_be_written_is_shunned),
		TEST(a_remapped_block_whose_spare_block_fails_moves_again),
		TEST(a_spare_block_that_cant_be_read_is_pending_until_written),
		TEST(a_full_spare_fails_that_write_only),
		TEST(one_copy_of_the_metadata_is_enough),
		TEST(without_metadata_the_write_fails_and_the_map_is_read_only),
		TEST(errors_of_other_kinds_are_passed_on_and_nothing_moves),
		TEST(a_pulled_cable_eats_no_spare_block),
		TEST(a_spare_that_does_not_answer_loses_nothing),
		TEST(add_copies_what_can_be_read_first),
		TEST(add_maps_what_cant_be_read_as_lost),
		TEST(remove_copies_back_and_only_then_lets_go),
		TEST(remove_is_refused_while_main_still_fails),
		TEST(forced_it_lets_go_and_the_block_stays_unreadable),
		TEST(what_would_be_refused_is_known_before_it_begins),
		TEST(a_read_only_map_refuses_before_it_begins),
		TEST(an_operation_that_is_stopped_keeps_what_it_has_done),
		TEST(a_remap_is_found_whole_from_any_sector_of_it),
		TEST(a_discard_keeps_the_mapping),
		TEST(zeroes_reach_both_devices),
		TEST(a_flush_makes_both_devices_durable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
