/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the map costs on real files: adding remaps one by one, durable in batches; one durable add
 *at different sizes of the map; opening a spare. Single-threaded, so that what is measured is the
 * core and the files, not a host's threads.
 *
 *	bench-core [DIRECTORY [REMAPS]]
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "core/remap.h"

#define AT_ONCE  250 /* operations under way; a log block takes about as many */
#define MAIN_GIB 64ull

static int fd[2];
static u64 log_writes, flushes, data_writes;

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

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int durable(void *memory, size_t size, off_t at)
{
	struct iovec v = { memory, size };

	return pwritev2(fd[BM_SPARE], &v, 1, at, RWF_DSYNC) == (ssize_t)size ? 0 : -EIO;
}

static int perform(struct bm_step *s)
{
	size_t size = (size_t)s->count << 9;
	off_t at = (off_t)(s->sector << 9);

	switch (s->kind) {
	case BM_STEP_READ:
		return pread(fd[s->device], s->memory, size, at) == (ssize_t)size ? 0 : -EIO;
	case BM_STEP_WRITE:
		data_writes++;
		if (s->fua)
			return durable(s->memory, size, at);
		return pwrite(fd[s->device], s->memory, size, at) == (ssize_t)size ? 0 : -EIO;
	case BM_STEP_LOG: /* as hosts/posix does on a file: both copies, then one flush */
		log_writes += 2;
		if (pwrite(fd[BM_SPARE], s->memory, size, at) != (ssize_t)size ||
		    pwrite(fd[BM_SPARE], s->memory, size, (off_t)(s->sector2 << 9)) !=
			    (ssize_t)size)
			return -EIO;
		__attribute__((fallthrough));
	case BM_STEP_FLUSH:
		flushes++;
		return fdatasync(fd[s->device]) ? -EIO : 0;
	default:
		return 0;
	}
}

static bool go_on(struct bm *bm, struct bm_op *op)
{
	for (;;) {
		enum bm_verdict verdict = bm_advance(bm, op);

		if (verdict != BM_STEP)
			return verdict == BM_DONE;
		op->step.error[1] = 0;
		op->step.error[0] = perform(&op->step);
	}
}

static void finish(struct bm *bm, struct bm_op *op)
{
	if (!go_on(bm, op) || op->error) {
		fprintf(stderr, "operation %d: error %d\n", (int)op->kind, op->error);
		exit(1);
	}
}

static void add(struct bm *bm, u64 sector, void *scratch)
{
	struct bm_op op;

	bm_op_init(&op, BM_OP_ADD, sector, 1);
	op.scratch = scratch;
	op.scratch_size = 1024;
	finish(bm, &op);
	while (bm_idle_work(bm))
		;
}

static struct bm_op ops[AT_ONCE];
static char *memory;
static u64 started, wanted;

/* Every `stride`th sector, in an order that jumps about. */
static u64 scattered(u64 i)
{
	return i * 7919 % wanted * ((MAIN_GIB << 21) / (wanted + 64));
}

/*
 * Keep AT_ONCE operations going. Steps that wait for the disk are put off until nothing else can
 * go on, as they would overlap with the others' work in a threaded host.
 */
static void add_many(struct bm *bm)
{
	struct bm_op *run[2 * AT_ONCE], *op, *syncing = NULL;
	int n = 0, i;

	for (i = 0; i < AT_ONCE && started < wanted; i++) {
		bm_op_init(&ops[i], BM_OP_ADD, scattered(started++), 1);
		ops[i].scratch = memory + 1024 * i;
		ops[i].scratch_size = 1024;
		run[n++] = &ops[i];
	}
	while (n || syncing) {
		enum bm_verdict verdict;

		op = n ? run[--n] : syncing;
		if (op == syncing) {
			op->step.error[1] = 0;
			op->step.error[0] = perform(&op->step);
			syncing = NULL;
		}
		while ((verdict = bm_advance(bm, op)) == BM_STEP &&
		       op->step.kind != BM_STEP_FLUSH && op->step.kind != BM_STEP_LOG)
			op->step.error[0] = perform(&op->step);
		if (verdict == BM_STEP)
			syncing = op;
		if (verdict == BM_DONE && op->error)
			die("add");
		if (verdict == BM_DONE && started < wanted) {
			bm_op_init(op, BM_OP_ADD, scattered(started++), 1);
			op->scratch = memory + 1024 * (op - ops);
			op->scratch_size = 1024;
			run[n++] = op;
		}
		while ((op = bm_ready(bm)))
			run[n++] = op;
		bm_idle_work(bm);
	}
}

