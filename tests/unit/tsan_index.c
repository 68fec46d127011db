// SPDX-License-Identifier: GPL-2.0-only
/*
 * Readers take no lock and see only what is true, while one writer adds, removes, and makes the
 * table and the bitmap grow and shrink. For -fsanitize=thread; takes about five seconds.
 *
 * A region of the space is one of three kinds: a keeper is mapped all the time, a guest comes and
 * goes, and a stranger never comes. Where region r is mapped, it is by two entries, published
 * together: 5 blocks at 100 and 3 blocks at 900. Block b always lives at home(b).
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/index.h"

#define READERS    2
#define REGIONS    70000
#define SECONDS    4
#define FIRST      100
#define FIRST_LEN  5
#define SECOND     900
#define SECOND_LEN 3
#define SPACE      ((u64)REGIONS << BM_REGION_SHIFT)
#define FREE_BATCH 256

enum kind { KEEPER, GUEST, STRANGER };

static enum kind region_kind(u64 region)
{
	if (region % 64 == 5)
		return KEEPER;
	return region % 4 == 3 ? STRANGER : GUEST;
}

static u64 home(u64 block)
{
	return (block * 5 + 12345) & (BM_MAX_BLOCKS / 2 - 1);
}

static u64 home_of(u64 block, u64 offset)
{
	/* Entries map neighbours to neighbours: only their first blocks are scattered. */
	return home(block - offset) + offset;
}

/*
 * Reclamation by quiescent states: a reader between two finds says which epoch it has seen, and
 * what was retired before that epoch is none of its business any more.
 */

struct retired {
	struct retired *next;
	void *ptr;
	size_t size;
	u64 epoch;
};

struct reader {
	_Alignas(64) u64 seen;
	u64 finds;
	u64 hits;
	pthread_t thread;
};

static struct bm_index index_;
static struct reader readers[READERS];
static u64 epoch = 1;
static bool stop;
static struct retired *oldest, **newest = &oldest;
static u64 pending, reclaimed;

static void fail(const char *what, u64 block, const struct bm_entry *e)
{
	fprintf(stderr, "FAILED: %s: asked for %llu, got %llu+%u at %llu, state %d\n", what,
		(unsigned long long)block, (unsigned long long)e->block, e->count,
		(unsigned long long)e->spare, (int)e->state);
	exit(1);
}

static void *heap_alloc(void *ctx, size_t size)
{
	(void)ctx;
	return malloc(size);
}

static void heap_free(void *ctx, void *ptr, size_t size)
{
	(void)ctx;
	memset(ptr, 0xdd, size);
	free(ptr);
}

static void reclaim(void)
{
	u64 safe = __atomic_load_n(&epoch, __ATOMIC_ACQUIRE), seen;
	struct retired *r;
	int i;

	for (i = 0; i < READERS; i++) {
		seen = __atomic_load_n(&readers[i].seen, __ATOMIC_ACQUIRE);
		safe = seen < safe ? seen : safe;
	}
	while ((r = oldest) && r->epoch <= safe) {
		oldest = r->next;
		if (!oldest)
			newest = &oldest;
		heap_free(NULL, r->ptr, r->size);
		free(r);
		pending--;
		reclaimed++;
	}
}

static void heap_retire(void *ctx, void *ptr, size_t size)
{
	struct retired *r = malloc(sizeof(*r));

	(void)ctx;
	if (!r)
		abort();
	r->next = NULL;
	r->ptr = ptr;
	r->size = size;
	r->epoch = __atomic_add_fetch(&epoch, 1, __ATOMIC_ACQ_REL);
	*newest = r;
	newest = &r->next;
	if (++pending % FREE_BATCH == 0)
		reclaim();
}

/*
 * Readers.
 */

static void check_entry(u64 asked, const struct bm_entry *e)
{
	u64 region = e->block >> BM_REGION_SHIFT, offset = e->block % BM_REGION;
	bool first = offset >= FIRST && offset < FIRST + FIRST_LEN;

	if (region_kind(region) == STRANGER)
		fail("a block that was never mapped", asked, e);
	if (!first && (offset < SECOND || offset >= SECOND + SECOND_LEN))
		fail("an entry that never was", asked, e);
	offset -= first ? FIRST : SECOND;
	if (e->spare != home_of(e->block, offset) || e->state != BM_MAPPED)
		fail("a torn entry", asked, e);
	if (e->count + offset > (first ? FIRST_LEN : SECOND_LEN))
		fail("an entry too long", asked, e);
}

