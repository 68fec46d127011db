/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much room things take.
 */
#ifndef BLKLAB_SIZE_H
#define BLKLAB_SIZE_H

/* Bytes that a file, or a directory and all below it, takes on its disk; 0 if it isn't there. */
unsigned long long size_tree(const char *path);
/* As people read it: "181 MiB". To be freed. */
char *size_text(unsigned long long bytes);

#endif
