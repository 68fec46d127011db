/* SPDX-License-Identifier: GPL-2.0-only */
/* Metadata that is not as it was written: flipped bits, old copies, other people's data. */
#include "history.h"

#include <stdio.h>
#include <stdlib.h>

static struct history past;

static void flip(struct host *child, u64 sector, u32 bit)
{
	u8 buf[SECTOR];

	memcpy(buf, child->disk[BM_SPARE].now[sector], SECTOR);
	buf[bit / 8] ^= (u8)(1 << bit % 8);
	disk_put(&child->disk[BM_SPARE], sector, buf);
}

/* Is what stands at this sector of the log needed? */
static bool is_live(const struct history *h, u64 sector, u32 copy)
{
	u32 per = h->ex.layout.log_size / SECTOR;
	u64 start = sector - (sector - history_log(h, copy)) % per;
	struct bm_log_header header;

	return bm_log_peek(h->stage.host.disk[BM_SPARE].durable[start], h->ex.layout.log_size,
			   h->status.super.set_id, &header) &&
	       header.seq >= h->status.log_tail && header.seq <= h->status.log_seq;
}

/* Opening for writing mends what is needed. */
static void check_mended(const struct history *h, const struct host *child, u64 sector)
{
	if (memcmp(child->disk[BM_SPARE].durable[sector],
		   h->stage.host.disk[BM_SPARE].durable[sector], SECTOR) != 0)
		report_fail("spare sector %llu was not mended by opening",
			    (unsigned long long)sector);
}

static void flip_one(struct history *h, u64 sector, u32 bit, bool live)
{
	struct host *child = history_child(h);

	snprintf(report->detail, sizeof(report->detail), "bit %u of spare sector %llu is flipped",
		 bit, (unsigned long long)sector);
	flip(child, sector, bit);
	child->config.flags = live || bit % 2 ? 0 : BM_READ_ONLY;
	history_must_survive(h, child);
	if (live)
		check_mended(h, child, sector);
	report->detail[0] = 0;
}

static void flips_of(const struct case_args *args, u64 sector, bool live, u64 *turn)
{
	u32 stride = args->proof ? 1 : 61;

	for (u32 bit = *turn % stride; bit < 8 * SECTOR; bit += stride)
		if ((*turn)++ % args->parts == args->part)
			flip_one(&past, sector, bit, live);
}

/* Every single bit of every block of metadata, one copy damaged at a time: nothing is lost. */
void case_flips(const struct case_args *args)
{
	u64 turn = 0;

	for (u32 which = 0; which < 2; which++) {
		history_make(&past, which);
		for (u32 copy = 0; copy < 2; copy++) {
			u64 start = history_log(&past, copy);

			flips_of(args, history_super(&past, copy), true, &turn);
			for (u64 s = start; s < start + history_log_sectors(&past); s++)
				flips_of(args, s, is_live(&past, s, copy), &turn);
		}
		history_free(&past);
	}
}

/* Both copies of one block: refused, or what was so before that block. Never anything else. */
static void flip_both(struct history *h, u64 offset, u32 bit0, u32 bit1)
{
	struct host *child = history_child(h);
	u64 meaning = 0;
	int error;

	report->count[COUNT_FLIPS]++;
	snprintf(report->detail, sizeof(report->detail),
		 "bits %u and %u of sector %llu of the copies of the log are flipped", bit0, bit1,
		 (unsigned long long)offset);
	flip(child, history_log(h, 0) + offset, bit0);
	flip(child, history_log(h, 1) + offset, bit1);
	error = history_open(h, child, &meaning);
	if (error == 0 && meaning != h->meaning && meaning != h->at[h->count - 2].meaning)
		report_fail("the map became something that it never was last");
	if (error == 0 && meaning != h->meaning && !is_live(h, history_log(h, 0) + offset, 0))
		report_fail("the map changed though nothing needed was damaged");
	host_halt(child);
	report->detail[0] = 0;
}