static struct bm *start(enum bm_op_kind kind, u64 spare_sectors, void *scratch, size_t size)
{
	static const struct bm_format format = { .set_id = 1 };
	struct bm_config config = {
		.main_sectors = MAIN_GIB << 21,
		.spare_sectors = spare_sectors,
		.block_size = 512,
		.now = 1,
		.mem = { NULL, get, put, put },
	};
	struct bm_op op;
	struct bm *bm;

	if (bm_create(&config, &bm))
		die("create");
	bm_op_init(&op, kind, 0, 0);
	op.format = &format;
	op.scratch = scratch;
	op.scratch_size = (u32)size;
	finish(bm, &op);
	return bm;
}

/* What one of the disk's own durable writes takes here: the least that a commit can cost. */
static double bare_write(void)
{
	static char block[4096];
	struct iovec v = { block, sizeof(block) };
	double t = now();
	int i;

	for (i = 0; i < 200; i++)
		if (pwritev2(fd[BM_MAIN], &v, 1, (off_t)i * 4096, RWF_DSYNC) != sizeof(block))
			die("bare write");
	return (now() - t) / 200;
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "/var/tmp";
	u64 remaps = argc > 2 ? strtoull(argv[2], NULL, 0) : 1000000, spare = remaps * 5 / 4;
	size_t size = 1 << 20;
	void *scratch = aligned_alloc(4096, size);
	struct bm_status s;
	struct bm *bm;
	char name[2][4096];
	double t, bare;
	int n;

	spare = spare < 1u << 16 ? 1u << 16 : spare;
	for (n = 0; n < 2; n++) {
		snprintf(name[n], sizeof(name[n]), "%s/bench-core-%d-%d", dir, getpid(), n);
		fd[n] = open(name[n], O_RDWR | O_CREAT | O_EXCL, 0600);
		if (fd[n] < 0 ||
		    ftruncate(fd[n], n ? (off_t)(spare << 9) : (off_t)(MAIN_GIB << 30)))
			die(name[n]);
		unlink(name[n]);
	}
	bm = start(BM_OP_FORMAT, spare, scratch, size);
	add(bm, (MAIN_GIB << 21) - 1, scratch);
	t = now();
	memory = malloc(1024 * AT_ONCE);
	wanted = remaps;
	add_many(bm);
	t = now() - t;
	bm_get_status(bm, &s);
	printf("adding %llu remaps one by one, durable in batches: %.2f s (%llu log blocks, "
	       "%llu flushes)\n",
	       (unsigned long long)remaps, t, (unsigned long long)s.log_seq,
	       (unsigned long long)flushes);
	bare = bare_write();
	printf("  a bare durable write of 4 KiB takes %.3f ms here: as many as these, one after "
	       "the "
	       "other, %.2f s\n",
	       bare * 1e3, bare * (double)flushes);
	printf("  index: %.1f bytes a remap, %u buckets, %llu passes of the log, ring %u\n",
	       (double)s.index_bytes / (double)s.entries, s.buckets,
	       (unsigned long long)s.counters.passes, s.log_ring);
	for (n = 0; n < 3; n++) {
		u64 before = log_writes, at = (MAIN_GIB << 21) - 10 - 2 * (u64)n;

		t = now();
		add(bm, at, scratch);
		printf("one durable add more: %llu small FUA writes, %llu in each copy, %.2f ms\n",
		       (unsigned long long)(log_writes - before),
		       (unsigned long long)(log_writes - before) / 2, (now() - t) * 1e3);
	}
	bm_destroy(bm);
	for (n = 0; n < (argc > 3 ? atoi(argv[3]) : 3); n++) {
		t = now();
		bm = start(BM_OP_OPEN, spare, scratch, size);
		t = now() - t;
		bm_get_status(bm, &s);
		printf("opening a spare with %llu remaps: %.3f s\n", (unsigned long long)s.runs, t);
		bm_destroy(bm);
	}
	free(scratch);
	free(memory);
	return 0;
}
