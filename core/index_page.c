// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of the index: making them, and working out what a change does to one.
 */
#include "index_page.h"

struct bm_page *bm_page_alloc(struct bm_index *index, u32 cap, u32 depth)
{
	struct bm_page *page;

	if (cap > BM_PAGE_ENTRIES)
		return NULL;
	page = bm_index_alloc(index, bm_page_size(cap));
	if (!page)
		return NULL;
	page->n = 0;
	page->cap = cap;
	page->depth = depth;
	page->shift = 0;
	bm_page_unseal(page);
	return page;
}

void bm_page_free(struct bm_index *index, struct bm_page *page)
{
	if (page)
		bm_index_free(index, page, bm_page_size(page->cap));
}

void bm_page_retire(struct bm_index *index, struct bm_page *page)
{
	if (page)
		bm_index_retire(index, page, bm_page_size(page->cap));
}

void bm_page_unseal(struct bm_page *page)
{
	page->guide[BM_PAGE_PARTS - 1] = 0;
}

void bm_page_seal(struct bm_page *page)
{
	u64 first, span;
	u32 at = 0, shift = 0, part, low;

	bm_page_unseal(page);
	if (!page->n || page->n > BM_PAGE_SEALED)
		return;
	first = bm_key_block(page->cell[0].key);
	span = bm_key_block(page->cell[page->n - 1].key) - first;
	while (span >> shift >= BM_PAGE_PARTS)
		shift++;
	page->shift = shift;
	for (part = 0; part < BM_PAGE_PARTS; part++) {
		for (low = at; at < page->n; at++)
			if ((bm_key_block(page->cell[at].key) - first) >> shift > part)
				break;
		if (at - low > BM_PAGE_PART)
			return;
		page->guide[part] = (u8)at;
	}
}

struct bm_page *bm_page_copy(struct bm_index *index, const struct bm_page *page, u32 cap)
{
	struct bm_page *copy = bm_page_alloc(index, cap, page->depth);

	if (!copy)
		return NULL;
	copy->n = page->n;
	copy->shift = page->shift;
	memcpy(copy->guide, page->guide, sizeof(copy->guide));
	memcpy(copy->cell, page->cell, page->n * sizeof(page->cell[0]));
	return copy;
}

void bm_page_merge(struct bm_page *to, const struct bm_page *from)
{
	u32 a = to->n, b = from->n, at = a + b;

	to->n = at;
	bm_page_unseal(to);
	while (b) {
		at--;
		if (a && to->cell[a - 1].key > from->cell[b - 1].key)
			to->cell[at] = to->cell[--a];
		else
			to->cell[at] = from->cell[--b];
	}
}

/* Does the entry at `at` belong to the right half, were page split? */
static bool page_right(const struct bm_page *page, u32 at)
{
	return bm_hash(bm_key_block(page->cell[at].key) >> BM_REGION_SHIFT) >> (63 - page->depth) &
	       1;
}

bool bm_page_split(struct bm_index *index, const struct bm_page *page, u32 left, u32 right,
		   struct bm_page *half[2])
{
	struct bm_page *to;
	u32 at, n = 0;

	for (at = 0; at < page->n; at++)
		n += page_right(page, at);
	half[0] = bm_page_alloc(index, page->n - n + left, page->depth + 1);
	half[1] = bm_page_alloc(index, n + right, page->depth + 1);
	if (!half[0] || !half[1]) {
		bm_page_free(index, half[0]);
		bm_page_free(index, half[1]);
		return false;
	}
	for (at = 0; at < page->n; at++) {
		to = half[page_right(page, at)];
		to->cell[to->n++] = page->cell[at];
	}
	bm_page_seal(half[0]);
	bm_page_seal(half[1]);
	return true;
}

/*
 * Planning: what becomes of the entries around one piece.
 */

