/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory of a guest as a file that has no name, which QEMU maps; and kept in a file that has
 * one. QEMU's own way of saving memory looks at every page of it when it is restored, the empty
 * ones too.
 */
#ifndef BLKLAB_MEMORY_H
#define BLKLAB_MEMORY_H

/* New memory of so many MiB, all zeroes: a descriptor that programs we start inherit. -errno. */
int memory_make(unsigned int megabytes);
/* Write what isn't zero to a sparse file. Nobody else may use the memory meanwhile. -errno. */
int memory_save(int memory, const char *path);
/* Take it up again, into memory that was just made. -errno. */
int memory_load(int memory, const char *path);

#endif
