// SPDX-License-Identifier: GPL-2.0-only
/*
 * The index: finding entries, the region bitmap, and the size of the table.
 */
#include "index_page.h"

#define WORK_POINTERS 4096 /* one share of a resize; an entry that is merged counts as one */
#define WORD_BITS     BM_WORD_BITS

void *bm_index_alloc(struct bm_index *index, size_t size)
{
	void *ptr = index->mem.alloc(index->mem.ctx, size);

	if (ptr)
		index->bytes += size;
	return ptr;
}

void bm_index_free(struct bm_index *index, void *ptr, size_t size)
{
	if (!ptr)
		return;
	index->bytes -= size;
	index->mem.free(index->mem.ctx, ptr, size);
}

void bm_index_retire(struct bm_index *index, void *ptr, size_t size)
{
	if (index->stage->exclusive) {
		bm_index_free(index, ptr, size);
	} else if (ptr) {
		index->bytes -= size;
		index->mem.retire(index->mem.ctx, ptr, size);
	}
}

/*
 * The bitmap.
 */

static size_t words_of(u64 bits)
{
	return (size_t)((bits + WORD_BITS - 1) / WORD_BITS);
}

static size_t regions_size(u64 nregions)
{
	size_t words = words_of(nregions);

	return sizeof(struct bm_regions) + (words_of(words) + words) * sizeof(unsigned long);
}

static u64 space_regions(u64 space)
{
	return (space + BM_REGION_MASK) >> BM_REGION_SHIFT;
}

static struct bm_regions *regions_alloc(struct bm_index *index, u64 nregions)
{
	struct bm_regions *regions = bm_index_alloc(index, regions_size(nregions));

	if (!regions)
		return NULL;
	memset(regions, 0, regions_size(nregions));
	regions->nregions = nregions;
	regions->words = regions->groups + words_of(words_of(nregions));
	return regions;
}

/* Bit number `bit` of those of which the word holds a part. */
static void bit_set(unsigned long *word, u64 bit, bool on)
{
	unsigned long mask = 1ul << bit % WORD_BITS;

	if (!(*word & mask) == on)
		bm_store_release(word, *word ^ mask);
}

/* A group's bit is set before the first bit of its word, and cleared after the last. */
void bm_regions_set(struct bm_regions *regions, u64 region, bool on)
{
	u64 at = region / WORD_BITS;
	unsigned long *word = &regions->words[at], *group = &regions->groups[at / WORD_BITS];

	if (on)
		bit_set(group, at, true);
	bit_set(word, region, on);
	if (!*word)
		bit_set(group, at, false);
}

u64 bm_regions_next(const struct bm_regions *regions, u64 region, u64 last)
{
	u64 at = region / WORD_BITS;
	unsigned long word;

	if (!regions->nregions || region >= regions->nregions)
		return last + 1;
	if (last >= regions->nregions)
		last = regions->nregions - 1;
	word = bm_load_acquire(&regions->words[at]) & (~0ul << region % WORD_BITS);
	while (!word) {
		if (++at > last / WORD_BITS)
			return ~0ull;
		word = bm_load_acquire(&regions->words[at]);
	}
	region = at * WORD_BITS + (u64)__builtin_ctzl(word);
	return region <= last ? region : ~0ull;
}

/* What doesn't fit into the copy is clear. */
static void regions_copy(struct bm_regions *copy, const struct bm_regions *regions)
{
	u64 nregions = copy->nregions < regions->nregions ? copy->nregions : regions->nregions;
	size_t word, words = words_of(nregions);

	for (word = 0; word < words; word++) {
		copy->words[word] = regions->words[word];
		bit_set(&copy->groups[word / WORD_BITS], word, regions->words[word]);
	}
}

/*
 * Finding.
 */

static inline const struct bm_page *page_published(const struct bm_index *index, u64 region)
{
	const struct bm_table *table = bm_load_acquire(&index->table);
	const struct bm_page *page = bm_load_acquire(&table->slot[bm_slot(table, region)]);

	/* A page is some cache lines; what is wanted of it is most often in the first two. */
	__builtin_prefetch((const void *)((unsigned long)page + 64));
	return page;
}

/* The first entry that overlaps [block, end), which lies in one region: where, or page->n. */
static inline u32 page_find(const struct bm_page *page, u64 block, u64 end)
{
	u32 at = bm_page_first(page, block);

	return at < page->n && bm_key_block(page->cell[at].key) < end ? at : page->n;
}

static bool index_scan(const struct bm_index *index, u64 block, u64 end, bool staged,
		       struct bm_entry *e)
{
	const struct bm_regions *regions = bm_load_acquire(&index->regions);
	const struct bm_page *page;
	u64 region, last = (end - 1) >> BM_REGION_SHIFT, from, to;
	u32 at;

