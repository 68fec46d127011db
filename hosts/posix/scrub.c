/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Scrubbing: reading the whole disk at leisure, so that bad blocks are found while what they
 * held can still be read or restored. One scrub a device; it runs in a thread of its own ("start")
 * or in the caller's ("run", for a spare that is opened just for this).
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "core/scrub.h"
#include "hosts/posix/command_verbs.h"

#define SCRATCH_BYTES (BM_SCRUB_LARGE * BM_SECTOR)
#define DEFAULT_RATE  (64ull << 20) /* bytes a second: leaves most of a disk to its users */
#define TELL_SECONDS  0.25
#define LATE_SECONDS  0.1

enum scrub_state {
	SCRUB_IDLE,
	SCRUB_RUNNING,
	SCRUB_PAUSED,
	SCRUB_STOPPED,
	SCRUB_DONE,
	SCRUB_FAILED
};

struct scrub {
	struct scrub *next;
	struct remap *remap;
	pthread_t thread;
	bool threaded; /* thread is to be joined */
	enum scrub_state state;
	bool pause, stop;               /* asked for */
	uint64_t position, total;       /* sectors */
	uint64_t rate;                  /* bytes a second, 0: no limit */
	uint64_t pending, lost, mapped; /* when it began */
	double seconds;                 /* spent running, without pauses */
	struct bm_scrub_pace pace;
	int error;
};

/* All scrubs of the process, and all fields of each, are under one lock: they change rarely. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct scrub *scrubs;
static pthread_mutex_t starting = PTHREAD_MUTEX_INITIALIZER; /* two starts at once; taken first */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct scrub *scrub_find(struct remap *remap)
{
	struct scrub *s = scrubs;

	while (s && s->remap != remap)
		s = s->next;
	return s;
}

static struct scrub *scrub_get(struct remap *remap)
{
	struct scrub *s = scrub_find(remap);

	if (!s && (s = calloc(1, sizeof(*s)))) {
		s->remap = remap;
		s->next = scrubs;
		scrubs = s;
	}
	return s;
}

static void status_of(struct remap *remap, struct bm_status *status)
{
	bm_get_status(remap_hold(remap), status);
	remap_release(remap);
}

static int64_t grown(uint64_t after, uint64_t before)
{
	return (int64_t)(after - before);
}

/* Under the lock; `status` was fetched before it was taken. */
static json_t *scrub_json(const struct scrub *s, const struct bm_status *status)
{
	static const char *const names[] = { "idle",    "running", "paused",
					     "stopped", "done",    "failed" };
	double rate = s->seconds > 0 ? (double)s->position * BM_SECTOR / s->seconds : 0;
	double left = (double)(s->total - s->position) * BM_SECTOR;

	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:s?}", "state", names[s->state],
			 "position", (json_int_t)s->position, "total", (json_int_t)s->total,
			 "limit", (json_int_t)s->rate, "new_mapped",
			 (json_int_t)grown(status->mapped, s->mapped), "new_pending",
			 (json_int_t)grown(status->pending, s->pending), "rate", (json_int_t)rate,
			 "eta", rate > 0 ? json_integer((json_int_t)(left / rate)) : json_null(),
			 "error", s->error ? strerror(-s->error) : NULL);
}

static json_t *state_of(struct remap *remap)
{
	struct bm_status status;
	struct scrub *s;
	json_t *json;

	status_of(remap, &status);
	pthread_mutex_lock(&lock);
	s = scrub_find(remap);
	json = s ? scrub_json(s, &status) : json_pack("{s:s}", "state", "idle");
	pthread_mutex_unlock(&lock);
	return json;
}

json_t *remap_scrub_state(const struct command *c)
{
	return state_of(c->device);
}

/* Read one piece. The result is about the whole device (-ENODEV and the like), not the medium. */
static int scrub_piece(struct remap *remap, void *scratch, uint64_t at, uint64_t count)
{
	struct bm_op op;
	int err;

	bm_op_init(&op, BM_OP_SCRUB, at, count);
	op.scratch = scratch;
	op.scratch_size = SCRATCH_BYTES;
	err = remap_run(remap, &op);
	return err == -EIO || err == -ENODATA || err == -EILSEQ ? 0 : err;
}

/*
 * Under the lock: sleep until `deadline` (CLOCK_MONOTONIC), while paused, or until told to stop.
 * Returns how long it was paused.
 */
static double scrub_wait(struct scrub *s, double deadline)
{
	double paused = 0;
	struct timespec t;

	while (!s->stop && (s->pause || now() < deadline)) {
		double begun = now(), seconds = s->pause ? 60 : deadline - begun;
		bool pause = s->pause;

		clock_gettime(CLOCK_REALTIME, &t);
		if (seconds < 0)
			seconds = 0;
		t.tv_sec += (time_t)seconds;
		t.tv_nsec += (long)((seconds - (double)(time_t)seconds) * 1e9);
		if (t.tv_nsec >= 1000000000) {
			t.tv_nsec -= 1000000000;
			t.tv_sec++;
		}
		s->state = s->pause ? SCRUB_PAUSED : SCRUB_RUNNING;
		pthread_cond_timedwait(&changed, &lock, &t);
		if (pause)
			paused += now() - begun;
	}
	s->state = SCRUB_RUNNING;
	return paused;
}

