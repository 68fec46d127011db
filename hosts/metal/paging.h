/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables: four levels, every address mapped to itself, by pages of 2 MiB and, where protection
 * is finer, of 4 KiB. Nothing is both writable and executable, and nothing on page 0 can be
 * touched.
 */
#ifndef BLKMEND_METAL_PAGING_H
#define BLKMEND_METAL_PAGING_H

#include "core/port.h"

#define PAGE_SIZE       4096ull
#define PAGE_LARGE_SIZE (2ull << 20)
#define PAGING_LEAST    (256ull << 20) /* is mapped at least, whatever memory there is */

enum paging_access {
	PAGING_NONE = 0, /* not mapped */
	PAGING_READ = 1 << 0,
	PAGING_WRITE = 1 << 1,
	PAGING_EXECUTE = 1 << 2,
	PAGING_DEVICE = 1 << 3, /* not cached */
};

/*
 * Give each part of the image the access that it needs and no more, and map what memory there is
 * beyond 256 MiB.
 */
void paging_init(void);

/*
 * Whole pages: start and size are multiples of PAGE_SIZE. access: enum paging_access bits. Tables
 * are made as needed. -EINVAL not whole pages; -EPERM both writable and executable; -ERANGE beyond
 * 512 GiB; -ENOMEM no table is left (what comes first in the range has been set then).
 */
int paging_set(u64 start, u64 size, unsigned int access);

/*
 * The access of what is mapped at an address, as the tables have it, and the size of its page (0:
 * none).
 */
unsigned int paging_get(u64 address, u64 *page_size);

/*
 * What is wrong with the tables of an image that has just started, in words, and where; NULL:
 * nothing. A byte is read at each multiple of distance: the first touch of a page costs QEMU one of
 * its own.
 */
const char *paging_prove(u64 distance, const u8 **at);

#endif
