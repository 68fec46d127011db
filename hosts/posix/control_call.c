// SPDX-License-Identifier: GPL-2.0-only
/* The client's end of the control socket. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hosts/posix/command.h"
#include "hosts/posix/line.h"

#define CLOSE_MS 10000

/* Lines up to the answer: new reference, or NULL at the end of the stream. */
static json_t *answer_read(FILE *in, int fd, command_progress *progress, void *ctx)
{
	json_t *line, *told;

	while ((line = json_loadf(in, JSON_DISABLE_EOF_CHECK, NULL))) {
		told = json_object_get(line, "progress");
		if (!told)
			return line;
		/* Ending our half asks the server to stop; it still answers. */
		if (progress && !progress(ctx, told))
			shutdown(fd, SHUT_WR);
		json_decref(line);
	}
	return NULL;
}

static void wait_for_end(int fd)
{
	struct pollfd end = { .fd = fd, .events = POLLRDHUP };

	poll(&end, 1, CLOSE_MS);
}

json_t *control_call(const char *name, json_t *request, command_progress *progress, void *ctx)
{
	const char *verb = json_string_value(json_object_get(request, "verb"));
	int fd = control_connect(name);
	json_t *answer = NULL;
	FILE *in;

	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	in = fdopen(fd, "r");
	if (!in) {
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	if (line_send(fd, request))
		answer = answer_read(in, fd, progress, ctx);
	if (answer && verb && !strcmp(verb, "close") && !json_object_get(answer, "error"))
		wait_for_end(fd);
	fclose(in);
	if (!answer)
		errno = ECONNRESET;
	return answer;
}

static int is_socket(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && !strcmp(dot, ".sock");
}

json_t *control_list(void)
{
	json_t *names = json_array();
	struct dirent **entries;
	char *error = NULL;
	const char *directory = runtime_directory(&error);
	int n = directory ? scandir(directory, &entries, is_socket, alphasort) : -1;

	free(error);
	for (int i = 0; i < n; i++) {
		int fd;

		*strrchr(entries[i]->d_name, '.') = 0;
		fd = control_connect(entries[i]->d_name);
		if (fd >= 0) {
			json_array_append_new(names, json_string(entries[i]->d_name));
			close(fd);
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return names;
}
