/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One instance of the target: a main, a spare, and the core between them. An instance is made by
 * the constructor, which touches no disk; preresume loads the map (nothing else is live then),
 * and until the destructor it stays loaded, also while suspended. A table that replaces another
 * on the same device takes the spare over from it at its own preresume.
 *
 * Locks, taken in this order: admin, lock. Neither is held during I/O for requests; `admin` is
 * what messages are serialised by, `lock` is the core's serialisation and never held across a
 * sleep for I/O.
 */
#ifndef BLKMEND_DM_TARGET_H
#define BLKMEND_DM_TARGET_H

#include <linux/device-mapper.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/workqueue.h>

#include "../../core/remap.h"
#include "section.h"

#define REMAP_NAME "dm-remap-v4"
/* Every line of the log begins so; people's scripts look for it. */
#define REMAP_LOG "dm-remap v4.0 real: "

#define REMAP_SCRATCH (64u << 10) /* bytes of scratch memory of an operation */

#define remap_info(fmt, ...) pr_info(REMAP_LOG fmt "\n", ##__VA_ARGS__)
#define remap_warn(fmt, ...) pr_warn(REMAP_LOG fmt "\n", ##__VA_ARGS__)
#define remap_err(fmt, ...)  pr_err(REMAP_LOG fmt "\n", ##__VA_ARGS__)

/* What the table says beside the two devices; table.c. */
struct remap_options {
	char identity[BM_IDENTITY_MAX + 1];
	bool identity_given, accept_main, no_format;
	bool no_relocate_writes, no_relocate_marginal;
	bool read_retries_given, breaker_limit_given;
	u32 read_retries, breaker_limit;
};

/* Telling people; event.c. */
struct remap_news {
	spinlock_t lock;                /* of what follows */
	unsigned long since;            /* jiffies */
	unsigned int lines, left_out;   /* of the log, since then */
	unsigned long due;              /* bits: kinds of event to send a uevent for */
	struct work_struct table_event; /* for those who wait in dmsetup wait */
	struct delayed_work uevents;
	unsigned long sent[BM_EV_DROPPED + 1]; /* jiffies; of the work */
};

struct remap_workers; /* worker.c */
struct remap_scrub;   /* scrub.c */
struct remap_job;     /* job.c */

struct remap {
	/* Read for every request. */
	struct bm *bm;         /* NULL: not loaded */
	struct dm_dev *dev[2]; /* enum bm_device */
	struct remap_sections sections;
	struct dm_target *ti;
	struct remap_workers *workers;
	/* Bits of bi_opf: what doesn't go the short way through map.c. Once set they stay set. */
	blk_opf_t unusual;

	struct mutex lock; /* the core's serialisation */
	bool loaded;       /* under it: the core is past loading and may be looked at */
	struct remap_options options;
	bool read_only; /* the table is */
	/*
	 * A disk tells once of a flush that failed, but what was lost may have been anybody's:
	 * after the core's own the client's next flush has to fail too, and after a client's the
	 * core's.
	 */
	atomic_t client_owed[2], core_owed[2]; /* by enum bm_device */
	atomic_t flush_failed;                 /* a client's, and perhaps nobody was told */

	/*
	 * Held for reading by what runs operations of its own accord (messages, the scrub), for
	 * writing by postsuspend and preresume, who set `running`.
	 */
	struct rw_semaphore idle;
	bool running;
	bool leaving; /* a suspend has begun: what they run shall end soon */

	struct dm_io_client *metadata; /* metadata.h */
	struct mutex admin;            /* messages that change something, one at a time */
	struct remap_job *admin_job;   /* of messages and of loading */
	struct remap_scrub *scrub;

	struct list_head instance; /* instance.c */
	struct mapped_device *md;
	struct remap_news news;
	u64 cleared_errors, cleared_commits; /* what clear_stats took from the core's counters */
};

/* ---- map.c ---- */

/* A flush of a client's failed: see there. Any context. */
void remap_flush_failed(struct remap *r);

/* ---- table.c ---- */

/* Parse what follows main and spare. 0, or -EINVAL with *error set to a constant sentence. */
int remap_options_parse(struct remap_options *options, unsigned int argc, char **argv,
			char **error);
/* The table line after "dm-remap-v4 ", NUL-terminated; returns as scnprintf(). */
size_t remap_options_print(const struct remap *r, char *text, size_t size);
/* The same for the kernel's integrity measurements: ",name=value" for each. */
size_t remap_options_measure(const struct remap *r, char *text, size_t size);
/* What they mean for the core's policy; with module parameters for what they don't say. */
void remap_options_apply(struct remap *r);

