// SPDX-License-Identifier: GPL-2.0-only
/*
 * Power cuts of a disk whose first partition is main, the second the spare, and the third where
 * guest-load left its marks: for each, what the disk then holds is put on a disk, the device made,
 * and everything read that has to be there.
 *
 *	guest-cuts LOG DISK KEY=VALUE...
 *
 * Keys: seed, workers, block, pieces, as given to guest-load; parts (what the names of its
 * partitions begin with: DISK); bad (sectors of the disk that can't be written); unreadable
 * (those of main that can't be read either); cuts (how many), all=1 (at all flushes too), chance
 * (a seed for where), damaged=1 (bad sectors in the metadata: it need not be clean). Only one of
 * them, once more: at, mode (prefix reorder tear), and its chance.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hosts/dmctl/mapper.h"
#include "lab/lab.h"
#include "lab/writelog.h"
#include "tests/guest/check.h"
#include "tests/guest/mark.h"
#include "tests/guest/parts.h"

#define NAME "cut"
#define NODE "/dev/mapper/" NAME

static const char *const modes[] = {
	[CUT_PREFIX] = "prefix", [CUT_REORDER] = "reorder", [CUT_TEAR] = "tear"
};

static struct work work = { .seed = 1, .workers = 8, .block = 1 };
static struct disk_io disk;
static const char *parts_named;
static struct bad_list bad, unreadable;
static struct writelog list;
static struct work_past *past;
static uint8_t *memory, *image;
static uint64_t cuts = 100, chance = 1, at, life;
static uint32_t pieces;
static bool all, damaged, only;
static enum cut_mode only_mode;
static int image_fd;

struct seen {
	size_t entry;
	struct mark mark;
};
static struct seen *marks;
static size_t marks_n;

static uint64_t tried[3], sectors, lost, refused, lives, flushes;

/* ---- the log ---- */

/* A write of marks: of several workers at once, where requests were merged. */
static void marks_add(size_t entry)
{
	const struct writelog_entry *e = &list.entry[entry];
	uint64_t from;
	struct mark mark;

	for (from = 0; from < e->size; from += work.block * WORK_SECTOR) {
		if (pread(list.fd, &mark, sizeof(mark), (off_t)(e->data + from)) != sizeof(mark) ||
		    mark.magic != MARK_MAGIC || mark.seed != work.seed ||
		    mark.worker >= work.workers)
			die("%s: entry %zu should be a mark", list.path, entry);
		marks = realloc(marks, (marks_n + 1) * sizeof(*marks));
		if (!marks)
			die("out of memory");
		marks[marks_n++] = (struct seen){ entry, mark };
	}
}

static void marks_read(void)
{
	uint64_t start = parts[PART_MARKS].start * WORK_SECTOR;
	uint64_t end = start + parts[PART_MARKS].sectors * WORK_SECTOR;
	size_t i;

	for (i = 0; i < list.n; i++) {
		const struct writelog_entry *e = &list.entry[i];

		flushes += e->flags & WRITELOG_FLUSH ? 1 : 0;
		if (!(e->flags & WRITELOG_DISCARD) && e->offset >= start && e->offset < end)
			marks_add(i);
	}
	if (!marks_n)
		die("%s: there is no mark in it", list.path);
}

/* What has to be on the device after a cut there, and what may be. */
static void expect(struct check *check, size_t point)
{
	struct piece piece;
	uint32_t w, n;
	size_t i;

	memset(past, 0, work.sectors * sizeof(*past));
	*check = (struct check){ .work = &work, .past = past, .bad = &unreadable };
	for (i = 0; i < marks_n && marks[i].entry < point; i++)
		check->from[marks[i].mark.worker] = marks[i].mark.done;
	for (w = 0; w < work.workers; w++) {
		for (n = 0; n < check->from[w]; n++) {
			work_piece(&work, w, n, &piece);
			work_past_add(past, &piece, n);
		}
		/* Nothing behind the next flush was begun before the mark that comes with it. */
		for (piece.flush = false; n < pieces && !piece.flush; n++)
			work_piece(&work, w, n, &piece);
		check->end[w] = n;
	}
}

