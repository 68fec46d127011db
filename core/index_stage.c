// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changing the index: staging, publishing, aborting.
 *
 * A page to be changed is first owned: copied to where no reader sees it (or, in exclusive mode,
 * used as it stands) with room for the change. A change replaces some neighbouring entries of one
 * page by at most three, and is logged, so that it can be taken back should a later part of the
 * same call lack memory.
 *
 * The bit of a region is set as soon as something is staged there, so that the bitmap leads to
 * whatever is published or staged; it is cleared when neither is left.
 */
#include "index_page.h"

/*
 * Staged pages, found by their first slots in a small open hash table.
 */

static u32 map_start(u32 base)
{
	return (base * 0x9e3779b1u) >> 22;
}

static struct bm_staged *staged_at(struct bm_stage *stage, u32 base)
{
	u32 pos = map_start(base);

	for (; stage->map[pos]; pos = (pos + 1) % BM_STAGE_MAP) {
		struct bm_staged *rec = &stage->rec[stage->map[pos] - 1];

		if (rec->base == base)
			return rec;
	}
	return NULL;
}

/* The staged page for a slot: anywhere from as deep as the table to as shallow as it was. */
static struct bm_staged *staged_find(const struct bm_index *index, u32 slot)
{
	const struct bm_table *table = index->table;
	const struct bm_page *page = table->slot[slot];
	u32 low = page ? page->depth : bm_slot_depth(index, slot);
	struct bm_staged *rec;
	u32 depth, base;

	if (!index->stage->n)
		return NULL;
	for (depth = table->depth; depth + 1 > low; depth--) {
		base = slot >> (table->depth - depth) << (table->depth - depth);
		rec = staged_at(index->stage, base);
		if (rec && rec->page->depth <= depth)
			return rec;
	}
	return NULL;
}

struct bm_page *bm_stage_page(const struct bm_index *index, u64 region)
{
	u32 slot = bm_slot(index->table, region);
	struct bm_staged *rec = staged_find(index, slot);

	return rec ? rec->page : index->table->slot[slot];
}

/* Room for two more was ensured by the caller. */
static void staged_put(struct bm_stage *stage, u32 base, struct bm_page *page)
{
	struct bm_staged *rec = staged_at(stage, base);
	u32 pos = map_start(base);

	if (!rec) {
		while (stage->map[pos])
			pos = (pos + 1) % BM_STAGE_MAP;
		rec = &stage->rec[stage->n++];
		stage->map[pos] = (u16)stage->n;
		memset(rec, 0, sizeof(*rec));
		rec->base = base;
		rec->pos = (u16)pos;
	}
	rec->page = page;
}

static void staged_forget(struct bm_stage *stage)
{
	u32 i;

	for (i = 0; i < stage->n; i++)
		stage->map[stage->rec[i].pos] = 0;
}

/* Let a page of ours stand where slot is. */
static void page_install(struct bm_index *index, u32 slot, struct bm_page *page)
{
	u32 shift = index->table->depth - page->depth;

	if (index->stage->exclusive)
		bm_slots_store(index, slot >> shift << shift, page->depth, page);
	else
		staged_put(index->stage, slot >> shift << shift, page);
}

/*
 * Owning pages.
 */

static bool page_ours(const struct bm_index *index, u32 slot)
{
	return index->stage->exclusive || staged_find(index, slot);
}

/*
 * Replace the page of a region by two, one deeper. Both keep the slack of one that is ours:
 * taking back what was changed may need it in either.
 */
static int page_divide(struct bm_index *index, u64 region, struct bm_page *page)
{
	u32 slot = bm_slot(index->table, region), shift = index->table->depth - page->depth;
	u32 base = slot >> shift << shift, middle = base + (1u << (shift - 1));
	struct bm_staged *rec = staged_find(index, slot), *right;
	bool ours = rec || index->stage->exclusive;
	u32 slack = ours ? page->cap - page->n : 0;
	struct bm_page *half[2];

	if (!bm_page_split(index, page, slack + (slot < middle ? BM_ROOM : 0),
			   slack + (slot < middle ? 0 : BM_ROOM), half))
		return -ENOMEM;
	page_install(index, base, half[0]);
	page_install(index, middle, half[1]);
	if (rec) {
		right = &index->stage->rec[index->stage->n - 1];
		right->added = rec->added;
		right->emptied = rec->emptied;
	}
	if (ours)
		bm_page_free(index, page);
	return 0;
}

