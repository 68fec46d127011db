// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does a device send bios to itself? Its map function has returned DM_MAPIO_REMAPPED without
 * bio_set_dev(): the kernel then never comes back, and soon has no memory. The tracepoint
 * block_bio_remap shows it at once.
 */
#include "diagnose.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRACING "/sys/kernel/tracing/"

enum { ENOUGH = 8 }; /* of them are no accident */

static int write_one(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

int diagnose_trace_open(void)
{
	if (write_one(TRACING "events/block/block_bio_remap/enable", "1"))
		return -1;
	return open(TRACING "trace_pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

/* "... block_bio_remap: 254,0 W 8 + 8 <- (254,0) 8": to where, from where. */
static bool line_loops(const char *line)
{
	const char *at = strstr(line, "block_bio_remap: ");
	unsigned int to[2], from[2];

	return at &&
	       sscanf(at, "block_bio_remap: %u,%u %*s %*u + %*u <- (%u,%u)", &to[0], &to[1],
		      &from[0], &from[1]) == 4 &&
	       to[0] == from[0] && to[1] == from[1];
}

bool diagnose_trace_loops(int fd)
{
	static unsigned int loops;
	char text[65536], *line, *rest = text;
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return false;
	text[n] = 0;
	while ((line = strsep(&rest, "\n")))
		loops += line_loops(line);
	return loops >= ENOUGH;
}