/* ---- the disk ---- */

static bool is_bad_piece(uint64_t sector, uint64_t count)
{
	return bad_touches(&bad, sector, count);
}

/* All but what can't be written, in pieces as large as may be. */
static void disk_put(void)
{
	uint64_t sector = parts[PART_MAIN].start, end = parts_end(), most = DISK_MOST / 512, n;
	int err;

	for (; sector < end; sector += n) {
		for (n = end - sector < most ? end - sector : most;
		     n > work.block && is_bad_piece(sector, n);)
			n = n / 2 / work.block * work.block;
		if (is_bad_piece(sector, n))
			continue;
		memcpy(memory, image + sector * 512, n * 512);
		err = disk_write(&disk, memory, sector, (uint32_t)n, false);
		if (err)
			die("%s: %" PRIu64 " sectors from %" PRIu64 " can't be written: %s",
			    disk.path, n, sector, strerror(-err));
	}
}

static void cut_make(const struct writelog_cut *cut)
{
	off_t size = (off_t)(disk.sectors * 512);

	if (ftruncate(image_fd, 0) || ftruncate(image_fd, size) ||
	    writelog_replay(&list, cut, image_fd))
		die("the image can't be made: %s", strerror(errno));
	disk_put();
}

/* ---- the device ---- */

static int device_make(void)
{
	char table[PATH_MAX * 2 + 32];

	snprintf(table, sizeof(table), "%s%u %s%u", parts_named, PART_MAIN + 1, parts_named,
		 PART_SPARE + 1);
	return mapper_create(NAME, "LAB-" NAME, parts[PART_MAIN].sectors, table, false);
}

static void device_end(void)
{
	int err = mapper_remove(NAME, false);

	if (err)
		die("the device can't be removed: %s", strerror(-err));
}

/* Both copies of the metadata have to be whole once it is loaded. */
static bool is_clean(void)
{
	static const char *const keys[] = { "bad0 0\n", "bad1 0\n", "super_bad0 0\n",
					    "super_bad1 0\n" };
	char *answer;
	bool clean = !mapper_message(NAME, "check", &answer);
	size_t i;

	for (i = 0; clean && i < sizeof(keys) / sizeof(*keys); i++)
		clean = strstr(answer, keys[i]);
	if (!clean)
		fprintf(stderr, "the metadata is not clean: %s\n", answer ? answer : "no answer");
	free(answer);
	return clean || damaged;
}

/* ---- life goes on ---- */

/* Each block's contents, and whether there are any. */
struct picture {
	uint8_t *data;
	bool *readable;
};
static struct picture before, after;

static void picture_new(struct picture *p)
{
	p->data = calloc(work.sectors, WORK_SECTOR);
	p->readable = calloc(work.sectors, 1);
	if (!p->data || !p->readable)
		die("out of memory");
}

static void picture_take(const struct picture *p, const struct disk_io *device, uint64_t sector,
			 uint64_t count)
{
	uint64_t half;

	if (count > DISK_MOST / 512 ||
	    (disk_read(device, memory, sector, (uint32_t)count) && count > work.block)) {
		half = count / work.block / 2 * work.block;
		picture_take(p, device, sector, half);
		picture_take(p, device, sector + half, count - half);
		return;
	}
	/* Either it was just read, or it is one block: then ask what became of that. */
	memset(p->readable + sector, !disk_read(device, memory, sector, (uint32_t)count), count);
	memcpy(p->data + sector * WORK_SECTOR, memory, count * WORK_SECTOR);
}

