/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sections: which requests are under way, counted so that entering and leaving cost two atomic
 * additions on a cache line that few threads share. A section keeps alive what bm_route() looks at
 * (memory retired meanwhile is freed later), and sections_wait() lets the core know when every
 * request that may have seen an old mapping has ended.
 *
 * The algorithm is SRCU's: counters in two phases; a grace period waits for the idle phase to drain
 * (stragglers that read the phase before it last changed), changes the phase, and waits for the
 * other one. See Documentation/RCU in Linux, and McKenney, "Is Parallel Programming Hard", 9.5.
 */
#ifndef BLKMEND_SECTION_H
#define BLKMEND_SECTION_H

#include <stddef.h>

struct sections;

struct sections *sections_create(void);
/* No section may be open; frees what is still retired. NULL is fine. */
void sections_destroy(struct sections *sections);

/* Open a section; the answer is for section_leave(). Both are full barriers. Any thread. */
unsigned int section_enter(struct sections *sections);
void section_leave(struct sections *sections, unsigned int token);

/* Sleep until every section open now is closed. Not from within one. */
void sections_wait(struct sections *sections);

/*
 * Memory that readers in sections may look at. Retired memory is freed by a later
 * sections_reclaim() that finds all sections closed that were open when it was retired;
 * reclaiming never sleeps, so somebody must call it again now and then.
 */
void *sections_alloc(size_t size);
void sections_free(void *memory);
void sections_retire(struct sections *sections, void *memory);
void sections_reclaim(struct sections *sections);

#endif
