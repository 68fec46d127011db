// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that is interpreted has the host's time stamp counter. Its kernel would measure that
 * against an emulated timer, which goes wrong while the host is busy: by a factor of forty, and
 * then its clock runs ahead, and it takes itself for locked up. So it is told.
 */
#include "tsc.h"

#include <time.h>

#if defined(__x86_64__)

#define TRIES 20
#define SPAN  10000000 /* nanoseconds */

struct reading {
	long long ns, ticks;
};

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC_RAW, &time);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

/* Both at one time: of several readings the one that took the shortest. */
static struct reading take(void)
{
	struct reading best = { 0 };
	long long before, after, ticks, shortest = -1;
	int i;

	for (i = 0; i < TRIES; i++) {
		before = now();
		ticks = (long long)__builtin_ia32_rdtsc();
		after = now();
		if (shortest >= 0 && after - before >= shortest)
			continue;
		shortest = after - before;
		best = (struct reading){ before + shortest / 2, ticks };
	}
	return best;
}

unsigned int tsc_khz(void)
{
	static unsigned int khz;
	struct reading from, to;

	if (khz)
		return khz;
	from = take();
	nanosleep(&(struct timespec){ .tv_nsec = SPAN }, NULL);
	to = take();
	if (to.ticks > from.ticks)
		khz = (unsigned int)((double)(to.ticks - from.ticks) * 1e6 /
				     (double)(to.ns - from.ns));
	return khz;
}

#else

unsigned int tsc_khz(void)
{
	return 0;
}

#endif
