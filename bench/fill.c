// SPDX-License-Identifier: GPL-2.0-only
/*
 * Format a spare and add single-block remaps at random places: what bench/nbd.sh measures upon.
 *
 *	bench_fill MAIN SPARE COUNT [NEAR NEAR_SECTORS]
 *
 * NEAR of the COUNT remaps fall into the first NEAR_SECTORS of main, the others anywhere. Many
 * threads add at once, as each waits for its remap to be durable and the core commits them
 *together.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "hosts/posix/remap.h"

#define THREADS 64

static struct remap *remap;
static uint64_t main_sectors, near_sectors, near_count, count;
static _Atomic uint64_t added;

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull; /* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static void *add_run(void *data)
{
	uint64_t state = (uintptr_t)data, mine;
	struct bm_op op;
	int err;

	while ((mine = added++) < count) {
		uint64_t range = mine < near_count ? near_sectors : main_sectors;

		do {
			bm_op_init(&op, BM_OP_ADD, next_random(&state) % range, 1);
			err = remap_run(remap, &op);
		} while (err == -EEXIST);
		if (err) {
			fprintf(stderr, "bench_fill: sector %" PRIu64 ": error %d\n", op.sector,
				-err);
			exit(1);
		}
	}
	return NULL;
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

	if (argc != 4 && argc != 6) {
		fprintf(stderr, "usage: bench_fill MAIN SPARE COUNT [NEAR NEAR_SECTORS]\n");
		return 1;
	}
	count = strtoull(argv[3], NULL, 10);
	near_count = argc == 6 ? strtoull(argv[4], NULL, 10) : 0;
	near_sectors = argc == 6 ? strtoull(argv[5], NULL, 10) : 1;
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
		pthread_create(&threads[i], NULL, add_run, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	remap_close(remap);
	return 0;
}
