/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What memory the machine has, as the loader tells it.
 */
#ifndef BLKMEND_METAL_MEMORY_H
#define BLKMEND_METAL_MEMORY_H

#include "start_info.h"

#define MEMORY_RANGES_MAX 32

struct memory {
	u64 start, end; /* free: behind the image, up to the end of that RAM or a module */
	u64 top;        /* where the highest RAM ends */
	u64 total;      /* bytes of RAM */
	struct memory_range ranges[MEMORY_RANGES_MAX];
	u32 range_count;
};

extern struct memory memory;

/*
 * Reads the map. Exits with METAL_EXIT_ASSUMPTION if there is none, or too little is left beyond
 * the image.
 */
void memory_init(const struct start_info *start);

#endif