static void write_some(const struct disk_io *device, uint64_t seed)
{
	uint64_t n, sector, count, i;
	int err = 0;

	for (n = 0; n < 24 && !err; n++) {
		count = work.block * (1 + work_chance(seed, n, 1, 16));
		sector = work_chance(seed, n, 2, (work.sectors - count) / work.block) * work.block;
		for (i = 0; i < count; i++)
			work_fill(&work, WORK_WORKERS, (uint32_t)n, sector + i,
				  memory + i * WORK_SECTOR);
		err = disk_write(device, memory, sector, (uint32_t)count, false);
		memcpy(before.data + sector * WORK_SECTOR, memory, count * WORK_SECTOR);
		memset(before.readable + sector, true, count);
	}
	if (!err)
		err = disk_flush(device);
	if (err)
		die("writing after the cut: %s", strerror(-err));
}

static bool picture_same(void)
{
	uint64_t i;

	for (i = 0; i < work.sectors; i++) {
		if (before.readable[i] == after.readable[i] &&
		    (!before.readable[i] || !memcmp(before.data + i * WORK_SECTOR,
						    after.data + i * WORK_SECTOR, WORK_SECTOR)))
			continue;
		fprintf(stderr, "after loading once more sector %" PRIu64 " is %s\n", i,
			!after.readable[i]   ? "unreadable"
			: before.readable[i] ? "another"
					     : "readable, and was not");
		return false;
	}
	return true;
}

/* Write here and there, and load it once more: nothing else may have changed. */
static bool goes_on(uint64_t seed)
{
	struct disk_io device;
	bool same;

	disk_open(&device, NODE, true);
	picture_take(&before, &device, 0, work.sectors);
	write_some(&device, seed);
	disk_close(&device);
	device_end();
	if (device_make())
		die("it does not load once more");
	disk_open(&device, NODE, false);
	picture_take(&after, &device, 0, work.sectors);
	same = picture_same();
	disk_close(&device);
	lives++;
	return same && is_clean();
}

/* ---- cuts ---- */

static bool survives(const struct writelog_cut *cut, bool go_on)
{
	struct disk_io device;
	struct check check;
	int err;
	bool right;

	cut_make(cut);
	expect(&check, cut->point);
	err = device_make();
	/* While the spare was being formatted nothing had been acknowledged. */
	if (err && marks[0].entry >= cut->point) {
		refused++;
		return true;
	}
	if (err) {
		fprintf(stderr, "the device can't be made: %s\n", strerror(-err));
		return false;
	}
	disk_open(&device, NODE, true);
	right = check_all(&check, &device, memory) && is_clean();
	disk_close(&device);
	sectors += check.sectors;
	lost += check.unreadable;
	right = right && (!go_on || goes_on(cut->seed));
	device_end();
	return right;
}

static void try_cut(size_t point, enum cut_mode mode, uint64_t seed)
{
	const struct writelog_cut cut = { point, mode, seed, work.block * 512 };
	bool go_on = only || life++ % 4 == 0;

	tried[mode]++;
	if (survives(&cut, go_on))
		return;
	printf("once more: at=%zu mode=%s chance=%" PRIu64 "\n", point, modes[mode], seed);
	die("the cut at entry %zu of %zu (%s, %zu writes unflushed) was not survived", point,
	    list.n, modes[mode], writelog_unflushed(&list, point));
}

/* A flush that is to make a mapping durable: what it says must be so whatever else is missing. */
static bool is_commit(size_t flush)
{
	uint64_t start = parts[PART_SPARE].start * WORK_SECTOR;
	size_t i;

	for (i = writelog_flushed(&list, flush); i < flush; i++)
		if (list.entry[i].offset > start &&
		    list.entry[i].offset < start + PARTS_LOG_END * WORK_SECTOR)
			return true;
	return false;
}

/* So many of them, evenly; 0: all. While a flush is under way, and just behind it. */
static void try_flushes(bool commits, uint64_t most)
{
	uint64_t n = 0, step = 1;
	size_t *points = calloc(list.n, sizeof(*points)), i;

	if (!points)
		die("out of memory");
	for (i = 0; i < list.n; i++)
		if (list.entry[i].flags & WRITELOG_FLUSH && (!commits || is_commit(i)))
			points[n++] = i;
	if (most && n > most)
		step = n / most;
	for (i = chance % step; i < n; i += step) {
		try_cut(points[i], i / step % 2 ? CUT_REORDER : CUT_TEAR, chance + i);
		if (!commits)
			try_cut(points[i] + 1, CUT_PREFIX, 0);
	}
	free(points);
}

