// SPDX-License-Identifier: GPL-2.0-only
/*
 * Strings, lists of them, and numbers in them.
 */
#include "lab.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *ptr)
{
	if (!ptr) {
		complain("out of memory");
		exit(LAB_FAILED);
	}
	return ptr;
}

void *must_calloc(size_t n, size_t size)
{
	return must(calloc(n ? n : 1, size ? size : 1));
}

void *must_realloc(void *ptr, size_t size)
{
	return must(realloc(ptr, size ? size : 1));
}

char *must_strdup(const char *text)
{
	return must(strdup(text));
}

static char *format_list(const char *format, va_list args)
{
	char *text;

	return must(vasprintf(&text, format, args) < 0 ? NULL : text);
}

char *format(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = format_list(format, args);
	va_end(args);
	return text;
}

void strings_add(struct strings *list, const char *format, ...)
{
	va_list args;

	/* Room doubles whenever the number with its NULL reaches a power of two. */
	if (!((list->n + 1) & list->n))
		list->item = must_realloc(list->item, 2 * (list->n + 1) * sizeof(char *));
	va_start(args, format);
	list->item[list->n++] = format_list(format, args);
	va_end(args);
	list->item[list->n] = NULL;
}

void strings_free(struct strings *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		free(list->item[i]);
	free(list->item);
	*list = (struct strings){ 0 };
}

int parse_size(const char *text, unsigned long long *bytes)
{
	static const char units[] = "KMGT";
	unsigned long long number;
	const char *unit;
	unsigned int shift = 0;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno || end == text || !isdigit((unsigned char)*text))
		return -EINVAL;
	unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (unit) {
		shift = 10 * (unsigned int)(unit - units + 1);
		end++;
	}
	if (*end || number > ~0ull >> shift)
		return -EINVAL;
	*bytes = number << shift;
	return 0;
}

int parse_seconds(const char *text, unsigned int *milliseconds)
{
	double number;
	char *end;

	errno = 0;
	number = strtod(text, &end);
	if (errno || end == text || !isdigit((unsigned char)*text))
		return -EINVAL;
	if (!strcmp(end, "ms"))
		number /= 1000;
	else if (!strcmp(end, "m"))
		number *= 60;
	else if (*end && strcmp(end, "s"))
		return -EINVAL;
	if (number > 1e6)
		return -ERANGE;
	*milliseconds = (unsigned int)(number * 1000);
	return 0;
}

int parse_timeout(const char *text, unsigned int *milliseconds)
{
	int err = parse_seconds(text, milliseconds);

	if (err)
		complain("--timeout %s: seconds are wanted, as in 30, 1.5 or 10m; 0 is no limit",
			 text);
	return err;
}
