// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel log, line by line.
 */
#include "klog.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab.h"

/*
 * One record may hold several lines: each becomes one of ours, with the record's time, as a
 * console shows them.
 */
static void add_lines(struct klog *log, unsigned long long seconds, unsigned int us, char *text)
{
	char *line;

	do {
		line = strsep(&text, "\n");
		strings_add(&log->line, "[%5llu.%06u] %s", seconds, us, line);
	} while (text && *text);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* /dev/kmsg writes what can't be printed, and backslashes, as \xHH. */
static void unescape(char *text)
{
	char *to = text;
	int high, low;

	for (; *text; text++, to++) {
		*to = *text;
		if (text[0] != '\\' || text[1] != 'x')
			continue;
		high = hex_digit(text[2]);
		low = high < 0 ? -1 : hex_digit(text[3]);
		if (low < 0 || !(high | low))
			continue;
		*to = (char)(high << 4 | low);
		text += 3;
	}
	*to = 0;
}

void klog_record(struct klog *log, const char *record, size_t size)
{
	unsigned long long seconds = 0;
	unsigned int level, us = 0;
	char *copy = format("%.*s", (int)size, record), *text = strchr(copy, ';');

	copy[strcspn(copy, "\n")] = 0;
	/* A record that isn't one is kept all the same: it may be what matters. */
	if (!text || sscanf(copy, "%u,%llu.%u;", &level, &seconds, &us) != 3)
		text = copy;
	else
		text++;
	unescape(text);
	add_lines(log, seconds, us, text);
	free(copy);
}

/* Without a terminal's codes, carriage returns and NULs; `to` has room for all of it. */
static void clean(const char *text, size_t size, char *to)
{
	const char *end = text + size;

	while (text < end) {
		if (*text == '\033' && text + 1 < end && text[1] == '[') {
			for (text += 2; text < end && !isalpha((unsigned char)*text); text++)
				;
			text++;
			continue;
		}
		if (*text == '\033') {
			text += 2;
			continue;
		}
		if (*text && *text != '\r')
			*to++ = *text;
		text++;
	}
	*to = 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Is `line` there, or, if it was cut off, a line that begins with it? */
static bool known(char *const *sorted, size_t n, const char *line, bool cut)
{
	size_t from = 0, to = n, middle;

	while (from < to) {
		middle = from + (to - from) / 2;
		if (strcmp(sorted[middle], line) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	if (from == n)
		return false;
	return cut ? !strncmp(sorted[from], line, strlen(line)) : !strcmp(sorted[from], line);
}

void klog_console(struct klog *log, const char *text, size_t size)
{
	char *all = must_calloc(size + 1, 1), *rest = all, *line;
	size_t n = log->line.n;
	char **sorted = must_calloc(n, sizeof(*sorted));

	if (n)
		memcpy(sorted, log->line.item, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare);
	clean(text, size, all);
	while (rest) {
		line = strsep(&rest, "\n");
		if (*line && !known(sorted, n, line, !rest))
			strings_add(&log->line, "%s", line);
	}
	free(sorted);
	free(all);
}

void klog_free(struct klog *log)
{
	strings_free(&log->line);
}

/* "[   T12]" or "[    C0]" behind the time, with CONFIG_PRINTK_CALLER. */
static const char *skip_caller(const char *text)
{
	const char *at = text + 1;
	size_t digits;

	if (*text != '[')
		return text;
	at += strspn(at, " ");
	if (*at != 'T' && *at != 'C')
		return text;
	digits = strspn(at + 1, "0123456789");
	return digits && at[1 + digits] == ']' ? at + digits + 2 : text;
}

const char *klog_text(const char *line)
{
	const char *at = line;
	size_t n;

	if (*at != '[')
		return at;
	n = strspn(at + 1, " 0123456789.");
	if (n < 3 || at[n + 1] != ']')
		return line;
	at = skip_caller(at + n + 2);
	return *at == ' ' ? at + 1 : line;
}
