/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef METAL_SUITE_MALLOC_H
#define METAL_SUITE_MALLOC_H

#define M_TRIM_THRESHOLD (-1)
#define M_MMAP_THRESHOLD (-3)

/* Advice, and not taken: 0. */
int mallopt(int parameter, int value);

#endif
