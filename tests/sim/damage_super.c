/* SPDX-License-Identifier: GPL-2.0-only */
/* Superblocks that are foreign, newer, of another main, of another format. */
#include "history.h"

#include <stdio.h>
#include <stdlib.h>

static struct history past;

static void super_put(struct host *child, u32 copy, const struct bm_super *super)
{
	u8 buf[BM_SUPER_SIZE];

	bm_super_encode(super, buf);
	disk_put(&child->disk[BM_SPARE], history_super(&past, copy), buf);
}

static void super_fill(struct host *child, u32 copy, u8 byte)
{
	u8 buf[SECTOR];

	memset(buf, byte, sizeof(buf));
	disk_put(&child->disk[BM_SPARE], history_super(&past, copy), buf);
}

/* Neither, one or both superblocks are blank or somebody else's. */
static void try_foreign(void)
{
	struct host *child = history_child(&past);

	super_fill(child, 0, 0);
	super_fill(child, 1, 0);
	history_must_refuse(&past, child, -ENXIO);
	child = history_child(&past);
	super_fill(child, 0, 0x53);
	super_fill(child, 1, 0x53);
	history_must_refuse(&past, child, -EMEDIUMTYPE);
	for (u32 copy = 0; copy < 2; copy++) {
		child = history_child(&past);
		super_fill(child, copy, 0);
		history_must_survive(&past, child);
	}
	/* A disk begins with superblock 0: there it means another owner, at the end just damage. */
	child = history_child(&past);
	super_fill(child, 0, 0x53);
	history_must_refuse(&past, child, -EMEDIUMTYPE);
	child = history_child(&past);
	super_fill(child, 1, 0x53);
	history_must_survive(&past, child);
}

static void try_newer(void)
{
	struct bm_super super = past.status.super;

	for (u32 what = 0; what < 3; what++) {
		super = past.status.super;
		if (what == 0)
			super.version++;
		else
			super.incompat = what == 1 ? 1 : 1ull << 63;
		for (u32 copies = 1; copies < 4; copies++) {
			struct host *child = history_child(&past);

			for (u32 copy = 0; copy < 2; copy++)
				if (copies & 1u << copy)
					super_put(child, copy, &super);
			history_must_refuse(&past, child, -EPROTONOSUPPORT);
		}
	}
	super = past.status.super;
	super.compat = 1ull << 40;
	for (u32 copies = 1; copies < 4; copies++) {
		struct host *child = history_child(&past);

		for (u32 copy = 0; copy < 2; copy++)
			if (copies & 1u << copy)
				super_put(child, copy, &super);
		history_must_survive(&past, child);
	}
}

/* The right spare with the wrong main, or of the wrong size. */
static void try_other_main(void)
{
	struct host *child = history_child(&past);

	strcpy(child->identity, "another");
	history_must_refuse(&past, child, -ESTALE);
	child = history_child(&past);
	child->config.flags = BM_ACCEPT_MAIN;
	history_must_survive(&past, child);
	strcpy(child->identity, "");
	child = history_child(&past);
	history_must_survive(&past, child);
	strcpy(child->identity, "sim-main");
	child = history_child(&past);
	child->config.main_sectors -= 8;
	history_must_refuse(&past, child, -ERANGE);
	child = history_child(&past);
	child->config.main_sectors += 8;
	history_must_refuse(&past, child, -EOVERFLOW);
	child = history_child(&past);
	child->config.spare_sectors -= 8;
	history_must_refuse(&past, child, ANY_RESULT);
	child->config.spare_sectors += 8;
	child = history_child(&past);
	child->geometry.block_size = 4096;
	child->geometry.scratch = 2;
	history_must_refuse(&past, child, -EINVAL);
	child->geometry = past.stage.host.geometry;
}

/* Values that a superblock with a right checksum may not have. */
static void try_nonsense(u64 seed)
{
	for (u32 i = 0; i < 4000; i++) {
		struct host *child = history_child(&past);
		struct bm_super super = past.status.super;
		u64 value = rng_next(&seed) >> rng_below(&seed, 64);
		u64 *fields[] = { &super.main_sectors, &super.spare_sectors, &super.data_start,
				  &super.data_end,     &super.log_start[0],  &super.log_start[1] };
		u32 *small[] = { &super.log_min, &super.log_max, &super.block_size,
				 &super.log_size };
		u64 meaning;

		if (i % 2)
			*fields[rng_below(&seed, 6)] = value;
		else
			*small[rng_below(&seed, 4)] = (u32)value;
		super_put(child, 0, &super);
		super_put(child, 1, &super);
		report->count[COUNT_FLIPS]++;
		child->config.flags = i % 3 ? 0 : BM_READ_ONLY;
		if (history_open(&past, child, &meaning) == 0 && meaning != past.meaning)
			report_fail("a superblock with a wrong value was believed");
		host_halt(child);
	}
}

void case_supers(const struct case_args *args)
{
	for (u32 which = 0; which < 2; which++) {
		history_make(&past, which);
		try_foreign();
		try_newer();
		try_other_main();
		try_nonsense(args->seed);
		history_free(&past);
	}
}

/* Metadata of two formats of the same spare, in every combination of its four parts. */
static void mixture_of(const u8 *const *one, const u8 *const *two, u32 parts)
{
	struct host *child = history_child(&past);
	bool mixed_supers = (parts & 1) != (parts >> 1 & 1);
	u64 meaning = 0;
	int error;

	snprintf(report->detail, sizeof(report->detail), "parts 0x%x are of another format", parts);
	for (u32 copy = 0; copy < 2; copy++) {
		u64 super = history_super(&past, copy), log = history_log(&past, copy);
		const u8 *const *from = parts & 1u << copy ? two : one;

		disk_set(&child->disk[BM_SPARE], super, from[super]);
		from = parts & 4u << copy ? two : one;
		for (u64 s = log; s < log + history_log_sectors(&past); s++)
			disk_set(&child->disk[BM_SPARE], s, from[s]);
	}
	report->count[COUNT_FLIPS]++;
	if (mixed_supers) {
		history_must_refuse(&past, child, ANY_RESULT);
		return;
	}
	error = history_open(&past, child, &meaning);
	if ((parts & 3) == 0 && (parts & 12) != 12 && (error != 0 || meaning != past.meaning))
		report_fail("a log of another format was taken for ours (%d)", error);
	/* A format leaves most of an older log as it was, so that may still be whole. */
	if ((parts & 3) == 0 && (parts & 12) == 12 && error == 0 && meaning != past.meaning)
		report_fail("a log of another format was taken for ours");
	host_halt(child);
	report->detail[0] = 0;
}

void case_mixture(const struct case_args *args)
{
	(void)args;
	for (u32 which = 0; which < 2; which++) {
		struct host *other;
		const u8 **two;

		history_make(&past, which);
		other = explore_child(&past.ex, &past.stage.host, 1);
		if (host_start(other) != 0 || host_format(other, 0xbad5e7) != 0)
			report_fail("the spare can't be formatted again");
		host_do_op(other, BM_OP_ADD, 1, 1, BM_OP_NO_COPY, BM_NOWHERE);
		two = other->disk[BM_SPARE].durable;
		for (u32 parts = 0; parts < 16; parts++)
			mixture_of(past.stage.host.disk[BM_SPARE].durable, two, parts);
		host_halt(other);
		history_free(&past);
	}
}
