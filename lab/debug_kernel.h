/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernels with checks, for a QEMU guest: 6.12 with KASAN, KCSAN or lockdep.
 */
#ifndef BLKLAB_DEBUG_KERNEL_H
#define BLKLAB_DEBUG_KERNEL_H

#include <stdbool.h>

/* "kasan", "kcsan", "lockdep", ending with NULL. */
extern const char *const debug_kernel_kinds[];

/*
 * Build that kind (with "debug-" before it or not) unless it is in the cache (or `again`, from
 * nothing); it is kernel_find()'s "debug-KIND". -EINVAL: no such kind, told; -errno, told.
 */
int debug_kernel_build(const char *kind, bool again);

#endif
