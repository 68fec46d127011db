/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the rooms of core/ share with each other and with nobody else. Everything here runs under
 * the host's serialisation.
 */
#ifndef BLKMEND_INTERNAL_H
#define BLKMEND_INTERNAL_H

#include "co.h"
#include "remap.h"

#define BM_SLOTS         256u /* ranges that can be held at a time */
#define BM_NO_SLOT       BM_SLOTS
#define BM_EVENTS        256u
#define BM_RESERVE       32u    /* pieces of memory put by */
#define BM_SPARE_CHUNK   32768u /* blocks in a chunk of the allocator's bitmap */
#define BM_RUN_MAX       4096u  /* blocks in a run of an operation */
#define BM_LOG_PAGES     500u   /* index pages that one log block may touch */
#define BM_MARGINAL_MAX  8u     /* blocks relocated because a read of all of them failed */
#define BM_PLACE_TRIES   8u     /* spare blocks tried for one block of data */
#define BM_SUPER_SECTORS 8u     /* a superblock is written with the rest of its 4096 bytes */

/* A range of main that an operation has to itself. start == end: free. Read without a lock. */
struct bm_held {
	u64 start, end;
	struct bm_op *op; /* NULL: limbo, the outcome of its commit is unknown */
};

/* The spare allocator: a bitmap in chunks that are made when first needed. */
struct bm_spare {
	u8 **chunks;
	u64 nchunks;
	u64 start, end;           /* the data area, in blocks */
	u64 hole_start, hole_end; /* of it, a copy of the log */
	u64 total, taken;
	u64 cursor;
};

struct bm_op_list {
	struct bm_op *head, *tail;
};

struct bm_log {
	struct bm_log_header head; /* newest durable block */
	u32 crc;                   /* its checksum */
	u64 pos;                   /* and its place in the ring */
	u64 epoch;                 /* of this session */
	u64 tail, pass, cursor;    /* as they will be in the next block */
	u64 ahead;                 /* entries the pass has still to write */
	u8 *block;                 /* the block being built or written */
	struct bm_log_header next; /* its header */
	u64 next_ahead;
	u32 next_crc;
	u64 next_pos;
	struct bm_op *leader;     /* operation that writes on behalf of all */
	struct bm_op_list queue;  /* operations that want to commit */
	struct bm_op_list batch;  /* of these, the ones whose data is flushed */
	struct bm_op_list aboard; /* of these, the ones in the block */
	u64 missing[2];           /* newest block that a copy lacks; 0 none */
	bool limbo;               /* the block was refused by both copies and may be there */
};

struct bm {
	/* Read by bm_route() for every request. */
	struct bm_index map;
	u32 block_shift; /* log2 of the sectors in a block */
	u32 held_count;
	u32 lives; /* a write on main has succeeded since one failed */
	struct bm_held held[BM_SLOTS];

	struct bm_index bad; /* blocks of the spare not to be used */
	struct bm_config config;
	char identity[BM_IDENTITY_MAX + 1];
	struct bm_super super;
	bool super_missing[2];
	bool open;
	struct bm_mem mem; /* the host's, with a reserve: for the map and the allocator */
	void *reserve[BM_RESERVE];
	u32 reserve_count;
	struct bm_spare spare;
	struct bm_log log;
	u8 *super_block;
	struct bm_policy policy;
	enum bm_mode mode;
	enum bm_breaker breaker;
	u64 failed_in_row;
	u64 probe_turn;
	u32 unheld;    /* reads under way in limbo, without their range */
	bool retrying; /* limbo may end: no more of them may start */
	bool was_full;
	struct bm_op_list waiting, ready;
	struct bm_counters counters;
	struct bm_event events[BM_EVENTS];
	u32 event_first, event_count;
	u64 events_dropped;
};

/* remap.c */
void bm_wait(struct bm *bm, struct bm_op *op);
void bm_wake(struct bm *bm);
bool bm_is_staged(const struct bm *bm);
/* What an operation of this kind asks of its range: 0, -EINVAL, -ERANGE, -EROFS. */
int bm_check_range(const struct bm *bm, enum bm_op_kind kind, u64 sector, u64 count);
void bm_event(struct bm *bm, enum bm_event_kind kind, u64 sector, u64 count, u64 a, u64 b);
void bm_update_mode(struct bm *bm);
void bm_op_push(struct bm_op_list *list, struct bm_op *op);
void bm_step_io(struct bm_op *op, enum bm_step_kind kind, enum bm_device device, u64 sector,
		u32 count);

