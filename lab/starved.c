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

static void each_thread(int pid, double *longest, double *all)
{
	char *tasks = format("/proc/%d/task", pid), *path;
	DIR *dir = opendir(tasks);
	struct dirent *entry;
	double one;

	*longest = *all = 0;
	while (dir && (entry = readdir(dir))) {
		path = format("%s/%s/schedstat", tasks, entry->d_name);
		one = *entry->d_name == '.' ? 0 : waited(path);
		*longest = one > *longest ? one : *longest;
		*all += one;
		free(path);
	}
	if (dir)
		closedir(dir);
	free(tasks);
}

double session_starved(int pid)
{
	double longest, all;

	each_thread(pid, &longest, &all);
	return longest;
}

double session_starved_all(int pid)
{
	double longest, all;

	each_thread(pid, &longest, &all);
	return all;
}
