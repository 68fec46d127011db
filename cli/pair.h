/* SPDX-License-Identifier: GPL-2.0-only */
/* What `serve` and `open` look at before they bring a main disk and its spare into service. */
#ifndef BLKMEND_PAIR_H
#define BLKMEND_PAIR_H

#include "cli/cli.h"

/* May a device be called so? Up to 64 letters, digits, . _ - and +, not beginning with . or - */
bool pair_name_fits(const char *name);

/* Nobody else is called so: neither a server nor a device in the kernel. EXIT_OK, or told. */
int pair_name_free(struct cli *cli, const char *name);

struct pair {
	const char *main, *spare; /* in */
	unsigned int flags;       /* in: of device_open() */
	u8 uuid[16];              /* out: of the spare */
	u64 sectors;              /* out: of main, as it is now */
	char identity[64];        /* out: main's */
};

/*
 * Open both as whoever serves them will, but write nothing, so that what is wrong is told in words
 * and with the right exit code. Obeys --accept-main and --accept-grown. EXIT_OK, or told.
 */
int pair_rehearse(struct cli *cli, const char *name, struct pair *pair);

#endif
