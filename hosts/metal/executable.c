/* SPDX-License-Identifier: GPL-2.0-only */
#include "executable.h"
#include "malloc.h"
#include "paging.h"

static u64 whole_pages(size_t size)
{
	return (size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

void *executable_alloc(size_t size)
{
	u64 pages = whole_pages(size);

	return size && pages >= size ? aligned_alloc(PAGE_SIZE, pages) : NULL;
}

/*
 * A jump or call follows before the new code runs, which is all that x86 asks for (SDM volume 3,
 * 12.6).
 */
int executable_seal(void *code, size_t size)
{
	return paging_set((u64)code, whole_pages(size), PAGING_READ | PAGING_EXECUTE);
}

int executable_unseal(void *code, size_t size)
{
	return paging_set((u64)code, whole_pages(size), PAGING_READ | PAGING_WRITE);
}

void executable_free(void *code, size_t size)
{
	/* Lost rather than given out again, if it could not be written to. */
	if (code && !executable_unseal(code, size))
		free(code);
}
