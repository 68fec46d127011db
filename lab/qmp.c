// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU's machine protocol: a JSON object a line, each way.
 */
#include "qmp.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lab.h"

#define PATIENCE 30000 /* milliseconds */

struct qmp {
	int fd;
	json_int_t
		id; /* of the last command: an answer that comes too late is not the next one's */
	char *error;
	char *shutdown;     /* the reason of that event */
	unsigned int stops; /* events that say so, or that it was shut down */
	char *data;         /* received, not yet used */
	size_t size, room;
};

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

static int fail(struct qmp *qmp, int err, char *text)
{
	free(qmp->error);
	qmp->error = text;
	return err;
}

static int wait_for(struct qmp *qmp, short events, long long deadline)
{
	struct pollfd poll_fd = { .fd = qmp->fd, .events = events };
	long long left;
	int n;

	do {
		left = deadline - now();
		n = poll(&poll_fd, 1, left > 0 ? (int)left : 0);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		return 0;
	return fail(qmp, -ETIMEDOUT, format("QEMU did not answer within %d s", PATIENCE / 1000));
}

static int send_all(struct qmp *qmp, const char *text, size_t size, long long deadline)
{
	ssize_t n;
	int err;

	while (size) {
		err = wait_for(qmp, POLLOUT, deadline);
		if (err)
			return err;
		n = send(qmp->fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return fail(qmp, -EPIPE, must_strdup("QEMU is gone"));
		if (n > 0) {
			text += n;
			size -= (size_t)n;
		}
	}
	return 0;
}

static int receive_some(struct qmp *qmp, long long deadline)
{
	ssize_t n;
	int err;

	err = wait_for(qmp, POLLIN, deadline);
	if (err)
		return err;
	if (qmp->room - qmp->size < 4096) {
		qmp->room = 2 * qmp->room + 4096;
		qmp->data = must_realloc(qmp->data, qmp->room);
	}
	n = recv(qmp->fd, qmp->data + qmp->size, qmp->room - qmp->size, MSG_DONTWAIT);
	if (!n || (n < 0 && errno != EAGAIN && errno != EINTR))
		return fail(qmp, -EPIPE, must_strdup("QEMU is gone"));
	qmp->size += n > 0 ? (size_t)n : 0;
	return 0;
}

/* The next object, whatever it is. */
static int receive(struct qmp *qmp, json_t **object, long long deadline)
{
	size_t seen = 0, length;
	char *end = NULL;
	int err;

	while (!qmp->size || !(end = memchr(qmp->data + seen, '\n', qmp->size - seen))) {
		seen = qmp->size;
		err = receive_some(qmp, deadline);
		if (err)
			return err;
	}
	length = (size_t)(end - qmp->data) + 1;
	*object = json_loadb(qmp->data, length, 0, NULL);
	memmove(qmp->data, qmp->data + length, qmp->size - length);
	qmp->size -= length;
	if (!json_is_object(*object)) {
		json_decref(*object);
		return fail(qmp, -EIO, must_strdup("QEMU says something that is no QMP"));
	}
	return 0;
}

/* Events are skipped, but those that tell of a stop counted, and the reason of one kept. */
static void event_take(struct qmp *qmp, const json_t *object)
{
	const char *event = json_string_value(json_object_get(object, "event")), *reason;

	if (!event || (strcmp(event, "STOP") && strcmp(event, "SHUTDOWN")))
		return;
	qmp->stops++;
	if (!strcmp(event, "STOP") || qmp->shutdown)
		return;
	reason = json_string_value(json_object_get(json_object_get(object, "data"), "reason"));
	qmp->shutdown = must_strdup(reason ? reason : "");
}

static int receive_answer(struct qmp *qmp, json_t **answer, long long deadline)
{
	const char *text;
	json_t *object;
	int err;

	for (;;) {
		err = receive(qmp, &object, deadline);
		if (err)
			return err;
		if (json_integer_value(json_object_get(object, "id")) == qmp->id)
			break;
		event_take(qmp, object);
		json_decref(object);
	}
	if (json_object_get(object, "return")) {
		if (answer)
			*answer = json_incref(json_object_get(object, "return"));
	} else {
		text = json_string_value(json_object_get(json_object_get(object, "error"), "desc"));
		err = fail(qmp, -EIO, must_strdup(text ? text : "QEMU gives no reason"));
	}
	json_decref(object);
	return err;
}

int qmp_run(struct qmp *qmp, const char *command, json_t *arguments, json_t **answer)
{
	json_t *object = json_pack("{s:s, s:I}", "execute", command, "id", ++qmp->id);
	long long deadline = now() + PATIENCE;
	char *text, *line;
	int err;

	if (arguments)
		json_object_set_new(object, "arguments", arguments);
	text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	if (!text)
		return fail(qmp, -EIO, format("%s: its arguments are no JSON", command));
	line = format("%s\n", text);
	free(text);
	err = send_all(qmp, line, strlen(line), deadline);
	free(line);
	return err ? err : receive_answer(qmp, answer, deadline);
}

/* What has been received beside an answer. */
static int take_received(struct qmp *qmp)
{
	json_t *object;
	int err;

	while (qmp->size && memchr(qmp->data, '\n', qmp->size)) {
		err = receive(qmp, &object, 0);
		if (err)
			return err;
		event_take(qmp, object);
		json_decref(object);
	}
	return 0;
}

/* An answer that events overtook on their way is older than they are. */
int qmp_status(struct qmp *qmp, char **status)
{
	unsigned int stops;
	const char *word;
	json_t *answer;
	bool old;
	int err;

	do {
		stops = qmp->stops;
		err = qmp_run(qmp, "query-status", NULL, &answer);
		if (err)
			return err;
		word = json_string_value(json_object_get(answer, "status"));
		*status = must_strdup(word ? word : "");
		json_decref(answer);
		err = take_received(qmp);
		old = qmp->stops != stops && !strcmp(*status, "running");
		if (err || old)
			free(*status);
	} while (!err && old);
	return err;
}

char *qmp_human(struct qmp *qmp, const char *line)
{
	json_t *answer;
	char *text;

	if (qmp_run(qmp, "human-monitor-command", json_pack("{s:s}", "command-line", line),
		    &answer))
		return NULL;
	text = must_strdup(json_is_string(answer) ? json_string_value(answer) : "");
	json_decref(answer);
	return text;
}

/* Greeting and capabilities. */
static int greet(struct qmp *qmp)
{
	json_t *greeting;
	int err = receive(qmp, &greeting, now() + PATIENCE);

	if (err)
		return err;
	if (!json_object_get(greeting, "QMP"))
		err = fail(qmp, -EIO, must_strdup("this is not QEMU"));
	json_decref(greeting);
	return err ? err : qmp_run(qmp, "qmp_capabilities", NULL, NULL);
}

static struct qmp *open_one(int fd, bool tell)
{
	struct qmp *qmp = must_calloc(1, sizeof(*qmp));

	qmp->fd = fd;
	if (!greet(qmp))
		return qmp;
	if (tell)
		complain("QEMU's control socket: %s", qmp_error(qmp));
	qmp_close(qmp);
	return NULL;
}

struct qmp *qmp_open(int fd)
{
	return open_one(fd, true);
}

struct qmp *qmp_try(int fd)
{
	return open_one(fd, false);
}

const char *qmp_shutdown(const struct qmp *qmp)
{
	return qmp->shutdown;
}

int qmp_fd(const struct qmp *qmp)
{
	return qmp->fd;
}

void qmp_close(struct qmp *qmp)
{
	if (!qmp)
		return;
	close(qmp->fd);
	free(qmp->error);
	free(qmp->shutdown);
	free(qmp->data);
	free(qmp);
}

const char *qmp_error(const struct qmp *qmp)
{
	return qmp->error ? qmp->error : "no error";
}
