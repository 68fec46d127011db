// SPDX-License-Identifier: GPL-2.0-only
/*
 * Boots in a row, which must all end well: what fails here is the lab's own fault, and would be
 * blamed on somebody's module.
 */
#include "selftest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"

#define KINDS 16

struct series {
	const char *kernel;
	double *seconds; /* of those that ended well */
	size_t ok, failed;
};

struct kind {
	char *name; /* verdict and headline */
	size_t n;
};

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void count(struct kind kinds[KINDS], const char *name)
{
	size_t i;

	/* The last takes all that find no room. */
	for (i = 0; i < KINDS - 1 && kinds[i].name && strcmp(kinds[i].name, name); i++)
		;
	if (!kinds[i].name)
		kinds[i].name = must_strdup(name);
	kinds[i].n++;
}

/* The log of a good boot is written over by the next one's. */
static void keep_log(const char *path, const char *kernel, size_t number)
{
	char *kept = cache_path("selftest/%s-boot-%zu.log", kernel, number);

	if (!rename(path, kept))
		note("boot %zu of %s failed; its kernel log is in %s", number, kernel, kept);
	free(kept);
}

/* False: we were told to stop. */
static bool boot_once(const struct machine_options *base, struct series *series,
		      struct kind kinds[KINDS])
{
	static const char *const argv[] = { "echo", "booted", NULL };
	struct machine_options options = *base;
	struct machine_result result;
	char *log = cache_path("selftest/boot.log"), *name;
	bool ok, stopped;

	options.kernel = series->kernel;
	options.argv = (char **)argv;
	options.in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	options.capture = options.quiet = true;
	options.timeout = 60000;
	options.log = log;
	machine_run(&options, &result);
	close(options.in);
	stopped = result.verdict == MACHINE_STOPPED;
	ok = result.verdict == MACHINE_ENDED && !result.exit && result.output &&
	     !strcmp(result.output, "booted\n");
	if (ok) {
		series->seconds[series->ok++] = result.total;
	} else if (!stopped) {
		series->failed++;
		name = format("%s: %s", series->kernel,
			      result.headline ? result.headline
					      : "the command's output or status is wrong");
		count(kinds, name);
		free(name);
		keep_log(log, series->kernel, series->ok + series->failed);
	}
	machine_result_free(&result);
	free(log);
	return !stopped;
}

static void tell(struct series *series, size_t n, struct kind kinds[KINDS])
{
	size_t i;

	printf("%-8s %6s %6s %10s %8s %8s\n", "kernel", "boots", "failed", "seconds:min", "median",
	       "max");
	for (i = 0; i < n; i++) {
		size_t ok = series[i].ok;

		qsort(series[i].seconds, ok, sizeof(double), by_size);
		printf("%-8s %6zu %6zu", series[i].kernel, ok + series[i].failed, series[i].failed);
		if (ok)
			printf(" %11.2f %8.2f %8.2f", series[i].seconds[0],
			       series[i].seconds[ok / 2], series[i].seconds[ok - 1]);
		putchar('\n');
	}
	for (i = 0; i < KINDS && kinds[i].name; i++) {
		printf("%zu times: %s\n", kinds[i].n, kinds[i].name);
		free(kinds[i].name);
	}
}

int selftest_boots(const struct machine_options *options, const struct strings *kernels,
		   unsigned int boots)
{
	struct series *series = must_calloc(kernels->n, sizeof(*series));
	struct kind kinds[KINDS] = { 0 };
	size_t i, failed = 0, turn;
	bool go_on = true;

	for (i = 0; i < kernels->n; i++) {
		series[i].kernel = kernels->item[i];
		series[i].seconds = must_calloc(boots, sizeof(double));
	}
	for (turn = 0; turn < boots && go_on; turn++) {
		for (i = 0; i < kernels->n && go_on; i++) {
			progress("boot %zu of %u, kernel %s; %zu failed so far", turn + 1, boots,
				 series[i].kernel, failed);
			go_on = boot_once(options, &series[i], kinds);
		}
		for (i = 0, failed = 0; i < kernels->n; i++)
			failed += series[i].failed;
	}
	progress("%s", "");
	tell(series, kernels->n, kinds);
	for (i = 0; i < kernels->n; i++)
		free(series[i].seconds);
	free(series);
	if (!go_on)
		return 130;
	return failed ? LAB_FAILED : LAB_OK;
}