static bool page_crowded(const struct bm_index *index, u32 slot, const struct bm_page *page)
{
	return page && page->n >= BM_PAGE_SPLIT && page->depth < bm_slot_depth(index, slot) &&
	       (index->stage->exclusive || index->stage->n < BM_STAGE_SPLITS);
}

/* Own the page of a region, with BM_ROOM to spare. -ENOMEM, -ENOSPC. */
static int page_own(struct bm_index *index, u64 region, struct bm_page **owned)
{
	u32 slot = bm_slot(index->table, region), cap = BM_ROOM;
	struct bm_page *page = bm_stage_page(index, region), *copy;
	bool ours;
	int err;

	for (; page_crowded(index, slot, page); page = bm_stage_page(index, region)) {
		err = page_divide(index, region, page);
		if (err)
			return err;
	}
	*owned = page;
	ours = page_ours(index, slot);
	if (page && ours && page->cap - page->n >= BM_ROOM)
		return 0;
	if (!ours && index->stage->n == BM_STAGE_PAGES)
		return -ENOSPC;
	if (page)
		cap = page->n + (index->stage->exclusive ? page->n / 2 + 2 * BM_ROOM : BM_ROOM);
	if (page && ours && cap < (u32)page->cap + BM_ROOM)
		cap = page->cap + BM_ROOM;
	copy = page ? bm_page_copy(index, page, cap)
		    : bm_page_alloc(index, cap, bm_slot_depth(index, slot));
	if (!copy)
		return -ENOMEM;
	page_install(index, slot, copy);
	if (ours)
		bm_page_free(index, page);
	*owned = copy;
	return 0;
}

/*
 * The log.
 */

static void log_reset(struct bm_index *index)
{
	struct bm_stage *stage = index->stage;

	if (stage->log != stage->small_log)
		bm_index_free(index, stage->log, stage->log_cap * sizeof(*stage->log));
	stage->log = stage->small_log;
	stage->log_cap = BM_STAGE_LOG;
	stage->logged = 0;
}

static int log_reserve(struct bm_index *index, u32 more)
{
	struct bm_stage *stage = index->stage;
	u32 cap = stage->logged + more;
	struct bm_undo *log;

	if (cap <= stage->log_cap)
		return 0;
	cap += cap / 2;
	log = bm_index_alloc(index, cap * sizeof(*log));
	if (!log)
		return -ENOMEM;
	more = stage->logged;
	memcpy(log, stage->log, more * sizeof(*log));
	log_reset(index);
	stage->log = log;
	stage->log_cap = cap;
	stage->logged = more;
	return 0;
}

/* The caller reserved del + 1. */
static void log_change(struct bm_stage *stage, const struct bm_page *page,
		       const struct bm_change *c)
{
	struct bm_undo *undo = &stage->log[stage->logged];
	u64 anchor = c->n ? c->entry[0].block : ~0ull;
	u32 i;

	for (i = 0; i < c->del; i++, undo++) {
		undo->key = page->cell[c->at + i].key;
		undo->low = page->cell[c->at + i].low;
	}
	if (c->del && bm_key_block(page->cell[c->at].key) < anchor)
		anchor = bm_key_block(page->cell[c->at].key);
	undo->key = anchor;
	undo->low = c->del;
	undo->more = c->n;
	stage->logged += c->del + 1;
}

/*
 * Changes.
 */

static void stage_count(struct bm_stage *stage, u64 key, bool add)
{
	u64 one = add ? 1 : ~0ull, count = bm_key_count(key);

	stage->entries += one;
	stage->runs += bm_key_cont(key) ? 0 : one;
	stage->blocks[bm_key_state(key)] += add ? count : 0 - count;
}

/* Replace `del` entries by as many as `n` undefined ones. */
static void page_gap(struct bm_stage *stage, struct bm_page *page, u32 at, u32 del, u32 n)
{
	u32 tail = page->n - at - del, i;
	struct bm_cell *cell = page->cell + at;

	for (i = 0; i < del; i++)
		stage_count(stage, cell[i].key, false);
	if (del != n)
		memmove(cell + n, cell + del, tail * sizeof(*cell));
	page->n = at + n + tail;
	bm_page_unseal(page);
}

