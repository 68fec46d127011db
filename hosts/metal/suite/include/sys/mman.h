/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef METAL_SUITE_SYS_MMAN_H
#define METAL_SUITE_SYS_MMAN_H

#include <stddef.h>

#define PROT_READ     1
#define PROT_WRITE    2
#define MAP_SHARED    1
#define MAP_PRIVATE   2
#define MAP_ANONYMOUS 0x20
#define MAP_NORESERVE 0x4000
#define MAP_FAILED    ((void *)-1)

/* Memory that nobody has. It is not cleared: the simulator writes before it reads, or clears. */
void *mmap(void *address, size_t size, int protection, int flags, int file, long offset);
int munmap(void *address, size_t size);

#endif
