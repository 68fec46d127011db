/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A script is a sequence of requests, operations and faults that is played in many ways: cut at
 * every step, with an I/O error at every place, with every allocation failing, with its parts
 * interleaved. A player is one playing of it.
 */
#ifndef SIM_PLAYER_H
#define SIM_PLAYER_H

#include "explore.h"

#define ANY_RESULT 1 /* instead of an errno */

struct player {
	struct host *host;
	bool strict; /* results must be as the script says */
	u32 per;     /* sectors of a block */
	u64 seed;
	struct task *later[HOST_TASKS];
	u32 nlater;
};

struct script {
	const char *name;
	void (*setup)(struct player *p); /* NULL: a fresh, empty map */
	void (*run)(struct player *p);
	struct geometry geometry;
	u32 main_before;  /* sectors of main before it grows; 0: all */
	u32 flags;        /* to open with */
	bool format;      /* begins without metadata */
	bool heavy;       /* not for every kind of playing */
	bool interleaved; /* has parts that run at once */
};

extern const struct script scripts[];
extern const u32 scripts_count;

/* All positions and lengths are blocks. */
void play(struct player *p, enum task_kind kind, u64 block, u64 count, bool fua, int expect);
void play_op(struct player *p, enum bm_op_kind kind, u64 block, u64 count, u32 flags, u64 spare,
	     int expect);

static inline void play_write(struct player *p, u64 block, u64 count)
{
	play(p, TASK_WRITE, block, count, false, 0);
}

static inline void play_fua(struct player *p, u64 block, u64 count)
{
	play(p, TASK_WRITE, block, count, true, 0);
}

static inline void play_read(struct player *p, u64 block, u64 count)
{
	play(p, TASK_READ, block, count, false, 0);
}

static inline void play_flush(struct player *p)
{
	play(p, TASK_FLUSH, 0, 0, false, 0);
}

static inline void play_add(struct player *p, u64 block, u64 count)
{
	play_op(p, BM_OP_ADD, block, count, 0, BM_NOWHERE, 0);
}

static inline void play_lose(struct player *p, u64 block, u64 count)
{
	play_op(p, BM_OP_ADD, block, count, BM_OP_NO_COPY, BM_NOWHERE, 0);
}

static inline void play_remove(struct player *p, u64 block, u64 count)
{
	play_op(p, BM_OP_REMOVE, block, count, 0, 0, 0);
}

/* Parts that run at once, all started by play_go(). */
void play_later(struct player *p, enum task_kind kind, u64 block, u64 count, bool fua);
void play_op_later(struct player *p, enum bm_op_kind kind, u64 block, u64 count, u32 flags);
void play_go(struct player *p);

/* Faults of the medium. Blocks of main; of the spare: of its data area. */
void bad_write(struct player *p, u64 block, u64 count); /* writes fail for ever */
void bad_read(struct player *p, u64 block, u64 count);  /* reads fail until written */
void weak_read(struct player *p, u64 block, int times); /* reads fail so many times */
void spare_bad_write(struct player *p, u64 block, u64 count);
void spare_bad_read(struct player *p, u64 block, u64 count);
u64 spare_block(const struct player *p, u64 block); /* its sector */
u64 lives_at(const struct player *p, u64 block);    /* sector of the spare, or BM_NOWHERE */
void mend(struct player *p);

/* Close and open again, as after an orderly end. */
void play_reopen(struct player *p);

/* ---- playing ---- */

/* Disks and promises after a script's setup, from which each playing starts. */
struct stage {
	const struct script *script;
	struct arena arena, base_arena;
	size_t mark;
	struct host base, host;
	struct model base_model, model;
};

void stage_init(struct stage *stage, const struct script *script);
void stage_free(struct stage *stage);
/* Disks as after setup; nothing is open. */
struct host *stage_reset(struct stage *stage);

/* Open (or format) and run; false if the core could not even be opened or the power went. */
bool stage_play(struct stage *stage, bool strict, u64 seed);

/* Everything read back, then the same from a fresh core and the worst durable image. */
void stage_check(struct stage *stage, struct explorer *ex);

#endif
