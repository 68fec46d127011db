/* SPDX-License-Identifier: GPL-2.0-only */
#include "heap.h"

#include <stdio.h>
#include <stdlib.h>

#define PIECE_MAGIC 0x70696563656d656dull

struct heap_piece {
	u64 magic;
	size_t size;
	struct heap_piece *next; /* retired */
	u64 ticket;
	struct heap_piece *before, *after; /* all in use, unless from an arena */
	u64 align;
};

static void *heap_alloc(void *ctx, size_t size)
{
	struct heap *heap = ctx;
	struct heap_piece *piece;

	heap->calls++;
	if (heap->fail_from != 0 && heap->calls >= heap->fail_from &&
	    heap->calls - heap->fail_from < heap->fail_count) {
		heap->failed++;
		return NULL;
	}
	if (heap->arena != NULL)
		piece = arena_take(heap->arena, sizeof(*piece) + size);
	else
		piece = malloc(sizeof(*piece) + size);
	if (piece == NULL)
		abort();
	*piece = (struct heap_piece){ .magic = PIECE_MAGIC, .size = size };
	if (heap->arena == NULL) {
		piece->after = heap->all;
		if (heap->all != NULL)
			heap->all->before = piece;
		heap->all = piece;
	}
	/* The core may not count on zeroes. */
	memset(piece + 1, 0xa5, size);
	heap->bytes += size;
	heap->pieces++;
	return piece + 1;
}

static void piece_free(struct heap *heap, struct heap_piece *piece)
{
	heap->bytes -= piece->size;
	heap->pieces--;
	memset(piece + 1, 0x5a, piece->size);
	piece->magic = 0;
	if (heap->arena != NULL)
		return;
	if (piece->after != NULL)
		piece->after->before = piece->before;
	if (piece->before != NULL)
		piece->before->after = piece->after;
	else
		heap->all = piece->after;
	free(piece);
}

void heap_abandon(struct heap *heap)
{
	heap->retired = NULL;
	while (heap->all != NULL)
		piece_free(heap, heap->all);
	heap->pieces = heap->bytes = 0;
}

static struct heap_piece *piece_of(void *ptr, size_t size, const char *what)
{
	struct heap_piece *piece = (struct heap_piece *)ptr - 1;

	if (piece->magic != PIECE_MAGIC || piece->size != size) {
		fprintf(stderr,
			"simulator: %s of a piece with size %zu, which is %zu (magic %llx)\n", what,
			size, piece->size, (unsigned long long)piece->magic);
		abort();
	}
	return piece;
}

static void heap_free(void *ctx, void *ptr, size_t size)
{
	if (ptr != NULL)
		piece_free(ctx, piece_of(ptr, size, "free"));
}

static void heap_retire(void *ctx, void *ptr, size_t size)
{
	struct heap *heap = ctx;
	struct heap_piece *piece;

	if (ptr == NULL)
		return;
	piece = piece_of(ptr, size, "retire");
	if (heap->newest == NULL) {
		piece_free(heap, piece);
		return;
	}
	piece->ticket = heap->newest(heap->ctx);
	piece->next = heap->retired;
	heap->retired = piece;
}

void heap_reap(struct heap *heap, bool all)
{
	struct heap_piece **at = &heap->retired;

	while (*at != NULL) {
		struct heap_piece *piece = *at;

		if (all || heap->closed(heap->ctx, piece->ticket)) {
			*at = piece->next;
			piece_free(heap, piece);
		} else {
			at = &piece->next;
		}
	}
}

struct bm_mem heap_mem(struct heap *heap)
{
	return (struct bm_mem){
		.ctx = heap,
		.alloc = heap_alloc,
		.free = heap_free,
		.retire = heap_retire,
	};
}