static void try_random(uint64_t n)
{
	uint64_t i;

	for (i = 0; i < n; i++)
		try_cut(work_chance(chance, i, 1, list.n + 1), i % 3, chance + i);
}

/* ---- all of it ---- */

static void mode_set(const char *value)
{
	size_t i;

	for (i = 0; i < 3 && strcmp(value, modes[i]); i++)
		;
	if (i == 3)
		misused("mode=%s: should be prefix, reorder or tear", value);
	only_mode = (enum cut_mode)i;
}

static void option(const char *word)
{
	const char *value = strchr(word, '=');
	uint64_t number = value ? strtoull(value + 1, NULL, 10) : 0;
	size_t n = value ? (size_t)(value - word) : 0, i;
	const struct {
		const char *name;
		uint64_t *wide;
		uint32_t *narrow;
		bool *flag;
	} known[] = {
		{ "seed", .wide = &work.seed },
		{ "workers", .narrow = &work.workers },
		{ "block", .narrow = &work.block },
		{ "pieces", .narrow = &pieces },
		{ "cuts", .wide = &cuts },
		{ "chance", .wide = &chance },
		{ "all", .flag = &all },
		{ "damaged", .flag = &damaged },
		{ "at", .wide = &at, .flag = &only },
	};

	for (i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (!value || strlen(known[i].name) != n || strncmp(known[i].name, word, n))
			continue;
		if (known[i].wide)
			*known[i].wide = number;
		if (known[i].narrow)
			*known[i].narrow = (uint32_t)number;
		if (known[i].flag)
			*known[i].flag = known[i].wide || number;
		return;
	}
	if (n == 3 && !strncmp(word, "bad", n))
		bad_parse(&bad, value + 1);
	else if (n == 10 && !strncmp(word, "unreadable", n))
		bad_parse(&unreadable, value + 1);
	else if (n == 4 && !strncmp(word, "mode", n))
		mode_set(value + 1);
	else if (n == 5 && !strncmp(word, "parts", n))
		parts_named = value + 1;
	else
		misused("'%s' is not understood", word);
}

int main(int argc, char **argv)
{
	int i;

	if (argc < 4)
		misused("LOG DISK KEY=VALUE...");
	parts_named = argv[2];
	for (i = 3; i < argc; i++)
		option(argv[i]);
	if (writelog_open(&list, argv[1]))
		return 1;
	disk_open(&disk, argv[2], true);
	work.sectors = parts[PART_MAIN].sectors;
	past = calloc(work.sectors, sizeof(*past));
	memory = disk_memory();
	image_fd = memfd_create("image", MFD_CLOEXEC);
	if (!past || image_fd < 0 || ftruncate(image_fd, (off_t)(disk.sectors * 512)))
		die("out of memory");
	image = mmap(NULL, disk.sectors * 512, PROT_READ, MAP_SHARED, image_fd, 0);
	picture_new(&before);
	picture_new(&after);
	marks_read();
	if (only)
		try_cut(at, only_mode, chance);
	else {
		try_flushes(true, all ? 0 : cuts / 2);
		try_flushes(false, all ? 0 : cuts / 8);
		try_random(all ? cuts : cuts / 4);
	}
	printf("%" PRIu64 " cuts survived: %" PRIu64 " prefix, %" PRIu64 " reorder, %" PRIu64
	       " tear; log of %zu entries, %" PRIu64 " flushes, %zu marks; %" PRIu64
	       " sectors read, %" PRIu64 " never readable; %" PRIu64 " went on, %" PRIu64
	       " before anything was acknowledged\n",
	       tried[0] + tried[1] + tried[2], tried[0], tried[1], tried[2], list.n, flushes,
	       marks_n, sectors, lost, lives, refused);
	return 0;
}
