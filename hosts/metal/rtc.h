/* SPDX-License-Identifier: GPL-2.0-only */
/* The clock on the board: an MC146818, whose registers are its data sheet's. */
#ifndef METAL_RTC_H
#define METAL_RTC_H

#include "core/port.h"

/* Seconds since the Epoch, the clock taken to be in UTC; 0 where there is none. Waits for at most a
 * second. */
u64 rtc_now(void);

#endif
