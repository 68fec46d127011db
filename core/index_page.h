/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside the index: pages, tables and what is staged. Shared by index.c and index_stage.c only.
 *
 * A region is hashed, and the high bits of the hash choose a slot of the table. A page of depth d
 * holds all regions whose hashes have the same d high bits, so in a table of depth t it stands
 * in 2^(t - d) neighbouring slots, aligned to their number. Growing the table therefore copies
 * pointers only; a page is split when it is next changed and holds too much (extendible hashing).
 * An empty slot is NULL and has no depth: it counts as one slot.
 *
 * While a table shrinks, the groups of slots below next_filled have been merged already: each is
 * NULL throughout or holds one page that is no deeper than the next table.
 */
#ifndef BLKMEND_INDEX_PAGE_H
#define BLKMEND_INDEX_PAGE_H

#include "index.h"

#define BM_PAGE_SPLIT    20               /* split pages of more entries when the table allows */
#define BM_PAGE_ENTRIES  ((1u << 26) - 1) /* most that cap can say */
#define BM_STAGE_PAGES   640
#define BM_STAGE_SPLITS  96 /* split only while fewer are staged: splitting is never urgent */
#define BM_STAGE_MAP     1024
#define BM_STAGE_LOG     64
#define BM_REGION_MASK   (BM_REGION - 1)
#define BM_DEPTH(bucket) ((u32)__builtin_ctz((bucket) / BM_PAGE_BUCKETS))

/*
 * Entries ascend by block. A key is, from the top: block (40 bits), count - 1 (11), state (3),
 * cont (1), one bit unused, the high 8 bits of spare. The low halves of the spares follow the
 * keys, so that searching touches keys only.
 */
struct bm_page {
	u32 n;
	u32 cap : 26;
	u32 depth : 6;
	u64 key[];
};

struct bm_table {
	u32 depth;
	u32 shift; /* 64 - depth */
	u32 slots;
	struct bm_page *slot[];
};

#define BM_ROOM 2 /* cutting an entry in three adds two */

/* A change of one page: `del` entries from `at` on make way for `n` new ones. */
struct bm_change {
	u32 at;
	u32 del;
	u32 n;
	struct bm_entry entry[3];
};

struct bm_staged {
	struct bm_page *page;
	struct bm_page *old; /* what it replaces; valid while publishing or aborting */
	u32 base;            /* first slot */
	u16 pos;             /* in map */
	bool added;          /* may hold a region that old doesn't */
	bool emptied;        /* may lack a region that old holds */
};

/*
 * How to take one change of a page back: entries as they were, then a head that says at which
 * block (key) how many of now (more) make way for how many of then (low).
 */
struct bm_undo {
	u64 key;
	u32 low;
	u32 more;
};

struct bm_stage {
	bool exclusive;
	u32 n;
	/* what publishing adds to the counters of the index, modulo 2^64 */
	u64 runs;
	u64 entries;
	u64 blocks[BM_BAD + 1];
	/* Changes to take back: of this call, or in exclusive mode of all since publishing. */
	struct bm_undo *log;
	u32 logged;
	u32 log_cap;
	struct bm_undo small_log[BM_STAGE_LOG];
	struct bm_staged rec[BM_STAGE_PAGES];
	u16 map[BM_STAGE_MAP]; /* 1 + index in rec, by hash of base */
};

/* The finalizer of MurmurHash3 without its last step, which only serves the low bits. */
static inline u64 bm_hash(u64 region)
{
	u64 x = region * 0xff51afd7ed558ccdull;

	x ^= x >> 33;
	return x * 0xc4ceb9fe1a85ec53ull;
}

static inline u32 bm_slot(const struct bm_table *table, u64 region)
{
	return (u32)(bm_hash(region) >> table->shift);
}

static inline size_t bm_page_size(u32 cap)
{
	return sizeof(struct bm_page) + (size_t)cap * (sizeof(u64) + sizeof(u32));
}

static inline u32 *bm_page_low(const struct bm_page *page)
{
	return (u32 *)(page->key + page->cap);
}

static inline u64 bm_key_block(u64 key)
{
	return key >> 24;
}

static inline u32 bm_key_count(u64 key)
{
	return (u32)(key >> 13 & BM_REGION_MASK) + 1;
}

static inline u64 bm_key_end(u64 key)
{
	return bm_key_block(key) + bm_key_count(key);
}

