// SPDX-License-Identifier: GPL-2.0-only
/*
 * Load on a device from many threads, each of which reads back what it has written.
 *
 *	guest-load run DEVICE [KEY=VALUE...]	until all pieces are done, or SIGTERM
 *	guest-load check DEVICE state=FILE [torn=1]	is all of it there? (torn: the last piece
 *						of each worker was not acknowledged)
 *
 * Keys: seed, workers, block (sectors), pieces (of each worker; 0: no end), from (of these, when
 *the ones before have been done), bad (sectors of the device that may be unreadable until they are
 *written), state (a file that says in the end how far the workers came), marks (a device: its
 *sector w says how far worker w knows that all is durable), admin (name of the device: remap to and
 *fro meanwhile), used=1 (there was something on the device before).
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hosts/dmctl/mapper.h"
#include "tests/guest/check.h"
#include "tests/guest/mark.h"

static struct work work = { .seed = 1, .workers = 8, .block = 1 };
static struct disk_io disk, marks;
static struct bad_list bad;
static struct work_past *past;
static uint32_t from, pieces;
static const char *state, *admin;
static bool torn, used;
static atomic_bool stop, failed;
static atomic_uint remapped;

struct worker {
	pthread_t thread;
	uint32_t number, done;
	struct check check;
	uint8_t *memory;
};

static struct worker workers[WORK_WORKERS];

/* ---- one worker ---- */

static void write_data(struct worker *w, const struct piece *piece, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < piece->count; i++)
		work_fill(&work, w->number, n, piece->sector + i,
			  w->memory + (size_t)i * WORK_SECTOR);
}

static int piece_do(struct worker *w, const struct piece *piece, uint32_t n)
{
	switch (piece->kind) {
	case WORK_WRITE:
	case WORK_SYNC:
		write_data(w, piece, n);
		return disk_write(&disk, w->memory, piece->sector, piece->count,
				  piece->kind == WORK_SYNC);
	case WORK_ZERO:
		return disk_zero(&disk, piece->sector, piece->count);
	case WORK_DISCARD:
		return disk_discard(&disk, piece->sector, piece->count);
	default:
		/* Nothing of this worker's is under way. */
		return check_range(&w->check, &disk, piece->sector, piece->count, w->memory)
			       ? 0
			       : -EILSEQ;
	}
}

static int mark(struct worker *w)
{
	struct mark mark = { MARK_MAGIC, work.seed, w->number, w->done };

	memset(w->memory, 0, WORK_SECTOR);
	memcpy(w->memory, &mark, sizeof(mark));
	return disk_write(&marks, w->memory, (uint64_t)w->number * work.block, work.block, false);
}

static int worker_step(struct worker *w, uint32_t n)
{
	struct piece piece;
	int err;

	work_piece(&work, w->number, n, &piece);
	err = piece_do(w, &piece, n);
	if (!err && piece.flush && piece.kind != WORK_SYNC)
		err = disk_flush(&disk);
	if (err) {
		fprintf(stderr,
			"worker %" PRIu32 ", piece %" PRIu32 " (kind %d), %" PRIu32
			" sectors from %" PRIu64 ": %s\n",
			w->number, n, piece.kind, piece.count, piece.sector, strerror(-err));
		return err;
	}
	work_past_add(past, &piece, n);
	w->done = n + 1;
	return piece.flush && marks.path ? mark(w) : 0;
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;
	uint32_t n;

	for (n = from; (!pieces || n < pieces) && !stop; n++) {
		if (worker_step(w, n)) {
			failed = stop = true;
			break;
		}
	}
	return NULL;
}

/* ---- the administrator ---- */

