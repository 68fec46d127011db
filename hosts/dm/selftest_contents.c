// SPDX-License-Identifier: GPL-2.0-only
#include "selftest_contents.h"

#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "selftest.h"

#define FIRST_WRITE 1u
#define LAST_STAMP  (BM_SECTOR - sizeof(u64))

/* ---- stamps: each sector says at both ends which it is, and of which write ---- */

static void stamp(u8 *sector, u64 number, u32 write)
{
	bm_put64(sector, (u64)write << 32 | number);
	bm_put64(sector + LAST_STAMP, (u64)write << 32 | number);
}

/* Of which write? 0: it is not this sector, or half of one write and half of another. */
static u32 stamp_read(const u8 *sector, u64 number)
{
	u64 mark = bm_get64(sector);

	return mark == bm_get64(sector + LAST_STAMP) && (u32)mark == number ? mark >> 32 : 0;
}

/* What a client would get. False: nothing that ever was written. */
static bool content_get(const struct selftest_host *h, u64 block, struct selftest_content *content)
{
	const u8 *at = selftest_host_peek(h, block * h->block);
	u32 i;

	content->gone = !at;
	content->write = 0;
	for (i = 0; at && i < h->block; i++) {
		u32 write = stamp_read(at + i * BM_SECTOR, block * h->block + i);

		if (!write || (i && write != content->write))
			return false;
		content->write = write;
	}
	return true;
}

/* ---- judging ---- */

static bool is_right(const struct selftest_contents *c, u64 block, struct selftest_content now)
{
	struct selftest_content was = c->block[block];

	if (now.gone == was.gone && (now.gone || now.write == was.write))
		return true;
	if (block < c->first || block >= c->end)
		return false;
	return now.gone ? c->may_go : now.write == c->next;
}

static bool check(const struct selftest_contents *c, const struct selftest_host *h, u64 block,
		  struct selftest_content *now)
{
	const struct selftest_content *was = &c->block[block];

	if (!content_get(h, block, now))
		return selftest_complain("block %llu holds what was never written", block);
	if (is_right(c, block, *now))
		return true;
	return selftest_complain("block %llu: write %u%s, not %u%s; under way: %llu to %llu, %u",
				 block, now->write, now->gone ? " (gone)" : "", was->write,
				 was->gone ? " (gone)" : "", c->first, c->end, c->next);
}

bool selftest_contents_hold(const struct selftest_contents *c, const struct selftest_host *h)
{
	struct selftest_content now;
	u64 block;

	for (block = 0; block < c->blocks; block++)
		if (!check(c, h, block, &now))
			return false;
	return true;
}

/* ---- requests ---- */

void selftest_contents_begin(struct selftest_contents *c, u64 first, u64 count, bool may_go)
{
	c->first = first;
	c->end = first + count;
	c->may_go = may_go;
}

bool selftest_contents_end(struct selftest_contents *c)
{
	struct selftest_content now;
	u64 block;

	for (block = c->first; block < c->end; block++) {
		if (!check(c, c->h, block, &now))
			return false;
		c->block[block].gone = now.gone;
		if (!now.gone)
			c->block[block].write = now.write;
	}
	c->end = c->first;
	return true;
}

int selftest_contents_write(struct selftest_contents *c, u64 first, u64 count, bool *holds)
{
	u64 sector = first * c->h->block, sectors = count * c->h->block, i;
	int err;

	c->next++;
	for (i = 0; i < sectors; i++)
		stamp(c->data + i * BM_SECTOR, sector + i, c->next);
	selftest_contents_begin(c, first, count, false);
	err = selftest_host_write(c->h, sector, sectors, c->data);
	*holds = selftest_contents_end(c);
	for (i = first; !err && *holds && i < first + count; i++)
		*holds = selftest_holds(!c->block[i].gone && c->block[i].write == c->next,
					"block %llu of a write that succeeded is write %u%s", i,
					c->block[i].write, c->block[i].gone ? " (gone)" : "");
	return err;
}

int selftest_contents_read(struct selftest_contents *c, u64 first, u64 count, bool *holds)
{
	u64 sector = first * c->h->block, sectors = count * c->h->block, i;
	bool gone = false;
	int err;

	memset(c->data, 0, sectors * BM_SECTOR);
	selftest_contents_begin(c, first, count, false);
	err = selftest_host_read(c->h, sector, sectors, c->data);
	*holds = selftest_contents_end(c);
	for (i = first; i < first + count; i++)
		gone |= c->block[i].gone;
	if (*holds)
		*holds = selftest_holds(gone == !!err, "reading %llu+%llu gave %d", first, count,
					err);
	for (i = 0; !err && *holds && i < sectors; i++) {
		u32 write = stamp_read(c->data + i * BM_SECTOR, sector + i);

		*holds = selftest_holds(write == c->block[first + i / c->h->block].write,
					"sector %llu was read as of write %u", sector + i, write);
	}
	return err;
}

/* ---- life ---- */

int selftest_contents_create(struct selftest_contents *c, struct selftest_host *h)
{
	u64 i, sectors = h->disk[BM_MAIN].sectors;

	memset(c, 0, sizeof(*c));
	c->h = h;
	c->blocks = sectors / h->block;
	c->next = FIRST_WRITE;
	c->data = kvmalloc(SELFTEST_REQUEST * h->block * BM_SECTOR, GFP_KERNEL);
	c->block = kvcalloc(c->blocks, sizeof(*c->block), GFP_KERNEL);
	if (!c->data || !c->block)
		return -ENOMEM;
	for (i = 0; i < c->blocks; i++)
		c->block[i].write = FIRST_WRITE;
	for (i = 0; i < sectors; i++)
		stamp(h->disk[BM_MAIN].memory + i * BM_SECTOR, i, FIRST_WRITE);
	return 0;
}

void selftest_contents_destroy(struct selftest_contents *c)
{
	kvfree(c->data);
	kvfree(c->block);
	memset(c, 0, sizeof(*c));
}
