/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /etc/blkmendtab: which devices are opened at boot; blkmendtab(5). Read by the systemd generator
 * and by udev, so nothing but libc is needed.
 */
#ifndef BLKMEND_TAB_H
#define BLKMEND_TAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TAB_PATH "/etc/blkmendtab"

enum tab_host { TAB_DM, TAB_NBD };

struct tab_entry {
	unsigned int line; /* from 1 */
	char *name;
	char *spare; /* a path, or an NBD URI */
	char *main;  /* likewise; NULL: looked for by what the spare remembers of it */
	enum tab_host host;
	bool noauto, nofail, netdev, read_only, accept_main, accept_grown;
	char *timeout;                   /* of the devices, as systemd.time(7) has it, or NULL */
	char *requires, *after, *before; /* units, with blanks between, or NULL */
};

struct tab {
	struct tab_entry *entry;
	size_t n;
	unsigned int bad; /* lines that were left out */
};

/* A line that is left out: why, in a sentence without the file's name. */
typedef void tab_bad(unsigned int line, const char *sentence);

/*
 * Read all lines of a file. 0, or -ENOMEM, or what reading gave; what was read is to be freed in
 * any case.
 */
int tab_read(FILE *file, tab_bad *bad, struct tab *tab);
void tab_free(struct tab *tab);

/* Is this path a block device's, rather than a file's or an NBD URI? */
bool tab_is_device(const char *path);

#endif
