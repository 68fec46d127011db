/* SPDX-License-Identifier: GPL-2.0-only */
/* The names that C programs and compilers know, upon the heap that was chosen at boot. */
#ifndef BLKMEND_METAL_MALLOC_H
#define BLKMEND_METAL_MALLOC_H

#include <stddef.h>

struct heap;

/* From now on all below use heap, NULL: none, and each answers NULL. Before the first allocation.
 */
void malloc_use(struct heap *heap);

/* The heap that was chosen. */
struct heap *malloc_heap(void);

/* As ISO C has them; see heap.h for what they answer where that leaves a choice. */
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *ptr, size_t size);
void *aligned_alloc(size_t alignment, size_t size);
void free(void *ptr);

#endif
