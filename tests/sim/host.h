/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The simulator's host: one thread that runs many requests and operations at once on the core,
 * choosing at every point which of them goes on, and which I/O that is in flight ends next. It
 * does what a real host does (core/remap.h), checks everything that the core asks for, and
 * compares every answer with the model.
 */
#ifndef SIM_HOST_H
#define SIM_HOST_H

#include "core/remap.h"
#include "disk.h"
#include "heap.h"
#include "model.h"
#include "report.h"

#define HOST_TASKS 8

struct geometry {
	u32 block_size, log_size;
	u32 main_sectors, spare_sectors;
	bool through;  /* no volatile caches */
	bool discards; /* a discard zeroes */
	u32 scratch;   /* blocks of scratch memory; 0: the least */
};

/* Faults planted in the host itself, to see that they are caught. */
enum plant {
	PLANT_NOTHING,
	PLANT_ACK_BEFORE_FLUSH, /* says a flush is done, does nothing */
	PLANT_IGNORE_FUA,
	PLANT_SKIP_COPY_0, /* writes only one copy of the log */
	PLANT_SKIP_COPY_1,
	PLANT_NO_QUIESCE,    /* doesn't wait for requests in flight */
	PLANT_SWALLOW_ERROR, /* a failed write on main counts as done */
	PLANT_WRONG_SECTOR,  /* reads its neighbour */
	PLANT_STALE_SPARE,   /* writes nothing to the spare's data area */
	PLANT_READ_LOST,     /* reads main where the core says: nobody */
	PLANT_LOSE_WRITE,    /* acknowledges a write that it didn't do */
	PLANTS,
};

enum task_kind { TASK_READ, TASK_WRITE, TASK_ZERO, TASK_DISCARD, TASK_FLUSH, TASK_OP };
enum task_state { TASK_FREE, TASK_READY, TASK_FLYING, TASK_QUIESCE, TASK_WAITING, TASK_DONE };

struct task {
	enum task_kind kind;
	enum task_state state;
	u64 sector, count;
	u64 at, span; /* sectors done; sectors in the part under way */
	bool fua;
	bool in_op;
	u32 id;    /* value written */
	u64 begun; /* model's time */
	u64 since; /* host->actions */
	u8 *data;
	u64 section; /* 0: none open */
	u64 barrier; /* QUIESCE: sections up to this */
	struct disk_io io[2];
	struct disk *io_disk[2];
	bool flying[2];
	struct bm_op op;
	void *scratch;
	int error;
	u64 order; /* number of the task */
};

enum chooser_mode { CHOOSE_FIRST, CHOOSE_RANDOM, CHOOSE_LISTED };

/* CHOOSE_LISTED: follow `list`, then first; `width` gets how many options there were. */
struct chooser {
	enum chooser_mode mode;
	u64 random, salt;
	u8 *list;
	u8 *width;
	u32 length, used;
};

struct host {
	struct disk disk[2];
	struct geometry geometry;
	struct heap heap;
	struct bm *bm;
	struct bm_config config;
	struct bm_super super; /* valid when open */
	bool open;
	enum bm_super_error why; /* the last opening was refused */
	struct model *model;
	u8 *place;     /* of each main block: may be unmapped (1), may be mapped (2) */
	u64 *place_at; /* host.actions when that was last widened */
	u64 clock;
	struct task task[HOST_TASKS];
	u64 sections, orders;
	u32 current; /* the task that acted last */
	struct chooser *chooser;
	enum plant plant;
	u32 next_id;
	u64 actions;
	bool lenient;  /* passing faults may add up: they excuse EIO too */
	bool survives; /* no request of a client's may fail: see DESIGN.md 2 */
	bool stop;     /* set by watch: the power is gone */
	void (*watch)(struct host *host, void *ctx);
	void *watch_ctx;
	struct bm_format format; /* for FORMAT and UPDATE */
	char identity[BM_IDENTITY_MAX + 1];
};

#define PLACE_UNMAPPED 1u
#define PLACE_MAPPED   2u

/* Disks and model for a geometry; main holds MODEL_FIRST, the spare MODEL_SPARE everywhere. */
void host_init(struct host *host, const struct geometry *geometry, struct arena *arena,
	       struct model *model);
/* Frees the disks too; the model is the caller's. */
void host_free(struct host *host);

/* Create the core. config.flags and main_sectors may be changed before. */
int host_start(struct host *host);
/* Destroy the core, abandoning whatever is under way; complains of leaks. */
void host_halt(struct host *host);

int host_format(struct host *host, u64 set_id);
int host_open(struct host *host);

/* Put a request or an operation on; it goes when host_run() is called. */
struct task *host_submit(struct host *host, enum task_kind kind, u64 sector, u64 count, bool fua);
struct task *host_submit_op(struct host *host, enum bm_op_kind kind, u64 sector, u64 count,
			    u32 flags, u64 spare);
/* Until all are done. False: stopped by watch. */
bool host_run(struct host *host);
/* Take a finished task off. Its error. */
int host_finish(struct host *host, struct task *task);
/* All of these in one. -EINTR when stopped by watch. */
int host_do(struct host *host, enum task_kind kind, u64 sector, u64 count, bool fua);
int host_do_op(struct host *host, enum bm_op_kind kind, u64 sector, u64 count, u32 flags,
	       u64 spare);

/* Does the power go off now, and what for? Counts what happened; run by every action. */
void host_changed(struct host *host);

/* Read every sector through the core, block by block, against the model. */
void host_read_all(struct host *host);

u64 rng_next(u64 *state);

static inline u64 rng_below(u64 *state, u64 n)
{
	return rng_next(state) % n;
}

static inline bool error_is_medium(int error)
{
	return error == -EIO || error == -ENODATA || error == -EILSEQ;
}

#endif