	for (region = block >> BM_REGION_SHIFT; region <= last; region++) {
		region = bm_regions_next(regions, region, last);
		if (region > last)
			break;
		page = staged ? bm_stage_page(index, region) : page_published(index, region);
		from = region << BM_REGION_SHIFT;
		to = from + BM_REGION;
		if (!page)
			continue;
		at = page_find(page, from > block ? from : block, to < end ? to : end);
		if (at < page->n) {
			bm_page_get(page, at, e);
			return true;
		}
	}
	return false;
}

static inline void entry_clip(struct bm_entry *e, u64 block, u64 end)
{
	u64 cut;

	if (e->block < block) {
		cut = block - e->block;
		e->block = block;
		e->count -= (u32)cut;
		if (e->spare != BM_NO_BLOCK)
			e->spare += cut;
	}
	if (e->count > end - e->block)
		e->count = (u32)(end - e->block);
}

static bool index_find(const struct bm_index *index, u64 block, u64 count, bool staged,
		       struct bm_entry *e)
{
	u64 end;

	if (!count || block >= BM_MAX_BLOCKS)
		return false;
	end = count < BM_MAX_BLOCKS - block ? block + count : BM_MAX_BLOCKS;
	if (!index_scan(index, block, end, staged, e))
		return false;
	entry_clip(e, block, end);
	return true;
}

bool bm_index_find_far(const struct bm_index *index, u64 block, u64 count, struct bm_entry *e)
{
	return index_find(index, block, count, false, e);
}

/* As bm_page_get() and entry_clip() would, but at once: this is the way of most I/O. */
bool bm_index_find_near(const struct bm_index *index, u64 block, u64 count, struct bm_entry *e)
{
	const struct bm_page *page = page_published(index, block >> BM_REGION_SHIFT);
	const struct bm_cell *cell;
	u64 key, off, left;

	if (!page)
		return false;
	if (!bm_page_sealed(page))
		return index_find(index, block, count, false, e);
	cell = bm_page_guided(page, block);
	key = cell->key;
	off = block - bm_key_block(key);
	left = bm_key_count(key) - off;
	if (off >= bm_key_count(key)) {
		if (bm_key_block(key) < block && ++cell == page->cell + page->n)
			return false;
		key = cell->key;
		if (bm_key_block(key) - block >= count)
			return false;
		count -= bm_key_block(key) - block;
		block = bm_key_block(key);
		left = bm_key_count(key);
		off = 0;
	}
	e->block = block;
	e->spare = bm_key_spare(key, cell->low);
	if (e->spare != BM_NO_BLOCK)
		e->spare += off;
	e->count = (u32)(left < count ? left : count);
	e->state = (enum bm_state)bm_key_state(key);
	e->cont = bm_key_cont(key);
	return true;
}

bool bm_index_peek(const struct bm_index *index, u64 block, u64 count, struct bm_entry *e)
{
	return index_find(index, block, count, true, e);
}

bool bm_index_next(const struct bm_index *index, u64 block, struct bm_entry *e)
{
	return block < BM_MAX_BLOCKS && index_scan(index, block, BM_MAX_BLOCKS, false, e);
}

void bm_index_expect(const struct bm_index *index, u64 block, bool soon)
{
	const struct bm_table *table = index->table;
	u32 slot = bm_slot(table, block >> BM_REGION_SHIFT);
	const char *page;

	if (!soon) {
		__builtin_prefetch(&table->slot[slot]);
		return;
	}
	page = (const char *)table->slot[slot];
	if (!page)
		return;
	__builtin_prefetch(page);
	__builtin_prefetch(page + 64);
	__builtin_prefetch(page + 128);
}

u64 bm_index_count(const struct bm_index *index, u64 from, u64 to)
{
	struct bm_entry e;
	u64 at = from, n = 0;

	while (at < to && index_scan(index, at, to, true, &e)) {
		n += e.block >= from;
		at = e.block + e.count;
	}
	return n;
}

/*
 * Tables.
 */

static size_t table_size(u32 depth)
{
	return sizeof(struct bm_table) + ((size_t)1 << depth) * sizeof(struct bm_page *);
}

static void given_drop(struct bm_index *index)
{
	bm_index_free(index, index->given, index->given_size);
	index->given = NULL;
}

/* The slots of a new table hold nothing yet, not even NULL. */
static struct bm_table *table_alloc(struct bm_index *index, u32 depth)
{
	struct bm_table *table;