/* Under the lock, which is let go of while a piece is read. */
static void scrub_loop(struct scrub *s, void *scratch, const struct command *told)
{
	double last_told = 0, due = now();

	while (!s->stop && s->position < s->total && !s->error) {
		uint64_t at = s->position, count = bm_scrub_piece(&s->pace, s->total - at);
		double begun = now(), paused;
		int err;

		pthread_mutex_unlock(&lock);
		err = scrub_piece(s->remap, scratch, at, count);
		if (told && begun - last_told >= TELL_SECONDS) {
			last_told = begun;
			if (!command_tell(told, state_of(s->remap)))
				err = err ? err : -ECANCELED;
		}
		pthread_mutex_lock(&lock);
		s->error = err;
		if (err)
			break;
		bm_scrub_took(&s->pace, (u64)((now() - begun) * 1e9));
		s->position += count;
		/* A little late is made up for, a pause isn't. */
		if (due < begun - LATE_SECONDS)
			due = begun;
		if (s->rate)
			due += (double)(count * BM_SECTOR) / (double)s->rate;
		/* The last piece is followed by no wait. */
		paused = scrub_wait(s, s->position < s->total ? due : begun);
		s->seconds += now() - begun - paused;
	}
}

static void scrub_run(struct scrub *s, const struct command *told)
{
	void *scratch = NULL;

	pthread_mutex_lock(&lock);
	if (posix_memalign(&scratch, 4096, SCRATCH_BYTES))
		s->error = -ENOMEM;
	else
		scrub_loop(s, scratch, told);
	free(scratch);
	if (s->error == -ECANCELED)
		s->error = 0, s->stop = true;
	if (s->error)
		s->state = SCRUB_FAILED;
	else
		s->state = s->position < s->total ? SCRUB_STOPPED : SCRUB_DONE;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void *scrub_thread(void *arg)
{
	scrub_run(arg, NULL);
	return NULL;
}

static bool active(const struct scrub *s)
{
	return s->state == SCRUB_RUNNING || s->state == SCRUB_PAUSED;
}

/* Wait for the thread, which has been told to stop or is past its end. Not under the lock. */
static void scrub_join(struct scrub *s)
{
	if (s->threaded)
		pthread_join(s->thread, NULL);
	s->threaded = false;
}

static void scrub_prepare(const struct command *c, struct scrub *s)
{
	struct bm_status status;

	status_of(c->device, &status);
	*s = (struct scrub){
		.next = s->next,
		.remap = s->remap,
		.state = SCRUB_RUNNING,
		.total = status.super.main_sectors,
		.rate = DEFAULT_RATE,
		.pending = status.pending,
		.lost = status.lost,
		.mapped = status.mapped,
	};
	if (json_object_get(c->request, "rate"))
		command_number(c, "rate", &s->rate);
}

/* Go on after a pause, or begin anew: 1, 0, -EBUSY, or another negative errno. */
static int scrub_begin(const struct command *c, struct scrub *s, bool thread)
{
	int err = 0;

	pthread_mutex_lock(&lock);
	if (active(s)) {
		if (!s->pause)
			err = -EBUSY;
		s->pause = false;
		if (!err && json_object_get(c->request, "rate"))
			command_number(c, "rate", &s->rate);
		s->state = SCRUB_RUNNING;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&lock);
		return err ? err : 1;
	}
	pthread_mutex_unlock(&lock);
	scrub_join(s);
	pthread_mutex_lock(&lock);
	scrub_prepare(c, s);
	if (thread)
		err = -pthread_create(&s->thread, NULL, scrub_thread, s);
	s->threaded = thread && !err;
	if (err)
		s->state = SCRUB_IDLE;
	pthread_mutex_unlock(&lock);
	return err;
}

static int scrub_start(const struct command *c, struct scrub *s, bool thread)
{
	int begun;

	pthread_mutex_lock(&starting);
	begun = scrub_begin(c, s, thread);
	pthread_mutex_unlock(&starting);
	if (!begun && !thread)
		scrub_run(s, c);
	return begun < 0 ? begun : 0;
}

static int scrub_tell(struct scrub *s, bool pause)
{
	pthread_mutex_lock(&lock);
	if (!active(s)) {
		pthread_mutex_unlock(&lock);
		return -ENOENT;
	}
	s->pause = pause;
	s->stop = !pause;
	if (pause)
		s->state = SCRUB_PAUSED;
	pthread_cond_broadcast(&changed);
	while (!pause && active(s))
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	return 0;
}

int remap_scrub(const struct command *c, const char *action)
{
	struct scrub *s;

	pthread_mutex_lock(&lock);
	s = scrub_get(c->device);
	pthread_mutex_unlock(&lock);
	if (!s)
		return -ENOMEM;
	if (!strcmp(action, "start") || !strcmp(action, "run"))
		return scrub_start(c, s, !strcmp(action, "start"));
	return scrub_tell(s, !strcmp(action, "pause"));
}

void command_stop(struct remap *remap)
{
	struct scrub **link = &scrubs, *s;

	pthread_mutex_lock(&lock);
	s = scrub_find(remap);
	if (s) {
		s->stop = true;
		pthread_cond_broadcast(&changed);
	}
	pthread_mutex_unlock(&lock);
	if (!s)
		return;
	scrub_join(s);
	pthread_mutex_lock(&lock);
	while (*link != s)
		link = &(*link)->next;
	*link = s->next;
	pthread_mutex_unlock(&lock);
	free(s);
}
