/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fixed number of page-aligned buffers, allocated in advance, so that no request can fail for
 * want of memory: whoever finds none free waits for one.
 */
#ifndef BLKMEND_POOL_H
#define BLKMEND_POOL_H

#include <stddef.h>

struct pool;

/* `count` buffers of `size` bytes each (a multiple of 4096). NULL: out of memory. */
struct pool *pool_create(unsigned int count, size_t size);
void pool_destroy(struct pool *pool);

size_t pool_size(const struct pool *pool);

/* Take a buffer, sleeping until there is one; give it back. Any thread. */
void *pool_take(struct pool *pool);
void pool_give(struct pool *pool, void *buffer);

#endif