	if (index->given && index->given_size != table_size(depth))
		given_drop(index);
	table = index->given ? index->given : bm_index_alloc(index, table_size(depth));
	index->given = NULL;
	if (!table)
		return NULL;
	table->depth = depth;
	table->shift = 64 - depth;
	table->slots = 1u << depth;
	return table;
}

static void table_store(struct bm_table *table, u32 slot, u32 end, struct bm_page *page)
{
	for (; slot < end; slot++)
		bm_store_release(&table->slot[slot], page);
}

void bm_slots_store(struct bm_index *index, u32 base, u32 depth, struct bm_page *page)
{
	struct bm_table *table = index->table, *next = index->next;
	u32 end = base + (1u << (table->depth - depth));

	table_store(table, base, end, page);
	if (!next)
		return;
	if (next->depth > table->depth) {
		base <<= next->depth - table->depth;
		end <<= next->depth - table->depth;
	} else {
		base >>= table->depth - next->depth;
		end >>= table->depth - next->depth;
	}
	table_store(next, base, end < index->next_filled ? end : index->next_filled, page);
}

u32 bm_slot_depth(const struct bm_index *index, u32 slot)
{
	const struct bm_table *table = index->table, *next = index->next;

	if (next && next->depth < table->depth &&
	    slot >> (table->depth - next->depth) < index->next_filled)
		return next->depth;
	return table->depth;
}

/* Slots that page, which stands in the first of them, takes up. */
static u32 page_span(const struct bm_table *table, const struct bm_page *page)
{
	return page ? 1u << (table->depth - page->depth) : 1;
}

/* Give all slots of a group one page no deeper than `depth`. Returns entries moved, or -ENOMEM. */
static int group_merge(struct bm_index *index, u32 base, u32 depth)
{
	struct bm_table *table = index->table;
	u32 slot, end = base + (1u << (table->depth - depth));
	struct bm_page *page, *merged;
	u64 total = 0;

	page = table->slot[base];
	if (page && page->depth <= depth)
		return 0;
	for (slot = base; slot < end; slot += page_span(table, page)) {
		page = table->slot[slot];
		total += page ? page->n : 0;
	}
	merged = total <= BM_PAGE_ENTRIES ? bm_page_alloc(index, (u32)total, depth) : NULL;
	if (!merged)
		return -ENOMEM;
	for (slot = base; slot < end; slot += page_span(table, page)) {
		page = table->slot[slot];
		if (page)
			bm_page_merge(merged, page);
	}
	bm_page_seal(merged);
	for (slot = base; slot < end;) {
		page = table->slot[slot];
		/* As one store a slot is all a reader sees, the order of stores doesn't matter. */
		u32 span = page_span(table, page);

		table_store(table, slot, slot + span, total ? merged : NULL);
		bm_page_retire(index, page);
		slot += span;
	}
	if (!total)
		bm_page_free(index, merged);
	return (int)total;
}

/*
 * Growth.
 */

u32 bm_index_grown(u32 buckets)
{
	if (buckets < 1024)
		return buckets * 4;
	if (buckets < 65536)
		return buckets * 8;
	return buckets < 1u << 30 ? buckets * 4 : buckets;
}

u32 bm_index_shrunk(u32 buckets)
{
	if (buckets <= BM_MIN_BUCKETS)
		return BM_MIN_BUCKETS;
	return buckets > 65536 || buckets <= 1024 ? buckets / 4 : buckets / 8;
}

static u32 index_wanted(const struct bm_index *index)
{
	u32 small = bm_index_shrunk(index->buckets);

	if (index->runs * 16 >= 25ull * index->buckets || index->entries >= 8ull * index->buckets)
		return bm_index_grown(index->buckets);
	if (index->runs * 64 < 25ull * small && index->entries < 2ull * small)
		return small;
	return index->buckets;
}

static void resize_share(struct bm_index *index)
{
	struct bm_table *table = index->table, *next = index->next;
	bool grow = next->depth > table->depth;
	u32 shift = grow ? next->depth - table->depth : table->depth - next->depth;
	int budget = WORK_POINTERS, moved;

	while (index->next_filled < next->slots && budget > 0) {
		u32 to = index->next_filled;

		if (grow) {
			index->next_filled += 1u << shift;
			table_store(next, to, index->next_filled, table->slot[to >> shift]);
		} else {
			moved = group_merge(index, to << shift, next->depth);
			if (moved < 0)
				return;
			budget -= moved;
			index->next_filled++;
			next->slot[to] = table->slot[to << shift];
		}
		budget -= 1 << shift;
	}
}

