// SPDX-License-Identifier: GPL-2.0-only
/*
 * took STATUS COMMAND [ARG ...]: milliseconds from starting it to its end. It fails unless the
 * command ends with that status.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}

int main(int argc, char **argv)
{
	double begin = now(), took;
	struct rusage usage;
	int status;
	pid_t pid;

	if (argc < 3 || posix_spawnp(&pid, argv[2], NULL, NULL, argv + 2, environ)) {
		fprintf(stderr, "took: %s can't be started\n", argc < 3 ? "nothing" : argv[2]);
		return 1;
	}
	pid = wait4(pid, &status, 0, &usage) == pid ? pid : -1;
	took = now() - begin;
	if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != atoi(argv[1])) {
		fprintf(stderr, "took: %s ended with %#x, not %s\n", argv[2], status, argv[1]);
		return 1;
	}
	printf("%.2f %.2f\n", took,
	       (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
		       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-3);
	return 0;
}
