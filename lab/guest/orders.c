// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the host ordered, taken apart.
 */
#include "guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All strings that begin with a letter, without it, and NULL. */
static char **pick(char *text, size_t size, char letter)
{
	char *at, **list;
	size_t n = 0;

	for (at = text; at < text + size; at += strlen(at) + 1)
		n += *at == letter;
	list = calloc(n + 1, sizeof(*list));
	if (!list)
		fail("no memory for orders");
	n = 0;
	for (at = text; at < text + size; at += strlen(at) + 1)
		if (*at == letter)
			list[n++] = at + 1;
	return list;
}

static const char *pick_one(char *text, size_t size, char letter)
{
	char *at;

	for (at = text; at < text + size; at += strlen(at) + 1)
		if (*at == letter)
			return at + 1;
	return NULL;
}

void orders_parse(struct orders *orders, char *text, size_t size)
{
	const char *tty;

	if (!size || text[size - 1])
		fail("the host's orders have no end");
	orders->text = text;
	orders->argv = pick(text, size, WIRE_ARG);
	orders->env = pick(text, size, WIRE_ENV);
	orders->share = pick(text, size, WIRE_SHARE);
	orders->bind = pick(text, size, WIRE_BIND);
	orders->insmod = pick(text, size, WIRE_INSMOD);
	orders->link = pick(text, size, WIRE_LINK);
	orders->cwd = pick_one(text, size, WIRE_CWD);
	orders->time = pick_one(text, size, WIRE_TIME);
	orders->root = pick_one(text, size, WIRE_ROOT);
	orders->hold = pick_one(text, size, WIRE_HOLD);
	tty = pick_one(text, size, WIRE_TTY);
	orders->tty = tty && sscanf(tty, "%hu %hu", &orders->rows, &orders->columns) == 2;
}
