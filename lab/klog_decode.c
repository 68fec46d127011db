// SPDX-License-Identifier: GPL-2.0-only
/*
 * A report for people: what the kernel said, with the source line of each frame whose debug
 * information can be found.
 */
#include "klog.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "klog_frame.h"
#include "klog_source.h"
#include "lab.h"

/* What follows `before` in a text, up to a blank; to be freed. NULL: it isn't there. */
static char *word_after(const char *text, const char *before)
{
	const char *at = strstr(text, before);

	if (!at)
		return NULL;
	at += strlen(before);
	return format("%.*s", (int)strcspn(at, " "), at);
}

/*
 * The kernel's release: its first line has it; so has each report, "... Tainted: G  OE
 * 6.1.0-1-amd64 #1", for a log without the first.
 */
static char *find_release(const struct klog *log)
{
	const char *text, *hash, *at;
	char *release;
	size_t i;

	for (i = 0; i < log->line.n; i++) {
		text = klog_text(log->line.item[i]);
		if (!strncmp(text, "Linux version ", 14)) {
			release = word_after(text, "Linux version ");
			return release;
		}
		hash = strstr(text, " #");
		if (!hash || !strstr(text, "ainted") || !strstr(text, "Comm: "))
			continue;
		for (at = hash; at > text && at[-1] != ' '; at--)
			;
		if (isdigit((unsigned char)*at))
			return format("%.*s", (int)(hash - at), at);
	}
	return NULL;
}

static void append(char **text, const char *more)
{
	size_t old = strlen(*text), n = strlen(more);

	*text = must_realloc(*text, old + n + 1);
	memcpy(*text + old, more, n + 1);
}

static void append_line(char **report, const char *line, struct sources *sources)
{
	struct frame frame;
	char *where = NULL;

	append(report, line);
	if (klog_frame(klog_text(line), &frame))
		where = sources_find(sources, &frame);
	if (where) {
		append(report, "  <- ");
		append(report, where);
		free(where);
	}
	append(report, "\n");
}

/* An earlier, lesser report is often the cause of a later one. */
static void append_earlier(char **report, const struct klog *log, size_t line)
{
	struct klog before = { .line = { log->line.item, line } };
	char *headline, *text;
	size_t earlier;

	if (klog_search(&before, &earlier) == KLOG_FINE)
		return;
	headline = klog_headline(&before, earlier);
	text = format("(before it, in line %zu of the log: %s)\n", earlier + 1, headline);
	append(report, text);
	free(text);
	free(headline);
}

char *klog_report(const struct klog *log, size_t line, const char *tree)
{
	char *release = find_release(log), *report = must_strdup("");
	struct sources *sources = sources_open(tree, release);
	size_t end = klog_report_end(log, line), i;

	for (i = line; i < end; i++)
		append_line(&report, log->line.item[i], sources);
	append_earlier(&report, log, line);
	sources_close(sources);
	free(release);
	return report;
}