void case_flips_both(const struct case_args *args)
{
	u64 seed = args->seed, rounds = args->proof ? 512 : 24;

	for (u32 which = 0; which < 2; which++) {
		history_make(&past, which);
		for (u64 s = args->part; s < history_log_sectors(&past); s += args->parts)
			for (u64 i = 0; i < rounds; i++) {
				u32 bit = (u32)rng_below(&seed, 8 * SECTOR);

				flip_both(&past, s, bit,
					  i % 2 ? bit : (u32)rng_below(&seed, 8 * SECTOR));
			}
		for (u64 i = 0; i < rounds && args->part == 0; i++) {
			struct host *child = history_child(&past);

			for (u32 copy = 0; copy < 2; copy++)
				flip(child, history_super(&past, copy),
				     (u32)rng_below(&seed, 8 * SECTOR));
			history_must_refuse(&past, child, ANY_RESULT);
		}
		history_free(&past);
	}
}

/* A copy that is older than the other, as a whole or in one block. */
void case_stale(const struct case_args *args)
{
	(void)args;
	for (u32 which = 0; which < 2; which++) {
		history_make(&past, which);
		for (u32 then = 0; then < past.count; then++) {
			u64 meaning = 0;
			struct host *child;

			for (u32 copy = 0; copy < 2; copy++) {
				child = history_child(&past);
				history_restore(&past, child, copy, then);
				history_must_survive(&past, child);
				for (u64 s = 0; s < history_log_sectors(&past); s++) {
					u64 at = history_log(&past, copy) + s;

					child = history_child(&past);
					disk_set(&child->disk[BM_SPARE], at,
						 past.at[then].spare[at]);
					history_must_survive(&past, child);
				}
			}
			child = history_child(&past);
			history_restore(&past, child, 0, then);
			history_restore(&past, child, 1, then);
			report->count[COUNT_FLIPS]++;
			if (history_open(&past, child, &meaning) != 0 ||
			    meaning != past.at[then].meaning)
				report_fail("an old pair of copies doesn't mean what it meant");
			host_halt(child);
		}
		history_free(&past);
	}
}

static void swap_sectors(struct host *child, u64 a, u64 b, u64 count)
{
	struct disk *spare = &child->disk[BM_SPARE];

	for (u64 i = 0; i < count; i++) {
		const u8 *data = spare->now[a + i];

		disk_set(spare, a + i, spare->now[b + i]);
		disk_set(spare, b + i, data);
	}
}

/* Copies in each other's place; blocks in each other's place, in one copy and in both. */
void case_swapped(const struct case_args *args)
{
	u64 seed = args->seed, per, blocks;

	for (u32 which = 0; which < 2; which++) {
		struct host *child;

		history_make(&past, which);
		per = past.ex.layout.log_size / SECTOR;
		blocks = past.ex.layout.log_max;
		child = history_child(&past);
		swap_sectors(child, history_log(&past, 0), history_log(&past, 1),
			     history_log_sectors(&past));
		swap_sectors(child, history_super(&past, 0), history_super(&past, 1), 1);
		history_must_survive(&past, child);
		for (u64 a = 0; a < blocks; a++)
			for (u64 b = a + 1; b < blocks; b++)
				for (u32 copy = 0; copy < 2; copy++) {
					u64 start = history_log(&past, copy);

					child = history_child(&past);
					swap_sectors(child, start + a * per, start + b * per, per);
					history_must_survive(&past, child);
				}
		for (u32 i = 0; i < 300; i++) {
			u64 a = rng_below(&seed, blocks), b = rng_below(&seed, blocks), meaning;

			report->count[COUNT_FLIPS]++;
			child = history_child(&past);
			for (u32 copy = 0; copy < 2; copy++)
				swap_sectors(child, history_log(&past, copy) + a * per,
					     history_log(&past, copy) + b * per, per);
			if (a != b && history_open(&past, child, &meaning) == 0 &&
			    meaning != past.meaning && meaning != past.at[past.count - 2].meaning)
				report_fail("blocks %llu and %llu, swapped in both copies, gave a "
					    "map that never was",
					    (unsigned long long)a, (unsigned long long)b);
			if (a != b)
				host_halt(child);
		}
		history_free(&past);
	}
}