static void page_change(struct bm_stage *stage, struct bm_page *page, const struct bm_change *c)
{
	u32 i;

	page_gap(stage, page, c->at, c->del, c->n);
	for (i = 0; i < c->n; i++) {
		page->cell[c->at + i].key = bm_entry_key(&c->entry[i]);
		page->cell[c->at + i].low = (u32)c->entry[i].spare;
		stage_count(stage, page->cell[c->at + i].key, true);
	}
}

/* After a change: the bit of the region must lead to all that is published or staged. */
static void region_refresh(struct bm_index *index, u64 region)
{
	const struct bm_table *table = index->table;

	bm_regions_set(index->regions, region,
		       bm_page_has_region(bm_stage_page(index, region), region) ||
			       bm_page_has_region(table->slot[bm_slot(table, region)], region));
}

static void region_changed(struct bm_index *index, u64 region, bool there)
{
	struct bm_staged *rec = NULL;

	if (!index->stage->exclusive)
		rec = staged_find(index, bm_slot(index->table, region));
	if (!rec) {
		bm_regions_set(index->regions, region, there);
	} else if (there) {
		rec->added = true;
		bm_regions_set(index->regions, region, true);
	} else {
		rec->emptied = true;
	}
}

/* Take back all changes above a mark of the log, the last first. */
static void stage_undo(struct bm_index *index, u32 mark)
{
	struct bm_stage *stage = index->stage;
	const struct bm_undo *undo;
	struct bm_page *page;
	u32 i, at;

	while (stage->logged > mark) {
		undo = &stage->log[stage->logged - 1];
		page = bm_stage_page(index, undo->key >> BM_REGION_SHIFT);
		at = undo->key ? bm_page_rank(page, undo->key - 1) : 0;
		page_gap(stage, page, at, undo->more, undo->low);
		stage->logged -= undo->low + 1;
		for (i = 0; i < undo->low; i++) {
			page->cell[at + i].key = stage->log[stage->logged + i].key;
			page->cell[at + i].low = stage->log[stage->logged + i].low;
			stage_count(stage, page->cell[at + i].key, true);
		}
		region_refresh(index, undo->key >> BM_REGION_SHIFT);
	}
}

/*
 * Staging.
 */

/* A piece lies within one region. One of no blocks ends a run before it, if it is a removal. */
static int stage_piece(struct bm_index *index, const struct bm_entry *e)
{
	u64 region = e->block >> BM_REGION_SHIFT;
	struct bm_page *page;
	struct bm_change c;
	int err;

	if (bm_page_holds(bm_stage_page(index, region), e))
		return 0;
	err = page_own(index, region, &page);
	if (err)
		return err;
	bm_page_plan(page, e, &c);
	err = log_reserve(index, c.del + 1);
	if (err)
		return err;
	log_change(index->stage, page, &c);
	page_change(index->stage, page, &c);
	region_changed(index, region, c.n || bm_page_has_region(page, region));
	return 0;
}

static int stage_set(struct bm_index *index, const struct bm_entry *e)
{
	u64 end = e->block + e->count, stop;
	struct bm_entry piece = *e, before;
	int err;

	piece.cont = e->cont && e->block && bm_index_peek(index, e->block - 1, 1, &before);
	while (piece.block < end) {
		stop = (piece.block | BM_REGION_MASK) + 1;
		piece.count = (u32)((stop < end ? stop : end) - piece.block);
		err = stage_piece(index, &piece);
		if (err)
			return err;
		piece.block += piece.count;
		if (piece.spare != BM_NO_BLOCK)
			piece.spare += piece.count;
		piece.cont = true;
	}
	return 0;
}

static int stage_remove(struct bm_index *index, const struct bm_entry *e)
{
	u64 end = e->block + e->count, last = (end - 1) >> BM_REGION_SHIFT, region, stop;
	struct bm_entry piece = { .block = e->block };
	int err;

	for (region = e->block >> BM_REGION_SHIFT; region <= last; region++) {
		region = bm_regions_next(index->regions, region, last);
		if (region > last)
			break;
		if (piece.block < region << BM_REGION_SHIFT)
			piece.block = region << BM_REGION_SHIFT;
		stop = (region + 1) << BM_REGION_SHIFT;
		piece.count = (u32)((stop < end ? stop : end) - piece.block);
		err = stage_piece(index, &piece);
		if (err)
			return err;
	}
	piece.block = end;
	piece.count = 0;
	if (end & BM_REGION_MASK || end >= index->space)
		return 0;
	return stage_piece(index, &piece);
}

