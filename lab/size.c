// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much room things take.
 */
#include "size.h"

#include <ftw.h>
#include <stddef.h>
#include <sys/stat.h>

#include "lab.h"

static unsigned long long sum; /* nftw() has no argument for it */

static int add(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	if (type != FTW_NS)
		sum += (unsigned long long)st->st_blocks * 512;
	return 0;
}

unsigned long long size_tree(const char *path)
{
	sum = 0;
	nftw(path, add, 64, FTW_PHYS | FTW_MOUNT);
	return sum;
}

char *size_text(unsigned long long bytes)
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes;
	size_t i = 0;

	for (; value >= 1000 && i + 1 < sizeof(unit) / sizeof(*unit); i++)
		value /= 1024;
	return format(i && value < 10 ? "%.1f %s" : "%.0f %s", value, unit[i]);
}
