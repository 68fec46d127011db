// SPDX-License-Identifier: GPL-2.0-only
/*
 * The metal host's free list beside other allocators, on the host.
 *
 *	bench_heap [--tlsf SO] [--dlmalloc SO] [--count NAME LIVE] [ROUNDS]
 *
 * Rivals are shared objects that their makers' sources were built as, see bench/heap.sh; one that
 *is not named is not measured. All get an arena of 32 MiB of their own, but for glibc's malloc,
 *which has what memory it wants. They are measured in turn, round after round, over the same
 *traces, and ratios are of the same round: what else the machine does hits all alike.
 *
 * Sizes are 16 bytes to 5 KiB, most of them small: 70 % below 256 bytes, 25 % below 1 KiB.
 */
#include <dlfcn.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#include "hosts/metal/heap.h"

#define ARENA         (32u << 20)
#define LIVE_MOST     20000
#define STEPS         (1u << 18) /* of a round: free a block and allocate another */
#define LATENCY_STEPS (1u << 16)
#define PASSES        41
#define FILL_SEEDS    16

struct rival {
	const char *name;
	void *(*create)(void *memory, size_t size);
	void *(*alloc)(void *heap, size_t size);
	void (*free)(void *heap, void *ptr);
	void *heap, *memory;
	void *block[LIVE_MOST];
};

static struct rival rivals[4];
static unsigned int nrivals;

static uint32_t size_of[STEPS], slot_of[STEPS];
static uint64_t rng_state;

