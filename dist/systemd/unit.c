// SPDX-License-Identifier: GPL-2.0-only
#include "dist/systemd/unit.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *escape(const char *text, size_t length)
{
	char *out = malloc(4 * length + 1), *at = out;

	if (!out)
		return NULL;
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '/')
			*at++ = '-';
		else if (isalnum(c) || strchr(":_", c) || (c == '.' && i))
			*at++ = (char)c;
		else
			at += sprintf(at, "\\x%02x", c);
	}
	*at = 0;
	return out;
}

char *unit_escape(const char *text)
{
	return escape(text, strlen(text));
}

char *unit_escape_path(const char *path)
{
	char *plain = malloc(strlen(path) + 2), *at = plain, *name;

	if (!plain)
		return NULL;
	/* One slash between two names, none at either end. */
	for (; *path; path++)
		if (*path != '/' || (at > plain && at[-1] != '/'))
			*at++ = *path;
	if (at > plain && at[-1] == '/')
		at--;
	if (at == plain)
		*at++ = '/';
	name = escape(plain, (size_t)(at - plain));
	free(plain);
	return name;
}

static char *double_up(const char *text, const char *which, const char *backslashed,
		       const char *around)
{
	char *out = malloc(2 * strlen(text) + 2 * strlen(around) + 1), *at;

	if (!out)
		return NULL;
	at = stpcpy(out, around);
	for (; *text; text++) {
		if (strchr(backslashed, *text))
			*at++ = '\\';
		else if (strchr(which, *text))
			*at++ = *text;
		*at++ = *text;
	}
	strcpy(at, around);
	return out;
}

char *unit_quote(const char *word)
{
	return double_up(word, "%", "\\\"", "\"");
}

char *unit_quote_command(const char *word)
{
	return double_up(word, "%$", "\\\"", "\"");
}

char *unit_value(const char *text)
{
	return double_up(text, "%", "", "");
}
