/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory for the core: of any size, and freed only when lock-free readers have left it. */
#ifndef BLKMEND_DM_MEMORY_H
#define BLKMEND_DM_MEMORY_H

#include "../../core/index.h"

/*
 * May sleep. Where memory is wanted so that I/O can go on, call the core under
 * memalloc_noio_save(). Readers are those in rcu_read_lock().
 */
extern const struct bm_mem remap_memory;

#endif
