// SPDX-License-Identifier: GPL-2.0-only
/*
 * blklab fault: change where a disk of a machine that runs fails; from the host by the machine's
 * name, or from inside the guest.
 */
#include "lab.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cache.h"
#include "socket.h"
#include "wire.h"

#define SUFFIX        ".socket"
#define SUFFIX_LENGTH (sizeof(SUFFIX) - 1)
/* A guest passes a request on in one piece: it has to arrive there in one. */
#define REQUEST_MAX 3500
#define PATIENCE    150 /* seconds; the machine has some with QEMU, too */

static bool inside_guest(void)
{
	const char *guest = getenv("BLKLAB_GUEST");

	return guest && !strcmp(guest, "1") && !access(WIRE_SOCKET, F_OK);
}

static char *answer_read(int fd)
{
	size_t size = 0, room = 4096;
	char *text = must_realloc(NULL, room);
	ssize_t n;

	while ((n = read(fd, text + size, room - size - 1)) > 0 || (n < 0 && errno == EINTR)) {
		size += n > 0 ? (size_t)n : 0;
		if (room - size < 2)
			text = must_realloc(text, room *= 2);
	}
	text[size] = 0;
	return text;
}

/* Does a machine listen there? */
static bool machine_answers(const char *path)
{
	struct timeval limit = { .tv_sec = 1 };
	int fd = socket_connect(path, 0);

	if (fd < 0)
		return false;
	/* It wonders about those who hang up without a word. */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	send(fd, "\n", 1, MSG_NOSIGNAL);
	free(answer_read(fd));
	close(fd);
	return true;
}

/* Names of machines that answer, "a, b"; to be freed. */
static char *machines_list(void)
{
	DIR *dir = opendir(runtime_dir());
	char *list = must_strdup(""), *path, *longer;
	struct dirent *entry;
	size_t length;
	bool there;

	while (dir && (entry = readdir(dir))) {
		length = strlen(entry->d_name);
		if (length <= SUFFIX_LENGTH ||
		    strcmp(entry->d_name + length - SUFFIX_LENGTH, SUFFIX))
			continue;
		path = format("%s/%s", runtime_dir(), entry->d_name);
		there = machine_answers(path);
		free(path);
		if (!there)
			continue;
		longer = format("%s%s%.*s", list, *list ? ", " : "", (int)(length - SUFFIX_LENGTH),
				entry->d_name);
		free(list);
		list = longer;
	}
	if (dir)
		closedir(dir);
	return list;
}

/* A descriptor, or -errno, told. */
static int machine_connect(const char *machine)
{
	char *path, *list;
	int fd;

	if (inside_guest()) {
		fd = socket_connect(WIRE_SOCKET, 0);
		if (fd < 0)
			complain("%s: %s", WIRE_SOCKET, strerror(-fd));
		return fd;
	}
	path = format("%s/%s" SUFFIX, runtime_dir(), machine);
	fd = socket_connect(path, 0);
	if (fd == -ENOENT || fd == -ECONNREFUSED) {
		list = machines_list();
		if (*list)
			complain("no machine called '%s' runs; say --machine NAME: %s", machine,
				 list);
		else
			complain("no machine runs; start one with `blklab run` or `blklab shell`");
		free(list);
	} else if (fd < 0) {
		complain("%s: %s", path, strerror(-fd));
	}
	free(path);
	return fd;
}

