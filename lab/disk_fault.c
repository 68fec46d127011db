// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests to change where disks fail, while the machine runs.
 */
#include "disk_fault.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX 60000 /* of a list: an answer has to fit into one frame of the wire */

static char *refuse(char *reason)
{
	char *answer = format("error: %s\n", reason);

	free(reason);
	return answer;
}

static char *names_list(const struct disks *disks)
{
	char *list = must_strdup(""), *longer;
	size_t i;

	for (i = 0; i < disks->n; i++) {
		longer = format("%s%s%s", list, i ? ", " : "", disks->disk[i].name);
		free(list);
		list = longer;
	}
	return list;
}

static char *refuse_name(const struct disks *disks, const char *name)
{
	char *list = names_list(disks);
	char *reason = disks->n ? format("there is no disk '%s'; what there is: %s", name, list)
				: format("there is no disk '%s': this machine has none", name);

	free(list);
	return refuse(reason);
}

/* "ok" and a range a line from sector `from` on; "more SECTOR" where the next list begins. */
static char *request_list(const struct disk *disk, const struct strings *words)
{
	uint64_t from = words->n > 3 ? strtoull(words->item[3], NULL, 10) : 0;
	const struct disk_fault *fault = disk->fault, *end = disk->fault + disk->faults;
	char *answer = must_calloc(1, ANSWER_MAX + 128), *line;
	size_t at = 0;

	at += (size_t)(stpcpy(answer + at, "ok\n") - (answer + at));
	for (; fault < end && at < ANSWER_MAX; fault++) {
		if (fault->first < from)
			continue;
		line = disk_fault_text(fault);
		at += (size_t)(stpcpy(stpcpy(answer + at, line), "\n") - (answer + at));
		free(line);
	}
	if (fault < end) {
		line = format("more %" PRIu64 "\n", fault->first);
		strcpy(answer + at, line);
		free(line);
	}
	return answer;
}

/* Change disk->fault as the words from the third on say. -EINVAL: *error says why not. */
static int faults_apply(struct disk *disk, const struct strings *words, char **error)
{
	bool add = !strcmp(words->item[2], "add");
	struct disk_fault fault;
	size_t i;

	if (words->n == 3) {
		*error =
			format("%s what? Say sectors, such as 1000 or 1000-1007:r", words->item[2]);
		return -EINVAL;
	}
	for (i = 3; i < words->n; i++) {
		if (disk_fault_parse(words->item[i], &fault, error))
			return -EINVAL;
		if (add)
			disk_fault_add(disk, &fault);
		else
			disk_fault_remove(disk, &fault);
	}
	return disk_fault_check(disk, error);
}

static void faults_clear(struct disk *disk)
{
	free(disk->fault);
	disk->fault = NULL;
	disk->faults = 0;
}

/* All of it or nothing. */
static char *request_change(struct disk *disk, struct qmp *qmp, const struct strings *words)
{
	struct disk old = *disk;
	char *error = NULL;
	int err = 0;

	disk->fault = must_calloc(old.faults, sizeof(*old.fault));
	if (old.faults)
		memcpy(disk->fault, old.fault, old.faults * sizeof(*old.fault));
	if (!strcmp(words->item[2], "clear"))
		faults_clear(disk);
	else
		err = faults_apply(disk, words, &error);
	if (!err)
		err = disk_fault_install(disk, qmp, &error);
	if (err) {
		free(disk->fault);
		disk->fault = old.fault;
		disk->faults = old.faults;
		return refuse(error);
	}
	free(old.fault);
	return must_strdup("ok\n");
}

static char *request_run(struct disks *disks, struct qmp *qmp, const struct strings *words)
{
	const char *what = words->n > 2 ? words->item[2] : "";
	struct disk *disk;

	if (words->n < 3 || strcmp(words->item[0], "fault"))
		return refuse(must_strdup("a request is: fault NAME add|remove|clear|list ..."));
	disk = disks_find(disks, words->item[1]);
	if (!disk)
		return refuse_name(disks, words->item[1]);
	if (!strcmp(what, "list"))
		return request_list(disk, words);
	if (!strcmp(what, "add") || !strcmp(what, "remove") || !strcmp(what, "clear"))
		return request_change(disk, qmp, words);
	return refuse(format("there is no '%s': say add, remove, clear or list", what));
}

char *disks_request(struct disks *disks, struct qmp *qmp, const char *request)
{
	char *text = must_strdup(request), *rest = text, *word, *answer;
	struct strings words = { 0 };

	while ((word = strsep(&rest, " \t\r\n")))
		if (*word)
			strings_add(&words, "%s", word);
	answer = request_run(disks, qmp, &words);
	strings_free(&words);
	free(text);
	return answer;
}
