// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is told of a guest: to people, to programs, and what is kept.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cache.h"
#include "machine_private.h"

#define LOGS_KEPT 50

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_log(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && !strcmp(dot, ".log");
}

/* Names begin with the time, so that the first are the oldest. */
static void prune(const char *directory)
{
	struct dirent **entry;
	int n = scandir(directory, &entry, is_log, by_name), i;
	char *path;

	for (i = 0; i < n; i++) {
		path = format("%s/%s", directory, entry[i]->d_name);
		if (i + LOGS_KEPT < n)
			unlink(path);
		free(path);
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
}

static char *log_name(void)
{
	char stamp[32];
	time_t now = time(NULL);
	struct tm tm;
	char *path, *directory;

	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	path = cache_path("logs/%s-%d.log", stamp, (int)getpid());
	directory = cache_path("logs");
	prune(directory);
	free(directory);
	return path;
}

char *machine_keep_log(const struct machine_options *options, const struct klog *log)
{
	char *path = options->log ? must_strdup(options->log) : log_name();
	size_t i, size = 0;
	char *text;
	FILE *file;
	int err;

	file = open_memstream(&text, &size);
	for (i = 0; file && i < log->line.n; i++)
		fprintf(file, "%s\n", log->line.item[i]);
	if (!file || fclose(file))
		return path;
	err = file_write(path, text, size);
	if (err)
		complain("the kernel log could not be kept in %s: %s", path, strerror(-err));
	free(text);
	return path;
}

void machine_tell(const struct machine_options *options, const struct machine_result *result)
{
	if (result->told || result->verdict == MACHINE_ENDED || result->verdict == MACHINE_STOPPED)
		return;
	complain("%s", result->headline ? result->headline : "no verdict");
	if (result->report && *result->report)
		fprintf(stderr, "%s%s", result->report,
			result->report[strlen(result->report) - 1] == '\n' ? "" : "\n");
	if (result->log_path)
		complain("the kernel log is in %s", result->log_path);
}

static const char *const verdicts[] = {
	[MACHINE_ENDED] = "ended",     [MACHINE_TIMEOUT] = "timeout", [MACHINE_HUNG] = "hung",
	[MACHINE_NO_BOOT] = "no-boot", [MACHINE_CRASHED] = "crashed", [MACHINE_WARNED] = "warned",
	[MACHINE_DIED] = "died",       [MACHINE_STOPPED] = "stopped",
};

/* How many bytes a character takes that begins there; 0: it is none. */
static size_t utf8_length(const unsigned char *at, size_t left)
{
	size_t n = *at < 0x80   ? 1
		   : *at < 0xc2 ? 0
		   : *at < 0xe0 ? 2
		   : *at < 0xf0 ? 3
		   : *at < 0xf5 ? 4
				: 0;
	size_t i;

	if (n > left)
		return 0;
	for (i = 1; i < n; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	/* Too long for what it says, a surrogate, or beyond the last one. */
	if ((*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] > 0x9f) ||
	    (*at == 0xf0 && at[1] < 0x90) || (*at == 0xf4 && at[1] > 0x8f))
		return 0;
	return n;
}

json_t *json_text(const char *data, size_t size)
{
	char *text = must_calloc(3, size + 1);
	size_t at = 0, used = 0, n;
	json_t *json;

	while (at < size) {
		n = utf8_length((const unsigned char *)data + at, size - at);
		memcpy(text + used, n ? data + at : "\xef\xbf\xbd", n ? n : 3);
		used += n ? n : 3;
		at += n ? n : 1;
	}
	json = json_stringn(text, used);
	free(text);
	return json;
}

static json_t *json_line(const char *text)
{
	return text ? json_text(text, strlen(text)) : json_null();
}

json_t *machine_result_json(const struct machine_options *options,
			    const struct machine_result *result)
{
	json_t *json = json_pack("{s:s, s:s?, s:s, s:i, s:o, s:o, s:s?, s:{s:f, s:f, s:f}}",
				 "kernel", options->kernel, "release", result->release, "verdict",
				 verdicts[result->verdict], "exit", result->exit, "headline",
				 json_line(result->headline), "report", json_line(result->report),
				 "log", result->log_path, "seconds", "boot", result->boot,
				 "command", result->command, "total", result->total);

	/* A status only where the command gave one: a guest that crashed after it did counts as
	 * crashed. */
	if (json && result->verdict == MACHINE_ENDED)
		json_object_set_new(json, "status", json_integer(result->status));
	return json;
}

void machine_result_free(struct machine_result *result)
{
	free(result->release);
	free(result->headline);
	free(result->report);
	free(result->output);
	free(result->error);
	free(result->log_path);
	klog_free(&result->log);
	*result = (struct machine_result){ 0 };
}
