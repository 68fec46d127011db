/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How fast this machine's time stamp counter runs.
 */
#ifndef BLKLAB_TSC_H
#define BLKLAB_TSC_H

/* In kHz; 0: it has none. Takes 10 ms, once. */
unsigned int tsc_khz(void);

#endif
