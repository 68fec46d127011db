/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef METAL_SUITE_TIME_H
#define METAL_SUITE_TIME_H

typedef long time_t;

struct timespec {
	time_t tv_sec;
	long tv_nsec;
};

#define CLOCK_MONOTONIC 1

time_t time(time_t *now); /* of the RTC; 0 where there is none */
int clock_gettime(int clock, struct timespec *now);

#endif