size_t bm_index_wants(const struct bm_index *index)
{
	u32 wanted = index->next ? index->buckets : index_wanted(index);

	return wanted == index->buckets || index->given ? 0 : table_size(BM_DEPTH(wanted));
}

void bm_index_give(struct bm_index *index, void *memory, size_t size)
{
	if (!memory)
		return;
	index->bytes += size;
	if (index->given)
		given_drop(index);
	index->given = memory;
	index->given_size = size;
}

enum bm_resize bm_index_work(struct bm_index *index, u32 *from, u32 *to)
{
	struct bm_table *old = index->table;
	u32 wanted;

	*from = index->buckets;
	if (!index->next) {
		wanted = index_wanted(index);
		if (wanted == index->buckets)
			return BM_RESIZE_NONE;
		index->next = table_alloc(index, BM_DEPTH(wanted));
		if (!index->next)
			return BM_RESIZE_NONE;
		index->next_filled = 0;
		*to = index->next_buckets = wanted;
		return BM_RESIZE_STARTED;
	}
	resize_share(index);
	if (index->next_filled < index->next->slots)
		return BM_RESIZE_NONE;
	bm_store_release(&index->table, index->next);
	bm_index_retire(index, old, table_size(old->depth));
	*to = index->buckets = index->next_buckets;
	index->next = NULL;
	index->next_buckets = 0;
	index->next_filled = 0;
	index->resizes++;
	return BM_RESIZE_DONE;
}

/*
 * The whole index.
 */

int bm_index_init(struct bm_index *index, const struct bm_mem *mem, u64 space)
{
	u32 depth = BM_DEPTH(BM_MIN_BUCKETS);

	memset(index, 0, sizeof(*index));
	if (space > BM_MAX_BLOCKS - 1)
		return -EFBIG;
	index->mem = *mem;
	index->space = space;
	index->buckets = BM_MIN_BUCKETS;
	index->stage = bm_index_alloc(index, sizeof(*index->stage));
	if (!index->stage)
		goto fail;
	memset(index->stage, 0, sizeof(*index->stage));
	index->stage->log = index->stage->small_log;
	index->stage->log_cap = BM_STAGE_LOG;
	index->table = table_alloc(index, depth);
	if (!index->table)
		goto fail;
	memset(index->table->slot, 0, sizeof(index->table->slot[0]) << depth);
	index->regions = regions_alloc(index, space_regions(space));
	if (!index->regions)
		goto fail;
	return 0;
fail:
	bm_index_destroy(index);
	return -ENOMEM;
}

void bm_index_destroy(struct bm_index *index)
{
	struct bm_table *table = index->table;
	u32 slot = 0, span;

	if (index->stage)
		bm_stage_destroy(index);
	while (table && slot < table->slots) {
		span = page_span(table, table->slot[slot]);
		bm_page_free(index, table->slot[slot]);
		slot += span;
	}
	if (table)
		bm_index_free(index, table, table_size(table->depth));
	if (index->next)
		bm_index_free(index, index->next, table_size(index->next->depth));
	given_drop(index);
	if (index->regions)
		bm_index_free(index, index->regions, regions_size(index->regions->nregions));
	bm_index_free(index, index->stage, sizeof(*index->stage));
	memset(index, 0, sizeof(*index));
}

int bm_index_set_space(struct bm_index *index, u64 space)
{
	struct bm_regions *old = index->regions, *regions;
	u64 nregions = space_regions(space);
	struct bm_entry e;

	if (space > BM_MAX_BLOCKS - 1)
		return -EFBIG;
	if (bm_index_peek(index, space, BM_MAX_BLOCKS, &e) ||
	    index_find(index, space, BM_MAX_BLOCKS, false, &e))
		return -EBUSY;
	if (nregions != old->nregions) {
		regions = regions_alloc(index, nregions);
		if (!regions)
			return -ENOMEM;
		regions_copy(regions, old);
		bm_store_release(&index->regions, regions);
		bm_index_retire(index, old, regions_size(old->nregions));
	}
	index->space = space;
	return 0;
}

void bm_index_set_exclusive(struct bm_index *index, bool on)
{
	struct bm_table *table = index->table;
	struct bm_page *page, *copy;
	u32 slot, span;

	for (slot = 0; !on && slot < table->slots; slot += span) {
		page = table->slot[slot];
		span = page_span(table, page);
		if (!page)
			continue;
		bm_page_seal(page);
		if (page->cap == page->n)
			continue;
		copy = page->n ? bm_page_copy(index, page, page->n) : NULL;
		if (page->n && !copy)
			continue;
		bm_slots_store(index, slot, page->depth, copy);
		bm_page_free(index, page);
	}
	index->stage->exclusive = on;
}
