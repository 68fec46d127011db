/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Debian's packages, of any suite, without touching what the system's own apt knows: lists and
 * packages are kept in the cache. Works for an ordinary user. The mirror is that of the
 * system's own sources, or $BLKLAB_MIRROR; proxies are the system's.
 */
#ifndef BLKLAB_APT_H
#define BLKLAB_APT_H

#include "lab.h"

struct apt;

/*
 * Suites, separated by spaces: "trixie trixie-backports". Their lists are fetched if they are
 * older than some hours. One user at a time: others wait. NULL and *err: -ENOENT (the mirror has
 * no such suite), -EIO, -ENOSPC, -EINVAL, told.
 */
struct apt *apt_open(const char *suites, int *err);
void apt_close(struct apt *apt);

/*
 * Were the lists fetched in an earlier run? Then they are fetched anew, and what was not there may
 * be: true. False: there is nothing new, or it can't be had, told.
 */
bool apt_refresh(struct apt *apt);

/* Names of packages that begin with `prefix`, unsorted. */
void apt_names(const struct apt *apt, const char *prefix, struct strings *names);

enum apt_mode {
	APT_ALONE, /* these packages and no other */
	APT_WHOLE, /* and all that they depend on, as for an empty system */
};

/*
 * Download packages (NULL ends them) into a directory, going on where an earlier attempt
 * stopped. `label` is what progress calls them. Their paths are added to *debs. -ENOENT
 * (no such package; told unless apt_refresh() is worth a try), -EIO, -ENOSPC, told.
 */
int apt_fetch(struct apt *apt, enum apt_mode mode, const char *const packages[],
	      const char *directory, const char *label, struct strings *debs);

#endif