/* ---- instance.c: who else uses these devices ---- */

/* From the constructor. -EBUSY with *error set: another device uses main or spare. May sleep. */
int remap_instance_add(struct remap *r, char **error);
void remap_instance_remove(struct remap *r);
/* Of the instances in the device's former table, now suspended for good: unload them. May sleep. */
void remap_instance_take_over(struct remap *r);

/* ---- load.c ---- */

/* Load the map, or make one on a blank spare. Tells why not in the log. May sleep. */
int remap_load(struct remap *r);
/* Nobody may use the core any more. */
void remap_unload(struct remap *r);

/* ---- job.c: operations ---- */

/* Memory for one operation at a time, allocated before any I/O; NULL: out of memory. */
struct remap_job *remap_job_create(struct remap *r);
void remap_job_destroy(struct remap_job *job);

/*
 * Run an operation to its end in the caller's context, which may sleep: the caller has called
 * bm_op_init() on it and set its fields; scratch memory is the job's. `client`: the bio whose data
 * the operation is about, or NULL. Returns op->error. One at a time per job. Without a client it
 * also does the index's idle work, and a long operation ends early if it is unwanted.
 */
int remap_job_run(struct remap_job *job, struct bm_op *op, struct bio *client);

/*
 * Should what runs without a client end? 0; -EINTR if the caller is being killed; -EAGAIN if the
 * device is being suspended: dm holds up all requests until its messages have returned.
 */
int remap_unwanted(const struct remap *r);

/* Hold the core still to look at it or to change its policy; then wake whoever can go on, and tell
 * of events. Never hold across I/O or anything that waits for it.
 */
struct bm *remap_hold(struct remap *r);
void remap_release(struct remap *r);

/* What the index left to do, a share at a time so that nobody waits long for the core. May sleep.
 */
void remap_idle_work(struct remap *r);

/*
 * Read `count` sectors of the device into the job's scratch memory (REMAP_SCRATCH bytes at most);
 * for looking at a spare before there is a core. *memory: where it is. May sleep.
 */
int remap_job_read(struct remap_job *job, enum bm_device device, u64 sector, u32 count,
		   void **memory);

/* ---- worker.c: requests that could not simply go somewhere ---- */

int remap_workers_create(struct remap *r);
void remap_workers_destroy(struct remap *r);
/* Hand over a bio (map.h), which will be ended. Any context. */
void remap_workers_take(struct remap *r, struct bio *bio);
/*
 * Every bio has been ended and none can come: wait until the workers have left the core alone, too,
 * which they still use after ending a bio. May sleep.
 */
void remap_workers_drain(struct remap *r);

/* ---- map.c: every request ---- */

int remap_map(struct dm_target *ti, struct bio *bio);
int remap_end_io(struct dm_target *ti, struct bio *bio, blk_status_t *error);

/* ---- event.c ---- */

void remap_news_init(struct remap *r);
/* No more uevents; nobody may call remap_event() any more. May sleep. */
void remap_news_stop(struct remap *r);
/* Tell of what happened: log, dm event, uevent. May sleep; no lock held but perhaps admin. */
void remap_event(struct remap *r, const struct bm_event *event);

/* ---- status.c ---- */

void remap_status(struct dm_target *ti, status_type_t type, unsigned int flags, char *result,
		  unsigned int maxlen);
/* The core's status; false, and all zero, if no map is loaded (yet). Takes r->lock. */
bool remap_status_of(struct remap *r, struct bm_status *status);
const char *remap_mode_name(enum bm_mode mode);
const char *remap_breaker_name(enum bm_breaker breaker);

/* ---- message.c ---- */

int remap_message(struct dm_target *ti, unsigned int argc, char **argv, char *result,
		  unsigned int maxlen);

/* ---- scrub.c ---- */

int remap_scrub_create(struct remap *r);
void remap_scrub_destroy(struct remap *r);
/* Presuspend and resume: it stands still between them, and goes on where it was. */
void remap_scrub_freeze(struct remap *r);
void remap_scrub_thaw(struct remap *r);
/* For the status line: "idle", "running:1234" ... */
void remap_scrub_word(struct remap *r, char *word, size_t size);

/* ---- module.c ---- */

extern struct target_type remap_target; /* target.c */
extern unsigned int remap_default_read_retries, remap_default_breaker_limit, remap_worker_count;

#endif