static inline u32 bm_key_state(u64 key)
{
	return key >> 10 & 7;
}

static inline bool bm_key_cont(u64 key)
{
	return key >> 9 & 1;
}

static inline u64 bm_key_spare(u64 key, u32 low)
{
	return (key & 0xff) << 32 | low;
}

static inline void bm_page_get(const struct bm_page *page, u32 at, struct bm_entry *e)
{
	u64 key = page->key[at];

	e->block = bm_key_block(key);
	e->spare = bm_key_spare(key, bm_page_low(page)[at]);
	e->count = bm_key_count(key);
	e->state = (enum bm_state)bm_key_state(key);
	e->cont = bm_key_cont(key);
}

static inline u64 bm_entry_key(const struct bm_entry *e)
{
	return e->block << 24 | (u64)(e->count - 1) << 13 | (u64)e->state << 10 |
	       (u64)e->cont << 9 | e->spare >> 32;
}

/*
 * The last entry of a page, which isn't empty, that starts at or before a block; the first of all
 * if none does. Which way to go is a coin toss: compilers make the choice a conditional move.
 */
static inline const u64 *bm_page_near(const struct bm_page *page, u64 block)
{
	const u64 *key = page->key;
	u64 bound = block << 24 | 0xffffff;
	u32 n = page->n, half;

	while (n > 1) {
		half = n / 2;
		key = key[half] <= bound ? key + half : key;
		n -= half;
	}
	return key;
}

/* The number of entries that start at or before a block. */
static inline u32 bm_page_rank(const struct bm_page *page, u64 block)
{
	const u64 *key;

	if (!page->n)
		return 0;
	key = bm_page_near(page, block);
	return (u32)(key - page->key) + (bm_key_block(*key) <= block);
}

/* Index of the first entry that ends after a block. */
static inline u32 bm_page_first(const struct bm_page *page, u64 block)
{
	u32 at = bm_page_rank(page, block);

	return at && bm_key_end(page->key[at - 1]) > block ? at - 1 : at;
}

static inline bool bm_page_has_region(const struct bm_page *page, u64 region)
{
	u32 at;

	if (!page)
		return false;
	at = bm_page_rank(page, (region << BM_REGION_SHIFT) + BM_REGION_MASK);
	return at && bm_key_block(page->key[at - 1]) >> BM_REGION_SHIFT == region;
}

/* index.c */
void *bm_index_alloc(struct bm_index *index, size_t size);
void bm_index_free(struct bm_index *index, void *ptr, size_t size);
/* Free what readers may still look at. */
void bm_index_retire(struct bm_index *index, void *ptr, size_t size);
/* Let page (or nothing) stand in all slots that depth gives it, in both tables. */
void bm_slots_store(struct bm_index *index, u32 base, u32 depth, struct bm_page *page);
/* The depth of the deepest page that may be put in a slot. */
u32 bm_slot_depth(const struct bm_index *index, u32 slot);
/* The first region in [region, last] whose bit is set; above last if none. */
u64 bm_regions_next(const struct bm_regions *regions, u64 region, u64 last);
void bm_regions_set(struct bm_regions *regions, u64 region, bool on);

/* index_page.c */
struct bm_page *bm_page_alloc(struct bm_index *index, u32 cap, u32 depth);
void bm_page_free(struct bm_index *index, struct bm_page *page);
void bm_page_retire(struct bm_index *index, struct bm_page *page);
/* A copy of page with room for cap entries, or NULL. */
struct bm_page *bm_page_copy(struct bm_index *index, const struct bm_page *page, u32 cap);
/* Merge all entries of `from` into `to`, which has room. */
void bm_page_merge(struct bm_page *to, const struct bm_page *from);
/* Make two pages, one deeper, with room for that many more entries than they get. */
bool bm_page_split(struct bm_index *index, const struct bm_page *page, u32 left, u32 right,
		   struct bm_page *half[2]);
/*
 * A piece is an entry whose cont is settled, or a removal; it lies within one region. A removal
 * of no blocks ends the run before it. Is it there already? If not, what does it change?
 */
bool bm_page_holds(const struct bm_page *page, const struct bm_entry *piece);
void bm_page_plan(const struct bm_page *page, const struct bm_entry *piece, struct bm_change *c);

/* index_stage.c */
struct bm_page *bm_stage_page(const struct bm_index *index, u64 region);
void bm_stage_destroy(struct bm_index *index);

#endif
