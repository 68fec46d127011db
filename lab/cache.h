/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where things are kept: $BLKLAB_CACHE, or blklab below $XDG_CACHE_HOME or ~/.cache; and the
 * directories of machines that run, below $XDG_RUNTIME_DIR or /tmp.
 */
#ifndef BLKLAB_CACHE_H
#define BLKLAB_CACHE_H

/* The directory itself, made if need be. Ends the program where that can't be done. */
const char *cache_dir(void);
/* A path in it, to be freed. Its directory is made. */
char *cache_path(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Wait for a lock of that name, so that two blklabs don't make the same thing; a descriptor. */
int cache_lock(const char *name);

/*
 * Make a directory for one machine, locked for as long as this process lives; those that nobody
 * holds any more are removed.
 */
char *runtime_make(const char *name);
/* Remove it with all that is in it, and free the path. */
void runtime_remove(char *path);
/* Where all of them are, and sockets of machines beside them. */
const char *runtime_dir(void);
/*
 * Held while those are looked through or made: a new directory has no lock of its own yet. A
 * descriptor, to be closed.
 */
int runtime_lock(void);

#endif
