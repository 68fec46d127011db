/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Checks of the lab itself.
 */
#ifndef BLKLAB_SELFTEST_H
#define BLKLAB_SELFTEST_H

#include "machine.h"

/* What is run, and what the lab must say of it. */
struct check {
	const char *name;
	const char *argv[16];
	const char *provoke;  /* instead: insmod provoke.ko what=... */
	size_t input;         /* bytes, a multiple of 4096, that stdin has and stdout must be */
	unsigned int timeout; /* milliseconds */
	bool allow_warn;
	enum machine_verdict verdict;
	bool either; /* `or` is right too */
	enum machine_verdict or ;
	int exit;
	const char *headline, *report; /* words that must be in it; NULL: any */
	const char *out, *err;         /* what stdout and stderr must be; NULL: any */
};

extern const struct check selftest_checks[];
extern const size_t selftest_count;

/*
 * Boot each kernel `boots` times, by turns; count what failed, by kind, and take times. A signal
 * ends it with the counts so far. An exit status.
 */
int selftest_boots(const struct machine_options *options, const struct strings *kernels,
		   unsigned int boots);

#endif
