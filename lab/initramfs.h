/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest boots with: /init, /modules/list with names of files in /modules in order of
 * loading, and directories to mount on.
 */
#ifndef BLKLAB_INITRAMFS_H
#define BLKLAB_INITRAMFS_H

#include "lab.h"

struct initramfs_file {
	const char *name; /* in /modules */
	const void *data;
	size_t size;
};

/* Write one, in the newc format and uncompressed: by a temporary name. -errno, untold. */
int initramfs_write(const char *path, const void *init, size_t init_size,
		    const struct initramfs_file *files, size_t n);

#endif