static uint64_t rng(void)
{
	uint64_t z = rng_state += 0x9e3779b97f4a7c15ull; /* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static uint32_t draw_size(void)
{
	uint64_t percent = rng() % 100;

	if (percent < 70)
		return 16 + (uint32_t)(rng() % 240);
	if (percent < 95)
		return 256 + (uint32_t)(rng() % 768);
	return 1024 + (uint32_t)(rng() % 4097);
}

/*
 * The rivals.
 */

static void *list_create(void *memory, size_t size)
{
	return freelist_init(memory, size);
}

static void *list_alloc(void *heap, size_t size)
{
	return heap_alloc(heap, size);
}

static void list_free(void *heap, void *ptr)
{
	heap_free(heap, ptr);
}

static void *libc_create(void *memory, size_t size)
{
	return memory;
}

static void *libc_alloc(void *heap, size_t size)
{
	return malloc(size);
}

static void libc_free(void *heap, void *ptr)
{
	free(ptr);
}

static void *(*dl_create)(void *memory, size_t size, int locked);

static void *dl_create_unlocked(void *memory, size_t size)
{
	return dl_create(memory, size, 0);
}

static void must(const void *what, const char *why)
{
	if (what == NULL) {
		fprintf(stderr, "bench_heap: %s\n", why);
		exit(1);
	}
}

static struct rival *add_rival(const char *name)
{
	struct rival *rival = &rivals[nrivals++];

	rival->name = name;
	rival->memory = aligned_alloc(4096, ARENA);
	must(rival->memory, "no memory");
	memset(rival->memory, 1, ARENA);
	return rival;
}

static void *find(void *object, const char *path, const char *name)
{
	void *function = dlsym(object, name);

	if (function == NULL) {
		fprintf(stderr, "bench_heap: %s has no %s()\n", path, name);
		exit(1);
	}
	return function;
}

static void add_object(const char *name, const char *path, const char *const functions[3])
{
	struct rival *rival;
	void *object;

	if (path == NULL || *path == '\0') {
		printf("%s: no shared object is named, so it is not measured (bench/heap.sh says how)\n",
		       name);
		return;
	}
	object = dlopen(path, RTLD_NOW);
	if (object == NULL) {
		fprintf(stderr, "bench_heap: %s\n", dlerror());
		exit(1);
	}
	rival = add_rival(name);
	*(void **)&rival->alloc = find(object, path, functions[1]);
	*(void **)&rival->free = find(object, path, functions[2]);
	if (strcmp(name, "dlmalloc") == 0) {
		*(void **)&dl_create = find(object, path, functions[0]);
		rival->create = dl_create_unlocked;
	} else {
		*(void **)&rival->create = find(object, path, functions[0]);
	}
}

static void add_rivals(const char *tlsf, const char *dlmalloc)
{
	static const char *const tlsf_functions[] = { "tlsf_create_with_pool", "tlsf_malloc",
						      "tlsf_free" };
	static const char *const dl_functions[] = { "create_mspace_with_base", "mspace_malloc",
						    "mspace_free" };
	struct rival *rival = add_rival("blkmend");

	rival->create = list_create;
	rival->alloc = list_alloc;
	rival->free = list_free;
	add_object("TLSF", tlsf, tlsf_functions);
	add_object("dlmalloc", dlmalloc, dl_functions);
	rival = add_rival("glibc");
	rival->create = libc_create;
	rival->alloc = libc_alloc;
	rival->free = libc_free;
}

/*
 * Throughput and latency with as many blocks live.
 */

static void draw_trace(uint32_t live, uint32_t steps)
{
	for (uint32_t i = 0; i < steps; i++) {
		size_of[i] = draw_size();
		slot_of[i] = (uint32_t)(rng() % live);
	}
}

/* Of this program alone: others run on this processor too. */
static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void populate(struct rival *rival, uint32_t live)
{
	rival->heap = rival->create(rival->memory, ARENA);
	must(rival->heap, "an arena of 32 MiB is refused");
	for (uint32_t i = 0; i < live; i++) {
		rival->block[i] = rival->alloc(rival->heap, draw_size());
		must(rival->block[i], "an arena that is not full refuses a block");
	}
}

static void depopulate(struct rival *rival, uint32_t live)
{
	for (uint32_t i = 0; i < live; i++)
		rival->free(rival->heap, rival->block[i]);
}

static __attribute__((noinline)) void replay(struct rival *rival)
{
	for (uint32_t i = 0; i < STEPS; i++) {
		void **block = &rival->block[slot_of[i]];

		rival->free(rival->heap, *block);
		*block = rival->alloc(rival->heap, size_of[i]);
	}
}

/* Each call by itself, between fences: the shortest so far, in cycles. */
static uint32_t shortest[4][2 * LATENCY_STEPS];

static uint64_t cycles(void)
{
	unsigned int cpu;
	uint64_t time = __rdtscp(&cpu);

	_mm_lfence();
	return time;
}

static void shorten(uint32_t *shortest_so_far, uint64_t took)
{
	if (took < *shortest_so_far)
		*shortest_so_far = (uint32_t)took;
}

static void replay_each(struct rival *rival, uint32_t *took)
{
	uint64_t start, middle, end;

	for (uint32_t i = 0; i < LATENCY_STEPS; i++) {
		void **block = &rival->block[slot_of[i]];

		start = cycles();
		rival->free(rival->heap, *block);
		middle = cycles();
		*block = rival->alloc(rival->heap, size_of[i]);
		end = cycles();
		shorten(&took[2 * i], middle - start);
		shorten(&took[2 * i + 1], end - middle);
	}
}

static int compare_cycles(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void bench_latency(uint32_t live)
{
	memset(shortest, 0xff, sizeof(shortest));
	for (unsigned int pass = 0; pass < PASSES; pass++) {
		for (unsigned int n = 0; n < nrivals; n++) {
			rng_state = live + 1;
			populate(&rivals[n], live);
			draw_trace(live, LATENCY_STEPS);
			replay_each(&rivals[n], shortest[n]);
			depopulate(&rivals[n], live);
		}
	}
	for (unsigned int n = 0; n < nrivals; n++)
		qsort(shortest[n], 2 * LATENCY_STEPS, sizeof(uint32_t), compare_cycles);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, unsigned int n)
{
	qsort(values, n, sizeof(*values), compare);
	return values[n / 2];
}

static void print_speed(unsigned int rounds, double (*took)[4])
{
	static double values[1000];

	for (unsigned int n = 0; n < nrivals; n++) {
		double best = took[0][n];

		for (unsigned int r = 0; r < rounds; r++) {
			values[r] = took[r][n] / took[r][0];
			if (took[r][n] < best)
				best = took[r][n];
		}
		printf("  %-10s %7.1f %7.2f", rivals[n].name, 2e3 * STEPS / best,
		       1 / median(values, rounds));
		for (unsigned int r = 0; r < rounds; r++)
			values[r] = took[r][n];
		printf(" %9.1f", 2e3 * STEPS / median(values, rounds));
		printf("   %9u %7u %7u\n", shortest[n][LATENCY_STEPS],
		       shortest[n][2 * LATENCY_STEPS / 100 * 99],
		       shortest[n][2 * LATENCY_STEPS - 2 * LATENCY_STEPS / 10000]);
	}
}

static void bench_speed(uint32_t live, unsigned int rounds)
{
	static double took[1000][4];
	double start;

	for (unsigned int n = 0; n < nrivals; n++) {
		rng_state = live;
		populate(&rivals[n], live);
	}
	for (unsigned int r = 0; r < rounds + 2; r++) {
		unsigned int slot = r < 2 ? 0 : r - 2; /* the first two warm up */

		draw_trace(live, STEPS);
		for (unsigned int k = 0; k < nrivals; k++) {
			unsigned int n = (k + r) % nrivals;

			start = now();
			replay(&rivals[n]);
			took[slot][n] = now() - start;
		}
	}
	for (unsigned int n = 0; n < nrivals; n++)
		depopulate(&rivals[n], live);
	bench_latency(live);
	printf("\n%u blocks live         Mops a second                cycles a call\n"
	       "                best   ratio    median      median    99 %%  99.99 %%\n",
	       live);
	print_speed(rounds, took);
}

/*
 * How much of the arena is in use when it first refuses a block.
 */

static double fill(struct rival *rival, unsigned int frees_of_20)
{
	static void *block[ARENA / 16];
	static uint32_t size[ARENA / 16];
	uint64_t used = 0;
	uint32_t n = 0, victim;

	rival->heap = rival->create(rival->memory, ARENA);
	for (;;) {
		if (n > 0 && rng() % 20 < frees_of_20) {
			victim = (uint32_t)(rng() % n);
			rival->free(rival->heap, block[victim]);
			used -= size[victim];
			n--;
			block[victim] = block[n];
			size[victim] = size[n];
			continue;
		}
		size[n] = draw_size();
		block[n] = rival->alloc(rival->heap, size[n]);
		if (block[n] == NULL)
			return 100.0 * (double)used / ARENA;
		used += size[n++];
	}
}

static void bench_fill(void)
{
	static const unsigned int frees_of_20[] = { 0, 7, 9 };
	double sum, least, share;

	printf("\nof 32 MiB, asked for and given when a block is first refused; mean (least) of %d\n"
	       "               nothing freed   7 of 20 steps   9 of 20 steps free a block\n",
	       FILL_SEEDS);
	for (unsigned int n = 0; n < nrivals; n++) {
		if (rivals[n].alloc == libc_alloc)
			continue;
		printf("  %-10s", rivals[n].name);
		for (unsigned int k = 0; k < 3; k++) {
			sum = 0;
			least = 100;
			for (unsigned int seed = 0; seed < FILL_SEEDS; seed++) {
				rng_state = seed * 77 + 5;
				share = fill(&rivals[n], frees_of_20[k]);
				sum += share;
				if (share < least)
					least = share;
			}
			printf("   %5.2f (%5.2f)", sum / FILL_SEEDS, least);
		}
		printf("\n");
	}
}

/* One rival alone, for a tool that counts: populates, then a trace. */
static void count_one(const char *name, uint32_t live)
{
	for (unsigned int n = 0; n < nrivals; n++) {
		if (strcmp(rivals[n].name, name) != 0)
			continue;
		rng_state = live;
		populate(&rivals[n], live);
		draw_trace(live, STEPS);
		replay(&rivals[n]);
		return;
	}
	fprintf(stderr, "bench_heap: no rival %s\n", name);
	exit(1);
}

int main(int argc, char **argv)
{
	const char *tlsf = getenv("TLSF_SO"), *dlmalloc = getenv("DLMALLOC_SO"), *count = NULL;
	unsigned int rounds = 101, live = 2000;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--tlsf") == 0 && i + 1 < argc) {
			tlsf = argv[++i];
		} else if (strcmp(argv[i], "--dlmalloc") == 0 && i + 1 < argc) {
			dlmalloc = argv[++i];
		} else if (strcmp(argv[i], "--count") == 0 && i + 2 < argc) {
			count = argv[++i];
			live = (unsigned int)atoi(argv[++i]);
		} else {
			rounds = (unsigned int)atoi(argv[i]);
			if (rounds < 1 || rounds > 1000) {
				fprintf(stderr, "usage: bench_heap [--tlsf SO] [--dlmalloc SO] "
						"[--count NAME LIVE] [ROUNDS, 1-1000]\n");
				return 2;
			}
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	mallopt(M_MMAP_THRESHOLD, 1 << 30); /* glibc's heap is one piece, as the others' */
	add_rivals(tlsf, dlmalloc);
	if (count != NULL) {
		count_one(count, live);
		return 0;
	}
	bench_speed(2000, rounds);
	bench_speed(20000, rounds);
	bench_fill();
	return 0;
}
