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

#define BM_PAGE_SPLIT    20 /* split pages of more entries when the table allows */
#define BM_PAGE_SEALED   64 /* most entries of a page that has a guide */
#define BM_PAGE_PARTS    16
#define BM_PAGE_PART     15               /* most entries that start in one of them */
#define BM_PAGE_ENTRIES  ((1u << 26) - 1) /* most that cap can say */
#define BM_STAGE_PAGES   640
#define BM_STAGE_SPLITS  96 /* split only while fewer are staged: splitting is never urgent */
#define BM_STAGE_MAP     1024
#define BM_STAGE_LOG     64
#define BM_REGION_MASK   (BM_REGION - 1)
#define BM_DEPTH(bucket) ((u32)__builtin_ctz((bucket) / BM_PAGE_BUCKETS))

/*
 * A key is, from the top: block (40 bits), count - 1 (11), state (3), cont (1), one bit unused,
 * the high 8 bits of spare. A struct of 12 bytes: most of what the index takes is these.
 */
struct bm_cell {
	u64 key;
	u32 low; /* half of the spare */
} __attribute__((packed, aligned(4)));

/*
 * Entries ascend by block. A page that is sealed has a guide: of the blocks from the first entry
 * on, cut in 16 parts of 2^shift blocks, it says how many entries start in each part or before
 * it. So a search begins at the entry that matters, or a little above it; halving the page again
 * and again would wait for most of its lines. The last part goes on for ever: it counts them all.
 */
struct bm_page {
	u32 n : 26;
	u32 depth : 6;
	u32 cap : 26;
	u32 shift : 6;
	u8 guide[BM_PAGE_PARTS]; /* the last is 0: not sealed */
	struct bm_cell cell[];
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

/* Fibonacci hashing: its high bits are what counts. */
static inline u64 bm_hash(u64 region)
{
	return region * 0x9e3779b97f4a7c15ull;
}

static inline u32 bm_slot(const struct bm_table *table, u64 region)
{
	return (u32)(bm_hash(region) >> table->shift);
}

static inline size_t bm_page_size(u32 cap)
{
	return sizeof(struct bm_page) + (size_t)cap * sizeof(struct bm_cell);
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
	return key & 1u << 9;
}

static inline u64 bm_key_spare(u64 key, u32 low)
{
	return (key & 0xff) << 32 | low;
}

static inline void bm_page_get(const struct bm_page *page, u32 at, struct bm_entry *e)
{
	u64 key = page->cell[at].key;

	e->block = bm_key_block(key);
	e->spare = bm_key_spare(key, page->cell[at].low);
	e->count = bm_key_count(key);
	e->state = (enum bm_state)bm_key_state(key);
	e->cont = bm_key_cont(key);
}

static inline u64 bm_entry_key(const struct bm_entry *e)
{
	return e->block << 24 | (u64)(e->count - 1) << 13 | (u64)e->state << 10 |
	       (u64)e->cont << 9 | e->spare >> 32;
}

static inline bool bm_page_sealed(const struct bm_page *page)
{
	return page->guide[BM_PAGE_PARTS - 1];
}

/*
 * The last entry of a sealed page that starts at or before a block; the first of all if none does.
 * It is where the guide leads or, now and then, one or two below.
 */
static inline const struct bm_cell *bm_page_guided(const struct bm_page *page, u64 block)
{
	const struct bm_cell *cell = page->cell;
	u64 bound = block << 24 | 0xffffff, part;

	if (cell->key > bound)
		return cell;
	part = (block - bm_key_block(cell->key)) >> page->shift;
	cell += page->guide[part < BM_PAGE_PARTS ? part : BM_PAGE_PARTS - 1] - 1;
	while (cell->key > bound)
		cell--;
	return cell;
}

/* The same for any page that isn't empty. */
static inline const struct bm_cell *bm_page_near(const struct bm_page *page, u64 block)
{
	const struct bm_cell *cell = page->cell;
	u64 bound = block << 24 | 0xffffff;
	u32 n = page->n, half;

	if (bm_page_sealed(page))
		return bm_page_guided(page, block);
	for (; n > 1; n -= half) {
		half = n / 2;
		cell = cell[half].key <= bound ? cell + half : cell;
	}
	return cell;
}

/* The number of entries that start at or before a block. */
static inline u32 bm_page_rank(const struct bm_page *page, u64 block)
{
	const struct bm_cell *cell;

	if (!page->n)
		return 0;
	cell = bm_page_near(page, block);
	return (u32)(cell - page->cell) + (bm_key_block(cell->key) <= block);
}

/* Index of the first entry that ends after a block. */
static inline u32 bm_page_first(const struct bm_page *page, u64 block)
{
	u32 at = bm_page_rank(page, block);

	return at && bm_key_end(page->cell[at - 1].key) > block ? at - 1 : at;
}

static inline bool bm_page_has_region(const struct bm_page *page, u64 region)
{
	u32 at;

	if (!page)
		return false;
	at = bm_page_rank(page, (region << BM_REGION_SHIFT) + BM_REGION_MASK);
	return at && bm_key_block(page->cell[at - 1].key) >> BM_REGION_SHIFT == region;
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
/* Make the guide, as far as it can say what is there. Whoever changes a page breaks the seal. */
void bm_page_seal(struct bm_page *page);
void bm_page_unseal(struct bm_page *page);
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
