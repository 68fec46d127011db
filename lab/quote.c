// SPDX-License-Identifier: GPL-2.0-only
/*
 * Words as other programs want them.
 */
#include "quote.h"

#include <string.h>

#include "lab.h"

char *quote_shell(const char *word)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789_-+=./:,@%";
	char *quoted, *to;

	if (*word && !word[strspn(word, plain)])
		return must_strdup(word);
	quoted = to = must_calloc(4 * strlen(word) + 3, 1);
	*to++ = '\'';
	for (; *word; word++) {
		if (*word == '\'')
			to = stpcpy(to, "'\\''");
		else
			*to++ = *word;
	}
	*to = '\'';
	return quoted;
}

/* The characters of `special` each behind `mark`, or, if that is 0, behind themselves. */
static char *escape(const char *value, const char *special, char mark)
{
	char *escaped = must_calloc(2 * strlen(value) + 1, 1), *to = escaped;

	for (; *value; value++) {
		if (strchr(special, *value))
			*to++ = mark ? mark : *value;
		*to++ = *value;
	}
	return escaped;
}

char *quote_qemu(const char *value)
{
	return escape(value, ",", 0);
}

char *quote_fuse(const char *value)
{
	return escape(value, ",\\", '\\');
}
