/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Modules of one kernel: what depmod(8) has written about them.
 */
#ifndef BLKLAB_MODULES_H
#define BLKLAB_MODULES_H

#include "lab.h"

struct modules;

/* NULL: there is no modules.dep in that directory. */
struct modules *modules_open(const char *directory);
void modules_close(struct modules *modules);

/*
 * Add a module, and before it all that it needs, as paths relative to the directory and in order of
 * loading; those that are in the list already are not added again. The name may be an alias; - and
 * _ are alike. Built in: nothing is added. -ENOENT: unknown.
 */
int modules_order(const struct modules *modules, const char *name, struct strings *order);

/* The contents of a .ko, decompressed if it ends with .xz, .zst or .gz. NULL and errno. */
void *modules_read(const char *path, size_t *size);

#endif
