/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BLKLAB_SYMBOLS_H
#define BLKLAB_SYMBOLS_H

/*
 * Make an ELF file that has nothing but the symbols of a System.map or /proc/kallsyms, for a
 * debugger: stock kernels come without any, and their debug packages are a thousand times as large.
 * -errno, told.
 */
int symbols_write(const char *map, const char *path);

#endif
