/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The source of Linux 6.12 as Debian has it, to build kernels from that nobody packages.
 */
#ifndef BLKLAB_SOURCE_H
#define BLKLAB_SOURCE_H

#include <stdbool.h>

/*
 * Its directory in the cache, to be freed. What isn't there yet is fetched, unpacked and mended,
 * with progress; an attempt that was cut short is begun again and never taken for the whole.
 * -errno, told.
 */
int source_get(char **directory);

/* Is a file of the source wanted? Not what only hardware needs that no guest has. */
bool source_wants(const char *path);

#endif