/* Does b, which starts where a ends, go on where a leaves off, within one region? */
static bool entry_joins(const struct bm_entry *a, const struct bm_entry *b)
{
	bool none = a->spare == BM_NO_BLOCK || b->spare == BM_NO_BLOCK;

	return b->cont && a->state == b->state && a->block + a->count == b->block &&
	       (none ? a->spare == b->spare : a->spare + a->count == b->spare) &&
	       !((a->block ^ b->block) >> BM_REGION_SHIFT);
}

static void change_add(struct bm_change *c, const struct bm_entry *e)
{
	struct bm_entry *last = c->n ? &c->entry[c->n - 1] : NULL;

	if (last && entry_joins(last, e))
		last->count += e->count;
	else
		c->entry[c->n++] = *e;
}

/* What is left of entry `at` from `block` on. */
static void page_get_from(const struct bm_page *page, u32 at, u64 block, struct bm_entry *e)
{
	bm_page_get(page, at, e);
	if (e->spare != BM_NO_BLOCK)
		e->spare += block - e->block;
	e->count -= (u32)(block - e->block);
	e->block = block;
}

static void plan_left(const struct bm_page *page, const struct bm_entry *e, struct bm_change *c)
{
	struct bm_entry left;

	if (c->at < page->n && bm_key_block(page->cell[c->at].key) < e->block) {
		bm_page_get(page, c->at, &left);
		left.count = (u32)(e->block - left.block);
		change_add(c, &left);
	} else if (e->state != BM_UNMAPPED && c->at) {
		bm_page_get(page, c->at - 1, &left);
		if (entry_joins(&left, e)) {
			c->at--;
			c->del++;
			change_add(c, &left);
		}
	}
}

/*
 * Is entry `at` a continuation that starts where a piece ends, in the region of the piece? The
 * next region is another piece's business.
 */
static bool page_continues(const struct bm_page *page, u32 at, const struct bm_entry *e)
{
	u64 end = e->block + e->count;

	return at < page->n && bm_key_block(page->cell[at].key) == end &&
	       bm_key_cont(page->cell[at].key) &&
	       end >> BM_REGION_SHIFT == e->block >> BM_REGION_SHIFT;
}

static void plan_right(const struct bm_page *page, const struct bm_entry *e, u32 next,
		       struct bm_change *c)
{
	u64 end = e->block + e->count;
	bool removal = e->state == BM_UNMAPPED;
	struct bm_entry right;

	if (next && bm_key_block(page->cell[next - 1].key) < end &&
	    bm_key_end(page->cell[next - 1].key) > end) {
		page_get_from(page, next - 1, end, &right);
		right.cont = !removal;
		change_add(c, &right);
	} else if (page_continues(page, next, e)) {
		bm_page_get(page, next, &right);
		right.cont = !removal;
		if (removal || entry_joins(&c->entry[c->n - 1], &right)) {
			c->del++;
			change_add(c, &right);
		}
	}
}

void bm_page_plan(const struct bm_page *page, const struct bm_entry *e, struct bm_change *c)
{
	u64 end = e->block + e->count;
	u32 next;

	c->n = 0;
	c->at = bm_page_first(page, e->block);
	next = end ? bm_page_rank(page, end - 1) : 0;
	c->del = next > c->at ? next - c->at : 0;
	plan_left(page, e, c);
	if (e->state != BM_UNMAPPED)
		change_add(c, e);
	plan_right(page, e, next, c);
}

bool bm_page_holds(const struct bm_page *page, const struct bm_entry *e)
{
	u32 at = page ? bm_page_rank(page, e->block) : 0;
	struct bm_entry have;
	u64 cut;

	if (e->state == BM_UNMAPPED) {
		if (!page)
			return true;
		at = bm_page_first(page, e->block);
		return at == page->n || (bm_key_block(page->cell[at].key) >= e->block + e->count &&
					 !page_continues(page, at, e));
	}
	if (!at)
		return false;
	bm_page_get(page, at - 1, &have);
	cut = e->block - have.block;
	if (have.spare != BM_NO_BLOCK)
		have.spare += cut;
	return have.count >= cut + e->count && have.state == e->state && have.spare == e->spare &&
	       e->cont == (cut ? true : have.cont);
}