/* The answer to one line, to be freed; NULL: told. */
static char *ask(const char *machine, const char *line)
{
	struct timeval limit = { .tv_sec = PATIENCE };
	size_t left = strlen(line);
	int fd = machine_connect(machine);
	char *answer;
	ssize_t n;

	if (fd < 0)
		return NULL;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	while (left) {
		n = send(fd, line, left, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		line += n;
		left -= (size_t)n;
	}
	answer = answer_read(fd);
	close(fd);
	/* Whole answers end with a newline. */
	if (*answer && answer[strlen(answer) - 1] == '\n')
		return answer;
	free(answer);
	complain("the machine ended, or did not answer within %d s", PATIENCE);
	return NULL;
}

/* Print what the answer holds. *more: where a list that is too long for one answer goes on. */
static int answer_show(char *answer, char **more)
{
	char *rest = answer, *line;

	if (!strncmp(answer, "error: ", 7)) {
		answer[strcspn(answer, "\n")] = 0;
		complain("%s", answer + 7);
		return LAB_FAILED;
	}
	while ((line = strsep(&rest, "\n"))) {
		if (!strncmp(line, "more ", 5))
			*more = must_strdup(line + 5);
		else if (*line && strcmp(line, "ok"))
			puts(line);
	}
	return LAB_OK;
}

static int request_send(const char *machine, const char *line, char **more)
{
	char *answer = ask(machine, line);
	int status = answer ? answer_show(answer, more) : LAB_FAILED;

	free(answer);
	return status;
}

static int fault_list(const char *machine, const char *disk)
{
	char *from = must_strdup("0"), *line, *next;
	int status;

	do {
		next = NULL;
		line = format("fault %s list %s\n", disk, from);
		status = request_send(machine, line, &next);
		free(line);
		free(from);
		from = next;
	} while (from && status == LAB_OK);
	free(from);
	return status;
}

/* As many requests as it takes for all ranges. */
static int fault_change(const char *machine, const char *disk, const char *what, char **range)
{
	char *line, *longer, *more = NULL;
	int status;

	do {
		line = format("fault %s %s", disk, what);
		while (*range && strlen(line) + strlen(*range) < REQUEST_MAX) {
			longer = format("%s %s", line, *range++);
			free(line);
			line = longer;
		}
		longer = format("%s\n", line);
		free(line);
		status = request_send(machine, longer, &more);
		free(longer);
		free(more);
		more = NULL;
	} while (*range && status == LAB_OK);
	return status;
}

/* What would break the line or never fit. */
static bool words_fit(char **word)
{
	for (; *word; word++) {
		if (**word && !strpbrk(*word, " \t\r\n") && strlen(*word) < 100)
			continue;
		complain("'%s' is neither a disk nor a range of sectors", *word);
		return false;
	}
	return true;
}

static int fault_run(const char *machine, int words, char **word)
{
	const char *what = words > 1 ? word[1] : "";
	bool change = !strcmp(what, "add") || !strcmp(what, "remove");

	if (words < 2) {
		complain(
			"say: blklab fault [--machine NAME] DISK add|remove|clear|list [RANGE...]");
		return LAB_USAGE;
	}
	if (!words_fit(word))
		return LAB_USAGE;
	if (!change && strcmp(what, "clear") && strcmp(what, "list")) {
		complain("there is no '%s': say add, remove, clear or list", what);
		return LAB_USAGE;
	}
	if (change && words == 2) {
		complain("%s what? Say sectors, such as 1000 or 1000-1007:r", what);
		return LAB_USAGE;
	}
	if (!change && words > 2) {
		complain("%s takes no sectors: it is about the whole disk", what);
		return LAB_USAGE;
	}
	return strcmp(what, "list") ? fault_change(machine, word[0], what, word + 2)
				    : fault_list(machine, word[0]);
}

int verb_fault(int argc, char **argv)
{
	static const struct option options[] = { { "machine", required_argument, NULL, 'm' }, {} };
	const char *machine = "default";
	int c;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, "+:m:", options, NULL)) >= 0) {
		if (c == ':')
			complain("--machine lacks the name of a machine");
		else if (c == '?')
			complain("fault has no option '%s': --machine NAME is the only one",
				 argv[optind - 1]);
		if (c != 'm')
			return LAB_USAGE;
		machine = optarg;
	}
	if (!*machine || strchr(machine, '/')) {
		complain("'%s' is no name of a machine", machine);
		return LAB_USAGE;
	}
	return fault_run(machine, argc - optind, argv + optind);
}