static inline u64 bm_sectors(const struct bm *bm, u64 blocks)
{
	return blocks << bm->block_shift;
}

static inline u64 bm_main_blocks(const struct bm *bm)
{
	return bm->super.main_sectors >> bm->block_shift;
}

/* held.c: ranges of main that operations have to themselves */
enum bm_hold { BM_HOLD_OK, BM_HOLD_WAIT, BM_HOLD_LIMBO };
enum bm_hold bm_hold_range(struct bm *bm, struct bm_op *op, u64 start, u64 end);
void bm_let_go(struct bm *bm, struct bm_op *op);
void bm_leave_limbo(struct bm *bm);
/* The part of [block, block + *count) before the first held range, or, inside one, of it. */
bool bm_held_clip(const struct bm *bm, u64 block, u64 *count);

/* reserve.c */
void bm_reserve_init(struct bm *bm);
void bm_reserve_fill(struct bm *bm);
void bm_reserve_destroy(struct bm *bm);

/* spare.c */
int bm_spare_init(struct bm *bm);
void bm_spare_destroy(struct bm *bm);
int bm_spare_alloc(struct bm *bm, u32 want, u64 *block, u32 *got);
int bm_spare_check(const struct bm *bm, u64 block, u64 count);
int bm_spare_take(struct bm *bm, u64 block, u64 count);
int bm_spare_claim(struct bm *bm, u64 block, u64 count);
void bm_spare_release(struct bm *bm, u64 block, u64 count);
bool bm_spare_inside(const struct bm *bm, u64 block, u64 count);
u64 bm_spare_free(const struct bm *bm);

/* journal.c, journal_build.c */
enum { BM_COMMIT_NONE, BM_COMMIT_QUEUED, BM_COMMIT_SETTLED };
enum bm_verdict bm_commit(struct bm *bm, struct bm_op *op); /* level CO_COMMIT; op->state.error */
bool bm_log_build(struct bm *bm);
void bm_log_finish(struct bm *bm, const int error[2]);
void bm_log_publish(struct bm *bm);
int bm_log_stage(struct bm *bm, const struct bm_record *record);
u64 bm_log_sector(const struct bm *bm, unsigned int copy, u64 pos);
void bm_log_settle(struct bm_op_list *list, int error);
void bm_log_format(struct bm *bm);
/* Records that a pass with this cursor has still to write. */
u64 bm_log_ahead(const struct bm *bm, u64 cursor);

/* place.c: getting data onto the spare, and whether to */
int bm_may_relocate(struct bm *bm);
void bm_refused(struct bm *bm, u64 block, int error);
void bm_main_failed(struct bm *bm, u32 blocks);
bool bm_held_now(struct bm *bm, struct bm_op *op, u64 start, u64 end); /* for CO_AWAIT */
void bm_add_run(struct bm_op *op, u8 kind, u64 block, u64 spare, bool taken, u32 count);
void bm_find_piece(struct bm *bm, struct bm_op *op);
void bm_go_on(struct bm_op *op, u32 blocks);
u32 bm_scratch_blocks(const struct bm *bm, const struct bm_op *op);
enum bm_verdict bm_commit_runs(struct bm *bm, struct bm_op *op);
enum bm_verdict bm_place(struct bm *bm, struct bm_op *op);       /* level CO_PLACE */
enum bm_verdict bm_prove_life(struct bm *bm, struct bm_op *op);  /* level CO_PLACE */
enum bm_verdict bm_prove_spare(struct bm *bm, struct bm_op *op); /* level CO_PLACE */

/* request.c, relocate.c, load.c, check.c: operations, level CO_OP */
enum bm_verdict bm_op_read(struct bm *bm, struct bm_op *op);
enum bm_verdict bm_op_write(struct bm *bm, struct bm_op *op);
enum bm_verdict bm_op_discard(struct bm *bm, struct bm_op *op);
enum bm_verdict bm_op_add(struct bm *bm, struct bm_op *op);
enum bm_verdict bm_op_remove(struct bm *bm, struct bm_op *op);
enum bm_verdict bm_op_open(struct bm *bm, struct bm_op *op);
enum bm_verdict bm_op_format(struct bm *bm, struct bm_op *op);
enum bm_verdict bm_op_check(struct bm *bm, struct bm_op *op);
enum bm_verdict bm_op_update(struct bm *bm, struct bm_op *op);
enum bm_verdict bm_op_retry(struct bm *bm, struct bm_op *op);

/* health.c */
u32 bm_health(const struct bm_status *status, u32 *why);

#endif
