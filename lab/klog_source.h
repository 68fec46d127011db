/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a frame of the kernel's stack to a line of source, by the DWARF of modules and of the kernel
 * (https://dwarfstd.org), read with elfutils' libdw.
 */
#ifndef BLKLAB_KLOG_SOURCE_H
#define BLKLAB_KLOG_SOURCE_H

#include "klog_frame.h"

struct sources;

/*
 * Modules are those *.ko files under `tree` that were built for `release`; the kernel is where
 * Debian's debug packages have it. Either may be NULL. Nothing is read before it is asked for.
 */
struct sources *sources_open(const char *tree, const char *release);
void sources_close(struct sources *sources);

/*
 * "FILE:LINE", for an inlined function also "(NAME, inlined at FILE:LINE)"; to be freed. NULL
 * if there is no debug information, or none that fits: a function of another size is another
 * build's.
 */
char *sources_find(struct sources *sources, const struct frame *frame);

#endif
