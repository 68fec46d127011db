/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The core of blkmend, as a host sees it.
 *
 * The core decides and does no I/O. A host asks bm_route() where a request goes (lock-free, for
 * every request), and for the rare request that can't simply go there it starts an operation,
 * which hands it one step at a time ("read this range of main", "write this to both copies of
 * the metadata") until it is done:
 *
 *	bm_op_init(&op, BM_OP_WRITE, sector, count);
 *	for (;;) {
 *		lock();  verdict = bm_advance(bm, &op);  wake every op of bm_ready(bm);  unlock();
 *		if (verdict == BM_DONE) break;
 *		if (verdict == BM_WAIT) sleep until bm_ready() has returned this op;
 *		if (verdict == BM_STEP) perform op.step, put the outcome in op.step.error[];
 *	}
 *	op.error is the result.
 *
 * Units: every interface counts 512-byte sectors; all must be multiples of the block size.
 * Errors: 0 or a negative errno. For I/O they follow the kernel's blk_status_t table:
 * -EIO, -ENODATA and -EILSEQ are about the medium; all others are passed through
 * (-ENOLINK transport, -ETIMEDOUT, -ENODEV offline, -EOPNOTSUPP, -ENOSPC, -ENOMEM ...).
 *
 * Serialisation: bm_route() and bm_main_lives() are lock-free and may run at any time from any
 * context, the former within a read-side section as struct bm_mem describes. All other functions
 * on a struct bm are called under one lock of the host's (or from one thread), never concurrently
 * for one bm. They don't sleep, don't do I/O and call the host only through bm_mem, but they may
 * take time in proportion to the range of an operation, or when loading to the size of the map:
 * a mutex, not a spinlock. Nothing but BM_OP_OPEN and BM_OP_FORMAT may come before either is done.
 *
 * Memory: a step's `memory` is the operation's scratch memory, or some of the core's that came
 * from bm_mem.alloc; a host whose devices want more than bm_mem's alignment copies it. 64-bit
 * loads and stores must be atomic.
 *
 * Requests in flight: a host opens a section before bm_route() and closes it when the I/O it then
 * issued has ended (before it starts an operation for that I/O, if it failed). BM_STEP_QUIESCE
 * asks to wait until every section open at that moment is closed. Opening and closing must be
 * full barriers against bm_route()'s loads, as SRCU's are.
 */
#ifndef BLKMEND_REMAP_H
#define BLKMEND_REMAP_H

#include "format.h"
#include "index.h"

struct bm;

#define BM_NOWHERE       (~0ull) /* no sector; for a spare sector: choose one */
#define BM_SCRATCH_LEAST 2u      /* blocks of scratch memory that an operation needs */
#define BM_OP_RUNS       12u     /* runs that one operation commits at a time */

/* ---- creation ---- */

enum bm_flags {
	BM_READ_ONLY = 1 << 0,    /* write nothing at all, to main or spare */
	BM_ACCEPT_GROWN = 1 << 1, /* main is larger than recorded: record the new size */
	BM_ACCEPT_MAIN = 1 << 2,  /* main's identity differs, or none is recorded: record it */
	/* Superblock 0 was overwritten: go by superblock 1, rewrite 0. */
	BM_ACCEPT_FOREIGN = 1 << 3,
	BM_EXACT_BLOCKS = 1 << 4, /* a spare made for larger blocks than block_size won't do */
};

struct bm_config {
	u64 main_sectors; /* 0: main is not at hand (only loading, dumping and checking) */
	u64 spare_sectors;
	/* 512 or 4096: a new spare's; of one there is, the least that will do. 0: as recorded. */
	u32 block_size;
	u32 flags;            /* enum bm_flags */
	u64 now;              /* seconds since the Epoch, or 0 where there is no clock */
	const char *identity; /* of main ("" unknown); at most BM_IDENTITY_MAX bytes; copied */
	struct bm_mem mem;
};

/* -ENOMEM, -EINVAL. Nothing is read yet: run BM_OP_OPEN or BM_OP_FORMAT first. */
int bm_create(const struct bm_config *config, struct bm **bm);

/* No operation, step or reader may be left. NULL is fine. */
void bm_destroy(struct bm *bm);

struct bm_policy {
	bool relocate_writes;   /* a failed write goes to the spare (on) */
	bool relocate_marginal; /* a block that could be read at a retry goes too (on) */
	u32 read_retries;       /* of a single block, before it is pending (2) */
	u32 breaker_limit;      /* blocks failed in a row with no write done on main (1024) */
};

void bm_get_policy(const struct bm *bm, struct bm_policy *policy);
void bm_set_policy(struct bm *bm, const struct bm_policy *policy);

/* ---- every request ---- */

enum bm_request { BM_REQ_READ, BM_REQ_WRITE, BM_REQ_ZERO, BM_REQ_DISCARD };

enum bm_target {
	BM_TO_MAIN,
	BM_TO_SPARE,
	BM_TO_CORE,   /* run the operation that bm_op_of() names, for this range */
	BM_TO_NOBODY, /* fail with -EIO (read of a pending or lost block); discard: succeed */
};

struct bm_route {
	enum bm_target target;
	u64 sector; /* on that device (BM_TO_CORE, BM_TO_NOBODY: on main) */
	u64 count;  /* sectors, from the start of the request; the rest: ask again */
};

/* About the medium? Then it may be remapped; all other errors are passed through. Any context. */
bool bm_is_medium(int error);

/*
 * Where [sector, sector + count) of main goes, as far as it goes to one place. Lock-free. Where
 * each instruction counts, quick.h tells first whether it goes to main.
 */
void bm_route(const struct bm *bm, enum bm_request request, u64 sector, u64 count,
	      struct bm_route *route);

/* A write on main has succeeded: it lives. Cheap: writes memory only after failures. */
void bm_main_lives(struct bm *bm);

/* ---- operations ---- */

enum bm_op_kind {
	BM_OP_OPEN,   /* load; heals what one copy lost */
	BM_OP_FORMAT, /* write new metadata from op->format, leaving an open, empty map */
	BM_OP_READ,   /* client's; the range failed, or needs the core */
	BM_OP_WRITE,
	BM_OP_ZERO,
	BM_OP_DISCARD,
	BM_OP_ADD,    /* remap [sector, +count) of main to op->spare or BM_NOWHERE */
	BM_OP_REMOVE, /* copy back, verify, drop the mappings of the range */
	BM_OP_SCRUB,  /* read the range, treat what fails as a read would; retry pending */
	BM_OP_CHECK,  /* compare both copies; with BM_OP_REPAIR_IT rewrite what is bad */
	BM_OP_UPDATE, /* rewrite the superblocks: op->format's label (unless NULL), and
		       * op->count as the new size of main (unless 0; -EBUSY: in use beyond) */
	BM_OP_RETRY,  /* leave read-only mode if the metadata can be written again */
};

enum bm_op_flags {
	BM_OP_FAILED = 1 << 0,    /* READ, WRITE, ZERO: the whole range was tried and failed */
	BM_OP_FUA = 1 << 1,       /* WRITE, ZERO: durable when done */
	BM_OP_FORCE = 1 << 2,     /* REMOVE: let go of what can't be copied back: it is lost */
	BM_OP_MAY_TRIM = 1 << 3,  /* ZERO: may deallocate */
	BM_OP_REPAIR_IT = 1 << 4, /* CHECK */
	BM_OP_NO_COPY = 1 << 5,   /* ADD: do not read main, the blocks are lost */
	BM_OP_ERASE = 1 << 7,     /* DISCARD: no hint, it has to be done wherever a block lives */
	BM_OP_STOP = 1 << 6,      /* ADD, REMOVE, SCRUB, CHECK: end soon, with -EINTR; set while
				   * it runs, between two calls of bm_advance() */
};

enum bm_device { BM_MAIN, BM_SPARE };

enum bm_step_kind {
	BM_STEP_READ,    /* device, sector, count -> memory */
	BM_STEP_WRITE,   /* memory -> device, sector, count; fua */
	BM_STEP_ZERO,    /* write zeroes; fua, may_trim */
	BM_STEP_DISCARD, /* advisory */
	BM_STEP_FLUSH,   /* device */
	BM_STEP_LOG,     /* memory -> spare at sector and also at sector2, both with FUA, in any
			  * order or at once; error[0] and error[1] */
	BM_STEP_COPY,    /* from step.memory to the client's data at step.offset */
	BM_STEP_QUIESCE, /* wait until every section open now is closed */
};

/* Where a step's data is: the core's (or scratch) memory, or the client's request. */
struct bm_step {
	enum bm_step_kind kind;
	enum bm_device device;
	u64 sector;
	u64 sector2;
	u32 count; /* sectors; always a whole number of blocks, or of log blocks */
	bool fua;
	bool may_trim;
	void *memory; /* NULL: the client's data, from byte `offset` of its request on */
	u64 offset;
	int error[2]; /* in: set by the host before it calls bm_advance() again */
};

enum bm_verdict { BM_STEP, BM_WAIT, BM_DONE };

struct bm_format { /* for BM_OP_FORMAT and BM_OP_UPDATE */
	u8 uuid[16];
	char label[BM_LABEL_MAX + 1];
	u64 set_id;   /* random, not 0 */
	u32 log_size; /* 0: 4096 */
};

struct bm_check {   /* from BM_OP_CHECK */
	u64 blocks; /* log blocks that are in use, in each copy */
	u64 bad[2]; /* of these, unreadable or wrong */
	u64 repaired[2];
	bool super_bad[2];
	bool super_repaired[2];
};

/* The core's own part of an operation; not for hosts. */
struct bm_run {
	u64 block, spare;
	u32 count;
	u8 kind; /* enum bm_record_kind */
	bool cont;
	bool taken; /* its spare blocks were allocated for it */
};

struct bm_load;

struct bm_op_state {
	int line[4]; /* where each level goes on: core/co.h */
	struct bm_op *next_waiting, *next_commit;
	u64 first, last;          /* blocks of the whole operation: [first, last) */
	u64 at;                   /* the next block to handle */
	u64 home;                 /* where it lives, on `device` */
	u64 target;               /* block of the spare that is being written */
	u64 base;                 /* ADD: first spare block reserved for this chunk */
	u64 suspect, suspect_end; /* the smallest range that failed as a whole */
	u64 doubt_end;            /* blocks before this one are marginal, even if they read well */
	u32 piece;                /* blocks from `at` on that live in one place and state */
	u32 chunk;                /* blocks to try at once */
	u32 length;               /* blocks of the step under way, or to be placed */
	u32 placed, got;          /* of `length`, so far; and by the step under way */
	u32 copied, reserved;
	u32 tries, retries, probes;
	u32 nruns;
	struct bm_run runs[BM_OP_RUNS];
	int error;    /* of the level just left */
	int client;   /* what the client will be told if nothing else goes wrong */
	u16 slot;     /* of the range held, or BM_NO_SLOT */
	u8 device;    /* enum bm_device */
	u8 state;     /* enum bm_state of the piece */
	u8 outcome;   /* of the commit */
	bool waiting; /* in one of the lists of those who wait */
	bool limbo;   /* the outcome of a commit of its is unknown */
	bool unsure;  /* that of the last one is */
	bool unheld;  /* a read in limbo, without its range */
	bool flush;   /* the spare must be flushed before the commit */
	bool fixed;   /* the spare block is given, not to be chosen */
	bool alive;   /* main did something right during this operation */
	bool present; /* so did the spare */
	bool probed;
	bool found, any;
	bool good[2], failed[2];
	u64 base_pos; /* ADD: first block of this chunk */
	u64 i, j;     /* OPEN, CHECK: positions in the log */
	u64 seq, epoch;
	u32 ring, crc, copy;
	struct bm_load *load;
};

struct bm_op {
	/* Set by bm_op_init(), then by the host as the operation needs. */
	enum bm_op_kind kind;
	u32 flags;
	u64 sector;
	u64 count;
	u64 spare;        /* ADD: sector of the spare, or BM_NOWHERE */
	void *scratch;    /* all but DISCARD: memory of the host's, kept until done */
	u32 scratch_size; /* bytes; at least BM_SCRATCH_LEAST blocks; for OPEN, FORMAT, UPDATE,
			   * CHECK at least 2 * BM_LOG_MAX_SIZE; more is faster */
	const struct bm_format *format;
	void *host; /* the host's own */
	/* Results. */
	int error;
	u64 done; /* sectors handled: ADD, REMOVE, SCRUB stop at the first error */
	u64 bad;  /* sector the error is about, or BM_NOWHERE */
	enum bm_super_error super_error; /* OPEN: why, when error is -EMEDIUMTYPE or -EUCLEAN */
	struct bm_check check;
	struct bm_step step;
	struct bm_op_state state;
};

void bm_op_init(struct bm_op *op, enum bm_op_kind kind, u64 sector, u64 count);
/* The operation that does what a request wants. */
enum bm_op_kind bm_op_of(enum bm_request request);

/* Go on with an operation; see the top of this file. */
enum bm_verdict bm_advance(struct bm *bm, struct bm_op *op);

/* Pop one operation that was told BM_WAIT and can go on; NULL when there is none. */
struct bm_op *bm_ready(struct bm *bm);

/*
 * Errors of operations, beside those of I/O that are passed on:
 * OPEN:   -ENXIO blank spare; -EMEDIUMTYPE foreign (no metadata of ours; op->bad is 0: but
 *	   superblock 1 is sound, see BM_ACCEPT_FOREIGN); -EPROTONOSUPPORT newer;
 *	   -EUCLEAN both copies damaged; -ESTALE spare of another main (identity); -ERANGE main has
 *	   shrunk; -EOVERFLOW main has grown (see BM_ACCEPT_GROWN); -ENOSPC the spare is smaller
 *	   than recorded; -EINVAL another block size
 * ADD:	   -EINVAL unaligned or empty, or two remaps onto one spare block; -ERANGE beyond the end
 *	   of main or spare; -EEXIST main block already remapped; -EBUSY spare block in use or bad;
 *	   -EPERM spare sector belongs to the metadata; -ENOSPC the spare is full; -EROFS
 * REMOVE: -ENOENT nothing remapped there; -EIO can't be copied back (op->bad)
 * ADD, REMOVE, SCRUB: -EINTR stopped, what is done stays (op->done)
 * Any that changes the map: -EROFS in read-only mode or if opened so.
 */

/*
 * Whether ADD or REMOVE of this range would be refused, asked before anything is done: 0 or the
 * operation's error. *bad: the sector of main that it is about, or BM_NOWHERE. `spare` as
 * op->spare, `force` as BM_OP_FORCE. What only shows when the disks are read and written is not
 * known here; ADD asks this itself, REMOVE finds a lost block (-EIO) when it comes to it.
 */
int bm_check_add(const struct bm *bm, u64 sector, u64 count, u64 spare, u64 *bad);
int bm_check_remove(const struct bm *bm, u64 sector, u64 count, bool force, u64 *bad);

/* ---- looking ---- */

/*
 * What the map can do. Requests that need no change of the map go on in every mode.
 *	RW		everything
 *	DEGRADED	one copy of the metadata lacks something, or no spare block is free: what
 *			is committed is safe, but the next fault may not be survived, or a write
 *			that must move may fail
 *	READ_ONLY	neither copy took the last commit, so the map is frozen: a write that must
 *			move fails, as does any to the blocks of that commit, whose outcome nobody
 *			knows (limbo). BM_OP_RETRY, or opening again, ends it
 * It goes back by itself when the cause is gone (DEGRADED: a copy is whole again once a
 * compaction pass has replaced the block it lacked, or BM_OP_CHECK has rewritten it).
 */
enum bm_mode { BM_MODE_RW, BM_MODE_DEGRADED, BM_MODE_READ_ONLY };

/*
 * Is main failing, or is it gone? An open breaker passes main's errors through and remaps nothing.
 *	DEAD	it failed, and so did reads of healthy blocks elsewhere; asked again at each failure
 *	WRITES	more than policy.breaker_limit blocks could not be written and none could: closed
 *		by the next write that main takes
 * bm_reset_breaker() closes either.
 */
enum bm_breaker { BM_BREAKER_CLOSED, BM_BREAKER_DEAD, BM_BREAKER_WRITES };

struct bm_counters {                   /* since opening */
	u64 read_errors, write_errors; /* medium errors seen on main, in operations */
	u64 spare_read_errors, spare_write_errors;
	u64 relocated_writes, relocated_reads;  /* blocks */
	u64 made_pending, made_lost, recovered; /* blocks */
	u64 transient;                          /* reads that failed, then could be read whole */
	u64 passed_through;                     /* errors that were not about the medium */
	u64 refused;                            /* relocations refused: spare full, breaker, mode */
	u64 commits, log_blocks, passes;        /* metadata */
	u64 log_errors[2];
	u64 breaker_trips;
};

struct bm_status {
	struct bm_super super;
	enum bm_mode mode;
	enum bm_breaker breaker;
	u32 flags;
	u64 runs, entries;                      /* remaps as added; index entries */
	u64 mapped, pending, lost;              /* sectors */
	u64 spare_total, spare_used, spare_bad; /* sectors; used excludes bad */
	u32 buckets, resizes;
	u64 index_bytes;
	u64 log_seq, log_tail, log_epoch;
	u32 log_ring;
	bool copy_degraded[2]; /* this copy misses log blocks that are needed */
	bool limbo;            /* the outcome of a commit is unknown (mode read-only) */
	u32 health;            /* 0 dead .. 100 sound; docs in core/health.c */
	u32 health_why;        /* enum bm_health_why bits, worst first */
	struct bm_counters counters;
};

void bm_get_status(struct bm *bm, struct bm_status *status);

enum bm_health_why {
	BM_WHY_READ_ONLY = 1 << 0,
	BM_WHY_BREAKER = 1 << 1,
	BM_WHY_SPARE_FULL = 1 << 2,
	BM_WHY_COPY = 1 << 3, /* one copy of the metadata is damaged */
	BM_WHY_LOST = 1 << 4,
	BM_WHY_PENDING = 1 << 5,
	BM_WHY_SPARE_LOW = 1 << 6, /* under a quarter is left */
	BM_WHY_SPARE_BAD = 1 << 7,
	BM_WHY_REMAPS = 1 << 8,
};

/*
 * Walk the map in order, under the host's serialisation: the first run at or after main sector
 * *at; *at is set to its end. Sectors in all fields. False at the end. Continued entries are
 * joined. Start with *at = 0.
 */
struct bm_extent {
	u64 sector, count;
	u64 spare; /* sector, or BM_NOWHERE */
	enum bm_state state;
};
bool bm_walk(const struct bm *bm, u64 *at, struct bm_extent *extent);
/* The same, clipped to what lies before `end`; doesn't look further, so it is quick. */
bool bm_walk_range(const struct bm *bm, u64 *at, u64 end, struct bm_extent *extent);
/* The same for bad blocks of the spare (sector = spare's; spare = BM_NOWHERE). */
bool bm_walk_bad(const struct bm *bm, u64 *at, struct bm_extent *extent);

/*
 * The remap that holds this sector, all of it, as bm_status.runs counts them: entries that continue
 * each other, whatever their states. False: the sector is simply on main.
 */
bool bm_find_remap(const struct bm *bm, u64 sector, u64 *first, u64 *count);

/* ---- events ---- */

enum bm_event_kind {
	BM_EV_OPENED,   /* a = entries, b = log blocks read */
	BM_EV_REMAPPED, /* sector, count of main; a = spare sector */
	BM_EV_PENDING,  /* sector, count */
	BM_EV_LOST,
	BM_EV_RECOVERED, /* sector, count: a pending block could be read after all */
	BM_EV_RELEASED,  /* sector, count */
	BM_EV_SPARE_BAD, /* sector of the spare, count */
	BM_EV_SPARE_FULL,
	BM_EV_MODE,        /* a = old, b = new enum bm_mode */
	BM_EV_BREAKER,     /* a = old, b = new enum bm_breaker */
	BM_EV_COPY_ERROR,  /* a = copy, b = log block; sector of the spare */
	BM_EV_COPY_HEALED, /* a = copy, b = log blocks rewritten */
	BM_EV_RESIZE,      /* a = buckets before, b = after, count = runs */
	BM_EV_RESIZED,
	BM_EV_REFUSED, /* sector: a relocation was refused; a = errno */
	BM_EV_DROPPED, /* a = events lost because nobody fetched them */
};

struct bm_event {
	enum bm_event_kind kind;
	u64 sector, count, a, b;
};

/* Fetch the oldest event; false when there is none. */
bool bm_get_event(struct bm *bm, struct bm_event *event);

/* Close the breaker by hand. */
void bm_reset_breaker(struct bm *bm);

/* Start the counters at 0 again. */
void bm_clear_counters(struct bm *bm);

/*
 * Bytes of memory that bm_idle_work() will ask for when it is called next; 0: none. A host that
 * others wait for meanwhile allocates them (config.mem.alloc) without its lock, and gives them.
 */
size_t bm_idle_wants(const struct bm *bm);
/* NULL: it will ask itself. */
void bm_idle_give(struct bm *bm, void *memory, size_t size);

/* Finish resizing work of the index, a share at a time; true while there is more. */
bool bm_idle_work(struct bm *bm);

#endif