static void read_region(struct reader *reader, u64 region, u64 offset)
{
	u64 block = region << BM_REGION_SHIFT;
	struct bm_entry e;

	reader->finds += 3;
	if (bm_index_find(&index_, block, BM_REGION, &e)) {
		reader->hits++;
		check_entry(block, &e);
		if (e.block % BM_REGION != FIRST || e.count != FIRST_LEN)
			fail("half of what was published at once", block, &e);
	} else if (region_kind(region) == KEEPER) {
		fail("a keeper is gone", block, &e);
	}
	if (bm_index_find(&index_, block + offset, 8, &e))
		check_entry(block + offset, &e);
	if (bm_index_find(&index_, block + SECOND + 1, 1, &e))
		check_entry(block + SECOND + 1, &e);
	else if (region_kind(region) == KEEPER)
		fail("half a keeper is gone", block + SECOND + 1, &e);
}

static void read_on(struct reader *reader, u64 region)
{
	u64 block = region << BM_REGION_SHIFT;
	struct bm_entry e;

	reader->finds++;
	/* There is a keeper every 64 regions. */
	if (!bm_index_next(&index_, block, &e)) {
		if (region + 64 < REGIONS)
			fail("no keeper further on", block, &e);
		return;
	}
	check_entry(block, &e);
	if (e.block >> BM_REGION_SHIFT > region + 64)
		fail("a keeper was passed over", block, &e);
}

static void *read_all(void *arg)
{
	struct reader *reader = arg;
	u64 x = (u64)(reader - readers) + 1;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		read_region(reader, (x >> 33) % REGIONS, x >> 20 & (BM_REGION - 1));
		if ((x >> 60) == 0)
			read_on(reader, (x >> 33) % REGIONS);
		__atomic_store_n(&reader->seen, __atomic_load_n(&epoch, __ATOMIC_ACQUIRE),
				 __ATOMIC_RELEASE);
	}
	__atomic_store_n(&reader->seen, ~0ull, __ATOMIC_RELEASE);
	return NULL;
}

/*
 * The writer.
 */

static void stage(u64 block, u32 count, enum bm_state state)
{
	struct bm_entry e = { block, home(block), count, state, false };

	if (bm_index_stage(&index_, &e)) {
		fprintf(stderr, "FAILED: bm_index_stage\n");
		exit(1);
	}
}

static void stage_region(u64 region, enum bm_state state)
{
	u64 block = region << BM_REGION_SHIFT;

	stage(block + FIRST, FIRST_LEN, state);
	stage(block + SECOND, SECOND_LEN, state);
}

static void publish(void)
{
	u32 from, to;

	bm_index_publish(&index_);
	bm_index_work(&index_, &from, &to);
}

/* Some at a time, and some only tried. */
static void change_guests(enum bm_state state)
{
	u64 region, n = 0;

	for (region = 0; region < REGIONS; region++) {
		if (region_kind(region) != GUEST)
			continue;
		stage_region(region, state);
		if (++n % 97 == 0) {
			bm_index_abort(&index_);
			stage_region(region, state);
		}
		if (n % 5 >= 2)
			publish();
	}
	publish();
}

static void change_space(unsigned cycle)
{
	if (bm_index_set_space(&index_, cycle % 2 ? SPACE : SPACE * 4)) {
		fprintf(stderr, "FAILED: bm_index_set_space\n");
		exit(1);
	}
}

static unsigned write_all(void)
{
	time_t end = time(NULL) + SECONDS;
	unsigned cycle = 0;

	do {
		change_guests(BM_MAPPED);
		change_space(cycle);
		change_guests(BM_UNMAPPED);
	} while (++cycle, time(NULL) < end);
	return cycle;
}

int main(void)
{
	struct bm_mem mem = { NULL, heap_alloc, heap_free, heap_retire };
	u64 region, finds = 0, hits = 0;
	unsigned cycles, i;

	if (bm_index_init(&index_, &mem, SPACE))
		return 1;
	for (region = 0; region < REGIONS; region++)
		if (region_kind(region) == KEEPER) {
			stage_region(region, BM_MAPPED);
			publish();
		}
	for (i = 0; i < READERS; i++)
		if (pthread_create(&readers[i].thread, NULL, read_all, &readers[i]))
			return 1;
	cycles = write_all();
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < READERS; i++) {
		pthread_join(readers[i].thread, NULL);
		finds += readers[i].finds;
		hits += readers[i].hits;
	}
	printf("%u cycles, %u resizes, %llu finds, %llu hits, ", cycles, index_.resizes,
	       (unsigned long long)finds, (unsigned long long)hits);
	bm_index_destroy(&index_);
	reclaim();
	printf("%llu pieces reclaimed\n", (unsigned long long)reclaimed);
	return pending || !hits;
}
