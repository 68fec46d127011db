/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a module says about itself, read from its file before any kernel sees it.
 */
#ifndef BLKLAB_MODINFO_H
#define BLKLAB_MODINFO_H

#include "lab.h"

struct modinfo {
	char *name;             /* as lsmod shows it: '_' for '-' */
	char *vermagic;         /* "6.12.0-amd64 SMP preempt mod_unload modversions " */
	char *release;          /* the first word of that: what uname -r must say */
	struct strings depends; /* modules whose symbols it uses */
	struct strings soft;    /* modules that MODULE_SOFTDEP names, before or after it */
};

/*
 * Read MODULE.ko (not compressed). -ENOENT, -EACCES, ... or -ENOEXEC if it isn't a kernel module
 * for this architecture; all told, naming the file.
 */
int modinfo_read(const char *path, struct modinfo *info);
void modinfo_free(struct modinfo *info);

#endif
