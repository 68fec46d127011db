// SPDX-License-Identifier: GPL-2.0-only
#include "hosts/posix/pool.h"

#include <pthread.h>
#include <stdlib.h>

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t given;
	size_t size;
	void *memory;
	unsigned int nfree;
	void *free[]; /* a stack: the buffer used last is the one still in the cache */
};

struct pool *pool_create(unsigned int count, size_t size)
{
	struct pool *pool = malloc(sizeof(*pool) + count * sizeof(pool->free[0]));

	if (!pool)
		return NULL;
	if (posix_memalign(&pool->memory, 4096, count * size)) {
		free(pool);
		return NULL;
	}
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->given, NULL);
	pool->size = size;
	for (pool->nfree = 0; pool->nfree < count; pool->nfree++)
		pool->free[pool->nfree] = (char *)pool->memory + pool->nfree * size;
	return pool;
}

void pool_destroy(struct pool *pool)
{
	if (!pool)
		return;
	pthread_cond_destroy(&pool->given);
	pthread_mutex_destroy(&pool->lock);
	free(pool->memory);
	free(pool);
}

size_t pool_size(const struct pool *pool)
{
	return pool->size;
}

void *pool_take(struct pool *pool)
{
	void *buffer;

	pthread_mutex_lock(&pool->lock);
	while (pool->nfree == 0)
		pthread_cond_wait(&pool->given, &pool->lock);
	buffer = pool->free[--pool->nfree];
	pthread_mutex_unlock(&pool->lock);
	return buffer;
}

void pool_give(struct pool *pool, void *buffer)
{
	pthread_mutex_lock(&pool->lock);
	pool->free[pool->nfree++] = buffer;
	pthread_cond_signal(&pool->given);
	pthread_mutex_unlock(&pool->lock);
}