static void *admin_run(void *arg)
{
	uint64_t groups = work.sectors / WORK_GROUP, n, sector, count;
	char message[96], *answer;

	for (n = 0; !stop; n++) {
		sector = work_chance(work.seed, n, 100, groups) * WORK_GROUP;
		/* Few of large blocks, for which small spares soon have no room. */
		count = work.block * (1 + work_chance(work.seed, n, 101, work.block > 1 ? 2 : 8));
		if (work_chance(work.seed, n, 102, 2))
			snprintf(message, sizeof(message), "add_remap %" PRIu64 " auto %" PRIu64,
				 sector, count);
		else
			snprintf(message, sizeof(message), "remove_remap %" PRIu64 " %" PRIu64,
				 sector, count);
		/* Many are refused: remapped already, not remapped, not readable. */
		if (!mapper_message(admin, message, &answer))
			remapped++;
		free(answer);
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
	return NULL;
}

/* ---- all of it ---- */

/* What the workers have done so far. */
static void past_make(void)
{
	struct piece piece;
	uint32_t w, n;

	past = calloc(work.sectors, sizeof(*past));
	if (!past)
		die("out of memory");
	for (w = 0; w < work.workers; w++) {
		for (n = 0; n < workers[w].done; n++) {
			work_piece(&work, w, n, &piece);
			work_past_add(past, &piece, n);
		}
	}
}

/* What was given on the command line, for a later check. */
static void state_write(void)
{
	FILE *file = fopen(state, "we");
	uint32_t w;

	if (!file)
		die("%s: %s", state, strerror(errno));
	fprintf(file, "%" PRIu64 " %" PRIu32 " %" PRIu32 " %" PRIu64 "\n", work.seed, work.workers,
		work.block, work.sectors);
	for (w = 0; w < work.workers; w++)
		fprintf(file, "%" PRIu32 "\n", workers[w].done);
	if (fclose(file))
		die("%s: %s", state, strerror(errno));
}

static void state_read(void)
{
	FILE *file = state ? fopen(state, "re") : NULL;
	uint32_t w;

	if (!file)
		misused("state=FILE: it should be what a run has left");
	if (fscanf(file, "%" SCNu64 "%" SCNu32 "%" SCNu32 "%" SCNu64, &work.seed, &work.workers,
		   &work.block, &work.sectors) < 4 ||
	    !work.workers || work.workers > WORK_WORKERS || work.sectors > disk.sectors)
		die("%s: not the state of a run on this device", state);
	for (w = 0; w < work.workers; w++)
		if (fscanf(file, "%" SCNu32, &workers[w].done) < 1)
			die("%s: cut short", state);
	fclose(file);
}

static struct check check_new(void)
{
	return (struct check){ .work = &work, .past = past, .bad = &bad, .used = used };
}

static int run(void)
{
	uint64_t done = 0, unreadable = 0;
	pthread_t administrator;
	uint32_t w;

	for (w = 0; w < work.workers; w++)
		workers[w] = (struct worker){ .number = w, .memory = disk_memory(), .done = from };
	past_make();
	for (w = 0; w < work.workers; w++) {
		workers[w].check = check_new();
		pthread_create(&workers[w].thread, NULL, worker_run, &workers[w]);
	}
	if (admin)
		pthread_create(&administrator, NULL, admin_run, NULL);
	for (w = 0; w < work.workers; w++) {
		pthread_join(workers[w].thread, NULL);
		done += workers[w].done;
		unreadable += workers[w].check.unreadable;
	}
	stop = true;
	if (admin)
		pthread_join(administrator, NULL);
	if (!failed && disk_flush(&disk))
		die("%s: the last flush: %s", disk.path, strerror(errno));
	if (state)
		state_write();
	printf("%" PRIu64 " pieces done, %" PRIu64 " unreadable sectors seen, %u remaps by hand\n",
	       done, unreadable, remapped);
	return failed;
}

static int check(void)
{
	struct check check;
	uint32_t w;

	state_read();
	past_make();
	check = check_new();
	for (w = 0; w < work.workers; w++) {
		check.from[w] = workers[w].done;
		check.end[w] = workers[w].done + torn;
	}
	check_all(&check, &disk, disk_memory());
	printf("%" PRIu64 " sectors, %" PRIu64 " unreadable, %" PRIu64 " wrong\n", check.sectors,
	       check.unreadable, check.wrong);
	return check.wrong != 0;
}

static void on_term(int signal)
{
	stop = true;
}

static void option(const char *word)
{
	const char *value = strchr(word, '=');
	size_t n = value ? (size_t)(value - word) : 0;

	if (value && !strncmp(word, "seed", n))
		work.seed = strtoull(value + 1, NULL, 10);
	else if (value && !strncmp(word, "workers", n))
		work.workers = (uint32_t)strtoul(value + 1, NULL, 10);
	else if (value && !strncmp(word, "block", n))
		work.block = (uint32_t)strtoul(value + 1, NULL, 10);
	else if (value && !strncmp(word, "from", n))
		from = (uint32_t)strtoul(value + 1, NULL, 10);
	else if (value && !strncmp(word, "pieces", n))
		pieces = (uint32_t)strtoul(value + 1, NULL, 10);
	else if (value && !strncmp(word, "bad", n))
		bad_parse(&bad, value + 1);
	else if (value && !strncmp(word, "state", n))
		state = value + 1;
	else if (value && !strncmp(word, "torn", n))
		torn = value[1] == '1';
	else if (value && !strncmp(word, "used", n))
		used = value[1] == '1';
	else if (value && !strncmp(word, "marks", n))
		disk_open(&marks, value + 1, true);
	else if (value && !strncmp(word, "admin", n))
		admin = value[1] ? value + 1 : NULL;
	else
		misused("'%s' is not understood", word);
}

int main(int argc, char **argv)
{
	bool checking = argc > 1 && !strcmp(argv[1], "check");
	int i;

	if (argc < 3 || (!checking && strcmp(argv[1], "run")))
		misused("run|check DEVICE [KEY=VALUE...]");
	disk_open(&disk, argv[2], !checking);
	work.sectors = disk.sectors;
	for (i = 3; i < argc; i++)
		option(argv[i]);
	if (!work.workers || work.workers > WORK_WORKERS || (work.block != 1 && work.block != 8) ||
	    work.sectors < (uint64_t)work.workers * WORK_GROUP)
		misused("workers are 1 to %u, with %u sectors each at least; block is 1 or 8",
			WORK_WORKERS, WORK_GROUP);
	sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_term }, NULL);
	return checking ? check() : run();
}
