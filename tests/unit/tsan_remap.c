// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many threads on one remapped device, under ThreadSanitizer: writers that each own a part of main
 * and know what must be read there, sectors that turn bad under them, remaps that come and go.
 * Every write that was acknowledged is read back, by the thread and, at the end, after reopening.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hosts/posix/remap.h"
#include "tests/unit/fault_device.h"

#define WRITERS     4
#define PART        1024 /* sectors of each writer */
#define SPARE       65536
#define LONGEST     24
#define CHECK(what) ((what) ? (void)0 : failed(#what, __LINE__))

static struct fault_device *main_disk, *spare_disk;
static struct remap *remap;
static atomic_bool stop;
static atomic_uint remapped;

struct writer {
	pthread_t thread;
	uint64_t start;
	unsigned int seed, writes, reads, unreadable;
	unsigned int stamp[PART]; /* what each sector holds; 0: zeroes */
};

static void failed(const char *what, int line)
{
	fprintf(stderr, "line %d: %s\n", line, what);
	exit(1);
}

static void fill(unsigned char *sector, uint64_t number, unsigned int stamp)
{
	memset(sector, 0, 512);
	if (!stamp)
		return;
	for (int i = 0; i < 512; i += 16) {
		memcpy(sector + i, &number, 8);
		memcpy(sector + i + 8, &stamp, 4);
	}
}

static void write_some(struct writer *w, unsigned int at, unsigned int n)
{
	unsigned char buf[LONGEST * 512];
	unsigned int stamp = rand_r(&w->seed) | 1;
	bool zero = stamp % 16 == 1;

	for (unsigned int i = 0; i < n; i++)
		fill(buf + i * 512, w->start + at + i, zero ? 0 : stamp);
	CHECK((zero ? remap_zero(remap, (w->start + at) * 512, n * 512, stamp & 32, stamp & 64)
		    : remap_write(remap, buf, (w->start + at) * 512, n * 512, stamp & 64)) == 0);
	for (unsigned int i = 0; i < n; i++)
		w->stamp[at + i] = zero ? 0 : stamp;
	w->writes++;
}

static void read_some(struct writer *w, unsigned int at, unsigned int n)
{
	unsigned char buf[LONGEST * 512], expected[512];
	int err = remap_read(remap, buf, (w->start + at) * 512, n * 512);

	/* A sector that went bad after it was written may be unreadable, never wrong. */
	CHECK(err == 0 || err == -EIO);
	w->reads++;
	w->unreadable += err != 0;
	for (unsigned int i = 0; i < n && !err; i++) {
		fill(expected, w->start + at + i, w->stamp[at + i]);
		CHECK(!memcmp(buf + i * 512, expected, 512));
	}
}

static void *writer_run(void *data)
{
	struct writer *w = data;

	while (!atomic_load(&stop)) {
		unsigned int at = rand_r(&w->seed) % (PART - LONGEST);
		unsigned int n = 1 + rand_r(&w->seed) % LONGEST;

		if (rand_r(&w->seed) % 2)
			write_some(w, at, n);
		else
			read_some(w, at, n);
		if (w->writes % 64 == 0)
			CHECK(remap_flush(remap) == 0);
	}
	return NULL;
}

/* Sectors turn bad, a few at a time, and never all at once. */
static void *damager_run(void *data)
{
	const struct timespec nap = { .tv_nsec = 2000000 };
	unsigned int seed = *(unsigned int *)data;

	for (int i = 0; i < 300 && !atomic_load(&stop); i++) {
		unsigned int sector = rand_r(&seed) % (WRITERS * PART);

		fault_device_set(main_disk, sector, 1,
				 i % 3 ? FAULT_WRITE : FAULT_READ | FAULT_WRITE);
		nanosleep(&nap, NULL);
	}
	return NULL;
}

/* An administrator who adds, removes, scrubs and looks. */
static void *administrator_run(void *data)
{
	unsigned int seed = *(unsigned int *)data ^ 0x5a5a;

	while (!atomic_load(&stop)) {
		uint64_t sector = rand_r(&seed) % (WRITERS * PART - 8), at = 0;
		static const enum bm_op_kind kinds[] = { BM_OP_ADD, BM_OP_REMOVE, BM_OP_SCRUB };
		struct bm_extent extent;
		struct bm_status status;
		struct bm_op op;
		struct bm *bm;

		bm_op_init(&op, kinds[rand_r(&seed) % 3], sector, 1 + rand_r(&seed) % 8);
		remap_run(remap, &op);
		bm = remap_hold(remap);
		bm_get_status(bm, &status);
		while (bm_walk(bm, &at, &extent))
			CHECK(extent.count > 0);
		remap_release(remap);
	}
	return NULL;
}

static void on_event(void *ctx, const struct bm_event *event)
{
	(void)ctx;
	if (event->kind == BM_EV_REMAPPED)
		atomic_fetch_add(&remapped, 1);
}

static const struct remap_options options = { .name = "test", .event = on_event };

static void make_remap(void)
{
	const struct bm_format format = { .uuid = { 1, 2, 3 }, .set_id = 77 };
	char *error = NULL;
	int code;

	main_disk = fault_device_new(WRITERS * PART);
	spare_disk = fault_device_new(SPARE);
	fault_device_keep(main_disk);
	fault_device_keep(spare_disk);
	remap = remap_format(&main_disk->dev, &spare_disk->dev, &format, &options, &error, &code);
	if (!remap)
		failed(error, __LINE__);
}

static void reopen(void)
{
	char *error = NULL;
	int code;

	remap_close(remap);
	remap = remap_open(&main_disk->dev, &spare_disk->dev, &options, &error, &code);
	if (!remap)
		failed(error, __LINE__);
}

int main(int argc, char **argv)
{
	unsigned int seed = argc > 1 ? (unsigned int)atoi(argv[1]) : (unsigned int)time(NULL);
	struct timespec run = { .tv_sec = argc > 2 ? atoi(argv[2]) : 3 };
	static struct writer writers[WRITERS];
	pthread_t damager, administrator;
	unsigned int unreadable = 0, writes = 0;

	printf("seed %u\n", seed);
	make_remap();
	for (unsigned int i = 0; i < WRITERS; i++) {
		writers[i].start = (uint64_t)i * PART;
		writers[i].seed = seed + i;
		pthread_create(&writers[i].thread, NULL, writer_run, &writers[i]);
	}
	pthread_create(&damager, NULL, damager_run, &seed);
	pthread_create(&administrator, NULL, administrator_run, &seed);
	nanosleep(&run, NULL);
	atomic_store(&stop, true);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writers[i].thread, NULL);
	pthread_join(damager, NULL);
	pthread_join(administrator, NULL);
	reopen();
	for (int i = 0; i < WRITERS; i++) {
		for (unsigned int at = 0; at + 1 <= PART; at++)
			read_some(&writers[i], at, 1);
		unreadable += writers[i].unreadable;
		writes += writers[i].writes;
	}
	printf("%u writes, %u reads failed, %u remaps\n", writes, unreadable,
	       atomic_load(&remapped));
	CHECK(writes > 100 && atomic_load(&remapped) > 0);
	remap_close(remap);
	return 0;
}
