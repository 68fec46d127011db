/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Decompression in memory of what kernels are packed with: gzip, xz, zstd, and lz4's legacy format.
 */
#ifndef BLKLAB_UNPACK_H
#define BLKLAB_UNPACK_H

#include <stddef.h>

/*
 * Decompress; the format is told by its first bytes, and what follows its end is ignored. To be
 * freed. NULL and errno: EINVAL, unknown format; EIO, damaged.
 */
void *unpack(const void *data, size_t size, size_t *out);

#endif
