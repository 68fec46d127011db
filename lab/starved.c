// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long the host kept a guest waiting: a machine that has no processor to run on is not to
 * blame.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "lab.h"
#include "session.h"

/* Linux's Documentation/scheduler/sched-stats.rst: ns on a processor, ns waiting for one, slices.
 */
static double waited(const char *path)
{
	unsigned long long waited = 0;
	FILE *file = fopen(path, "re");

	if (!file)
		return 0;
	if (fscanf(file, "%*u %llu", &waited) != 1)
		waited = 0;
	fclose(file);
	return (double)waited / 1e9;
}

double session_starved(int pid)
{
	char *tasks = format("/proc/%d/task", pid), *path;
	DIR *dir = opendir(tasks);
	struct dirent *entry;
	double longest = 0, one;

	while (dir && (entry = readdir(dir))) {
		path = format("%s/%s/schedstat", tasks, entry->d_name);
		one = *entry->d_name == '.' ? 0 : waited(path);
		longest = one > longest ? one : longest;
		free(path);
	}
	if (dir)
		closedir(dir);
	free(tasks);
	return longest;
}
