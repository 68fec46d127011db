// SPDX-License-Identifier: GPL-2.0-only
/*
 * Format a spare and add remaps: what bench/nbd.sh and bench/dm.sh measure upon.
 *
 *	bench_fill MAIN SPARE COUNT [NEAR NEAR_SECTORS]
 *	bench_fill MAIN SPARE all SECTORS RUN
 *
 * COUNT remaps of a single sector, NEAR of them in the first NEAR_SECTORS of main, the others
 * anywhere. Or all of the first SECTORS, in remaps of RUN sectors, shuffled. Many threads add at
 * once, as each waits for its remap to be durable and the core commits them together.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hosts/posix/remap.h"

#define THREADS 64
#define PRIME   2654435761u /* shuffles */

static struct remap *remap;
static uint64_t main_sectors, near_sectors, near_count, count, run; /* run: of "all", or 0 */
static _Atomic uint64_t added;

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull; /* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static void complain_and_exit(uint64_t sector, int err)
{
	fprintf(stderr, "bench_fill: sector %" PRIu64 ": error %d\n", sector, -err);
	exit(1);
}

static void add_anywhere(uint64_t mine, uint64_t *state)
{
	uint64_t range = mine < near_count ? near_sectors : main_sectors;
	struct bm_op op;
	int err;

	do {
		bm_op_init(&op, BM_OP_ADD, next_random(state) % range, 1);
		err = remap_run(remap, &op);
	} while (err == -EEXIST);
	if (err)
		complain_and_exit(op.sector, err);
}

static void add_run(uint64_t mine)
{
	struct bm_op op;
	int err;

	bm_op_init(&op, BM_OP_ADD, mine * PRIME % count * run, run);
	err = remap_run(remap, &op);
	if (err)
		complain_and_exit(op.sector, err);
}

static void *add_many(void *data)
{
	uint64_t state = (uintptr_t)data, mine;

	while ((mine = added++) < count) {
		if (run)
			add_run(mine);
		else
			add_anywhere(mine, &state);
	}
	return NULL;
}

static void parse(int argc, char **argv)
{
	if (argc != 4 && argc != 6) {
		fprintf(stderr, "usage: bench_fill MAIN SPARE COUNT [NEAR NEAR_SECTORS]\n"
				"       bench_fill MAIN SPARE all SECTORS RUN\n");
		exit(1);
	}
	if (!strcmp(argv[3], "all") && argc == 6) {
		run = strtoull(argv[5], NULL, 10);
		count = run ? strtoull(argv[4], NULL, 10) / run : 0;
		return;
	}
	count = strtoull(argv[3], NULL, 10);
	near_count = argc == 6 ? strtoull(argv[4], NULL, 10) : 0;
	near_sectors = argc == 6 ? strtoull(argv[5], NULL, 10) : 1;
}

static struct device *open_or_exit(const char *name)
{
	char *error = NULL;
	int code;
	struct device *dev = device_open(name, DEVICE_LOCK, &error, &code);

	if (!dev) {
		fprintf(stderr, "bench_fill: %s\n", error);
		exit(1);
	}
	return dev;
}

int main(int argc, char **argv)
{
	const struct remap_options options = { .name = "fill" };
	struct bm_format format = { .set_id = (uint64_t)time(NULL) | 1 };
	pthread_t threads[THREADS];
	struct device *main_disk;
	char *error = NULL;
	int code;

	parse(argc, argv);
	for (int i = 0; i < 16; i++)
		format.uuid[i] = (u8)(format.set_id * 0x9e3779b97f4a7c15ull >> 8 * (i % 8) ^ i);
	main_disk = open_or_exit(argv[1]);
	main_sectors = device_info(main_disk)->size / 512;
	remap = remap_format(main_disk, open_or_exit(argv[2]), &format, &options, &error, &code);
	if (!remap) {
		fprintf(stderr, "bench_fill: %s\n", error);
		return 1;
	}
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, add_many, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	remap_close(remap);
	return 0;
}
