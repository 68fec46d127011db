/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The index: which blocks are not where they used to be.
 *
 * A map from blocks to entries that answers "which is the first entry in [s, s + n)?" without a
 * lock, while one writer adds, removes and resizes. A bitmap with one bit a region (2048 blocks,
 * 1 MiB of 512-byte blocks) answers almost every question; behind it stands a hash table of
 * regions whose buckets are packed, BM_PAGE_BUCKETS of them to a page. A page is immutable once
 * readers can see it: a change builds a new page and swaps one pointer.
 *
 * Entries never cross a region boundary; a longer run is several entries of which all but the
 * first bear `cont`. `runs` counts entries without `cont`: what an administrator added.
 *
 * Changes come in two phases, so that nothing can fail after the mapping is durable:
 * bm_index_stage() (may fail, changes nothing that can be seen), then bm_index_publish() or
 * bm_index_abort() (can't fail).
 */
#ifndef BLKMEND_INDEX_H
#define BLKMEND_INDEX_H

#include "port.h"

#define BM_REGION_SHIFT 11 /* log2 of the blocks in a region */
#define BM_REGION       (1u << BM_REGION_SHIFT)
#define BM_PAGE_BUCKETS 16 /* hash buckets packed in a page */
#define BM_BLOCK_BITS   40 /* block numbers are below 2^40 */
#define BM_MAX_BLOCKS   (1ull << BM_BLOCK_BITS)
#define BM_NO_BLOCK     (BM_MAX_BLOCKS - 1) /* no spare block (valid in entry.spare only) */
#define BM_MIN_BUCKETS  64

enum bm_state {
	BM_UNMAPPED = 0, /* only to stage a removal */
	BM_MAPPED,       /* lives on the spare */
	BM_PENDING,      /* unreadable where it lives (on spare, or on main if no spare) */
	BM_LOST,         /* has a place on the spare that holds nothing yet */
	BM_BAD,          /* index of bad spare blocks: never allocate this */
};

struct bm_entry {
	u64 block; /* first block */
	u64 spare; /* its block on the spare, or BM_NO_BLOCK */
	u32 count; /* blocks; at most BM_REGION, within one region, as found */
	enum bm_state state;
	bool cont; /* continues the run that ends just before it */
};

/*
 * Memory, given by the host. alloc returns zeroed or unzeroed memory aligned to 16 bytes or NULL;
 * retire frees once every reader that was inside bm_index_find() (or any other lock-free call)
 * when retire was called has left it. All three are called under the host's serialisation only,
 * must not sleep for I/O, and sizes given back are those asked for.
 */
struct bm_mem {
	void *ctx;
	void *(*alloc)(void *ctx, size_t size);
	void (*free)(void *ctx, void *ptr, size_t size);
	void (*retire)(void *ctx, void *ptr, size_t size);
};

struct bm_table; /* directory of pages, replaced as a whole when it is resized */
struct bm_stage; /* staged pages */

#define BM_WORD_BITS (8 * sizeof(unsigned long))

/*
 * Region bitmap, replaced as a whole when the key space grows. A clear bit: no entry there. Of a
 * large disk it is half a megabyte, so above it stands another that is 64 times smaller: as long as
 * remaps are few, that alone is looked at by most, and stays in the cache.
 */
struct bm_regions {
	u64 nregions;
	unsigned long *words;   /* a bit a region */
	unsigned long groups[]; /* a bit a word; clear: the word is 0 */
};

/* May there be an entry in `region`, which is below nregions? Lock-free, any context. */
static inline bool bm_regions_has(const struct bm_regions *regions, u64 region)
{
	return bm_load_acquire(&regions->words[region / BM_WORD_BITS]) >> region % BM_WORD_BITS & 1;
}

/* And near it? False: then there is none in `region` either. */
static inline bool bm_regions_near(const struct bm_regions *regions, u64 region)
{
	u64 word = region / BM_WORD_BITS;

	return bm_load_acquire(&regions->groups[word / BM_WORD_BITS]) >> word % BM_WORD_BITS & 1;
}

struct bm_index {
	struct bm_table *table;     /* read by readers with acquire */
	struct bm_regions *regions; /* likewise */
	/* The rest belongs to the writer. */
	struct bm_mem mem;
	u64 runs;               /* entries without cont */
	u64 entries;            /* all entries */
	u64 blocks[BM_BAD + 1]; /* blocks in each state */
	u64 space;              /* key space, in blocks */
	u64 bytes;              /* memory held, all in */
	u32 buckets;            /* hash buckets; grows at 25/16 runs a bucket */
	u32 resizes;            /* completed */
	/* resize under way, filled a share at a time */
	struct bm_table *next;
	u32 next_filled;
	u32 next_buckets;
	void *given; /* memory for the next table */
	size_t given_size;
	struct bm_stage *stage;
};

/* What bm_index_publish() and bm_index_work() tell about the size of the table. */
enum bm_resize { BM_RESIZE_NONE, BM_RESIZE_STARTED, BM_RESIZE_DONE };

/*
 * Make an empty index for blocks below `space`. -ENOMEM, or -EFBIG above BM_MAX_BLOCKS - 1.
 * Writer.
 */
int bm_index_init(struct bm_index *index, const struct bm_mem *mem, u64 space);

/* Free everything at once; no reader may be left. A zeroed index is fine. */
void bm_index_destroy(struct bm_index *index);

/* Enlarge (or shrink, if nothing lies beyond) the key space. -ENOMEM, -EBUSY, -EFBIG. Writer. */
int bm_index_set_space(struct bm_index *index, u64 space);

/*
 * The first entry that overlaps [block, block + count), clipped to it (block, count and spare
 * adjusted). False when there is none. count may reach beyond the key space.
 * Lock-free, any context, in a read-side section of the host's; sees either all or nothing of
 * what was published to one region at once.
 */
static inline bool bm_index_find(const struct bm_index *index, u64 block, u64 count,
				 struct bm_entry *entry);

/* The same, unclipped: the entry as stored. For walking in order: next block = end of entry. */
bool bm_index_next(const struct bm_index *index, u64 block, struct bm_entry *entry);

/*
 * `block` will be staged in a moment: have the processor fetch what that takes, first the way
 * (soon = false), a few entries later the page (soon = true). For loading. Writer.
 */
void bm_index_expect(const struct bm_index *index, u64 block, bool soon);

/*
 * Stage: in [e->block, e->block + e->count) let the state be what `e` says (BM_UNMAPPED removes);
 * what was there is replaced, entries that stick out are trimmed or split. count may be any
 * length: it is cut at region boundaries, later pieces getting `cont`. With e->cont the first
 * piece is merged into the entry before it, where that is contiguous (block, spare) and of the
 * same state and region; without a block before it, cont is ignored. Blocks beyond the range stay
 * in the runs they are in, save that what remains of a run whose start is removed becomes a run.
 * What is there already costs little and stages nothing. Later stages see earlier ones.
 *
 * On error this call staged nothing, and the earlier stages stand: -ENOMEM; -EINVAL for no
 * blocks, no such state, or blocks beyond the key space or BM_NO_BLOCK; -ENOSPC when more pages
 * would be staged than fit (never in exclusive mode, never for up to 251 ranges within one
 * region each between two publishes). Writer.
 */
int bm_index_stage(struct bm_index *index, const struct bm_entry *e);

/* Like bm_index_find(), with what is staged taken as done. Writer. */
bool bm_index_peek(const struct bm_index *index, u64 block, u64 count, struct bm_entry *entry);

/* How many entries begin in [from, to), with what is staged taken as done. Writer. */
u64 bm_index_count(const struct bm_index *index, u64 from, u64 to);

/* Let readers see what was staged. Can't fail. Never starts or finishes a resize. Writer. */
void bm_index_publish(struct bm_index *index);

/* Drop what was staged. Writer. */
void bm_index_abort(struct bm_index *index);

/*
 * Bytes that bm_index_work() will allocate at once when it is called next; 0: none. Of a large
 * index they are megabytes, which takes the allocator a while. Writer.
 */
size_t bm_index_wants(const struct bm_index *index);

/* So many, from index->mem.alloc(), which may be called without being the writer. Writer. */
void bm_index_give(struct bm_index *index, void *memory, size_t size);

/*
 * Do a bounded share (some thousand pointers at most) of growing or shrinking the table, starting
 * it when due. Call after each publish; when it says BM_RESIZE_STARTED or _DONE call it again
 * when there is time; index->next tells whether a resize is still under way. *from, *to:
 * buckets, where the answer isn't NONE. A resize that can't get memory is put off, never an
 * error. Nothing may be staged. Writer.
 */
enum bm_resize bm_index_work(struct bm_index *index, u32 *from, u32 *to);

/* The next size up or down in the growth schedule: 64, 256, 1024, 8192, 65536, then times 4. */
u32 bm_index_grown(u32 buckets);
u32 bm_index_shrunk(u32 buckets);

/*
 * While nobody reads (loading), pages may be changed in place: much faster. bm_index_find() and
 * bm_index_next() then see what is staged. Turning it off trims the slack. Nothing may be staged
 * in either case. Writer; the index starts with it off.
 */
void bm_index_set_exclusive(struct bm_index *index, bool on);

/* bm_index_find() of any length; of what lies within one region. */
bool bm_index_find_far(const struct bm_index *index, u64 block, u64 count, struct bm_entry *entry);
bool bm_index_find_near(const struct bm_index *index, u64 block, u64 count, struct bm_entry *entry);

static inline bool bm_index_find(const struct bm_index *index, u64 block, u64 count,
				 struct bm_entry *entry)
{
	const struct bm_regions *regions = bm_load_acquire(&index->regions);
	u64 region = block >> BM_REGION_SHIFT;

	if (region >= regions->nregions)
		return false;
	/* A count of 0 goes the long way too. */
	if (count - 1 >= BM_REGION - (block & (BM_REGION - 1)))
		return bm_index_find_far(index, block, count, entry);
	if (!bm_regions_has(regions, region))
		return false;
	return bm_index_find_near(index, block, count, entry);
}

#endif
