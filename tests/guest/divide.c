// SPDX-License-Identifier: GPL-2.0-only
/*
 * Partitions of a disk that has no table of them, for the kernel to know until it goes.
 *
 *	guest-divide DISK START SECTORS [START SECTORS ...]
 *
 * In sectors of 512 bytes; they are numbered from 1 on.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/blkpg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

static long long bytes(const char *sectors)
{
	char *end;
	long long n = strtoll(sectors, &end, 10);

	if (end == sectors || *end || n < 0) {
		fprintf(stderr, "guest-divide: '%s' is no number of sectors\n", sectors);
		exit(2);
	}
	return n * 512;
}

static int part_add(int fd, int number, long long start, long long length)
{
	struct blkpg_partition part = { .start = start, .length = length, .pno = number };
	struct blkpg_ioctl_arg arg = { .op = BLKPG_ADD_PARTITION,
				       .datalen = sizeof(part),
				       .data = &part };

	return ioctl(fd, BLKPG, &arg);
}

int main(int argc, char **argv)
{
	int fd, i;

	if (argc < 4 || argc % 2) {
		fputs("usage: guest-divide DISK START SECTORS [START SECTORS ...]\n", stderr);
		return 2;
	}
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	for (i = 1; fd >= 0 && i < argc / 2; i++) {
		if (!part_add(fd, i, bytes(argv[2 * i]), bytes(argv[2 * i + 1])))
			continue;
		fprintf(stderr, "guest-divide: %s, partition %d: %s\n", argv[1], i,
			strerror(errno));
		return 1;
	}
	if (fd < 0)
		fprintf(stderr, "guest-divide: %s: %s\n", argv[1], strerror(errno));
	return fd < 0;
}
