/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Time from the TSC, whose rate is measured against the PIT.
 */
#ifndef BLKMEND_METAL_TIME_H
#define BLKMEND_METAL_TIME_H

#include "core/port.h"

/*
 * Takes a millisecond. Without a PIT, CPUID's word is taken for the rate, or 1 GHz is assumed and
 * said.
 */
void time_init(void);

/* Nanoseconds since time_init(); never goes back. Any context. */
u64 time_now(void);

/* Does nothing for so long. Any context. */
void time_wait(u64 nanoseconds);

#endif
