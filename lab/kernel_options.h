/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What kernels that are built here have, in recipe_config()'s words.
 */
#ifndef BLKLAB_KERNEL_OPTIONS_H
#define BLKLAB_KERNEL_OPTIONS_H

/* What programs of the host need to run at all, and init. */
extern const char options_base[];
/* Disks, device-mapper, filesystems. */
extern const char options_block[];
/* A QEMU guest's devices. */
extern const char options_qemu[];
/* Checks that cost little. */
extern const char options_checks[];
/* Use of memory that is freed, or out of bounds. */
extern const char options_kasan[];
/* Order of locks, and sleeping where that is forbidden. */
extern const char options_locks[];
/* Unordered access from two processors. Not with options_kasan. */
extern const char options_kcsan[];
/* Failing on demand, and unit tests. */
extern const char options_inject[];

#endif