/*
 * Give the pages of all logged changes just the memory they need, as far as there is any, and
 * seal them.
 */
static void stage_trim(struct bm_index *index)
{
	struct bm_stage *stage = index->stage;
	u32 at = stage->logged;
	struct bm_page *page, *copy;
	u64 region;

	while (at) {
		region = stage->log[at - 1].key >> BM_REGION_SHIFT;
		at -= stage->log[at - 1].low + 1;
		page = bm_stage_page(index, region);
		bm_page_seal(page);
		copy = page->cap == page->n ? NULL : bm_page_copy(index, page, page->n);
		if (!copy)
			continue;
		page_install(index, bm_slot(index->table, region), copy);
		bm_page_free(index, page);
	}
}

static bool stage_valid(const struct bm_index *index, const struct bm_entry *e)
{
	if (!e->count || e->block > index->space || e->count > index->space - e->block)
		return false;
	if (e->state == BM_UNMAPPED || e->spare == BM_NO_BLOCK)
		return e->state <= BM_BAD;
	return e->state <= BM_BAD && e->spare < BM_NO_BLOCK && e->count <= BM_NO_BLOCK - e->spare;
}

int bm_index_stage(struct bm_index *index, const struct bm_entry *e)
{
	struct bm_stage *stage = index->stage;
	u32 mark = stage->logged;
	int err;

	if (!stage_valid(index, e))
		return -EINVAL;
	err = e->state == BM_UNMAPPED ? stage_remove(index, e) : stage_set(index, e);
	if (err)
		stage_undo(index, mark);
	if (stage->exclusive)
		return err;
	stage_trim(index);
	log_reset(index);
	return err;
}

/*
 * Publishing.
 */

/* Look again at the bit of each region that a page holds. */
static void page_refresh(struct bm_index *index, const struct bm_page *page)
{
	u64 region, last = ~0ull;
	u32 at;

	for (at = 0; page && at < page->n; at++) {
		region = bm_key_block(page->cell[at].key) >> BM_REGION_SHIFT;
		if (region != last)
			region_refresh(index, region);
		last = region;
	}
}

static void stage_reset(struct bm_index *index)
{
	struct bm_stage *stage = index->stage;

	stage->n = 0;
	stage->runs = 0;
	stage->entries = 0;
	memset(stage->blocks, 0, sizeof(stage->blocks));
	log_reset(index);
}

/* Let staged pages replace published ones; rec->old keeps those. */
static void stage_swap(struct bm_index *index)
{
	struct bm_stage *stage = index->stage;
	struct bm_table *table = index->table;
	struct bm_staged *rec;
	struct bm_page *page;

	/* The halves of a split page all need what they replace: look before storing anything. */
	for (rec = stage->rec; rec < stage->rec + stage->n; rec++)
		rec->old = table->slot[rec->base];
	for (rec = stage->rec; rec < stage->rec + stage->n; rec++) {
		page = rec->page;
		bm_slots_store(index, rec->base, page->depth, page->n ? page : NULL);
		if (!page->n)
			bm_page_free(index, page);
	}
}

void bm_index_publish(struct bm_index *index)
{
	struct bm_stage *stage = index->stage;
	u32 depth = index->table->depth, state;
	struct bm_staged *rec;

	stage_swap(index);
	staged_forget(stage);
	index->runs += stage->runs;
	index->entries += stage->entries;
	for (state = 0; state <= BM_BAD; state++)
		index->blocks[state] += stage->blocks[state];
	for (rec = stage->rec; rec < stage->rec + stage->n; rec++)
		if (rec->emptied)
			page_refresh(index, rec->old);
	/*
	 * A page that was split is retired once: by the part that starts where it did, which was
	 * staged before its other parts and so comes last here.
	 */
	while (rec-- > stage->rec)
		if (rec->old && !(rec->base & ((1u << (depth - rec->old->depth)) - 1)))
			bm_page_retire(index, rec->old);
	stage_reset(index);
}

void bm_index_abort(struct bm_index *index)
{
	struct bm_stage *stage = index->stage;
	struct bm_staged *rec;

	stage_undo(index, 0);
	staged_forget(stage);
	for (rec = stage->rec; rec < stage->rec + stage->n; rec++) {
		if (rec->added)
			page_refresh(index, rec->page);
		bm_page_free(index, rec->page);
	}
	stage_reset(index);
}

void bm_stage_destroy(struct bm_index *index)
{
	bm_index_abort(index);
}
