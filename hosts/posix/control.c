// SPDX-License-Identifier: GPL-2.0-only
/*
 * The server's end of the control socket: a thread that accepts, and one for each client, so that
 * a scrub that takes hours keeps nobody from asking for the status.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "hosts/posix/command.h"
#include "hosts/posix/device_ops.h"
#include "hosts/posix/line.h"
#include "hosts/posix/lockfile.h"

#define SESSIONS     16
#define PARTING_MSEC 1000 /* that whoever has just disconnected may take to be gone */

struct session {
	struct control *control;
	pthread_t thread;
	int fd;
	bool used, ended; /* under control->lock */
};

struct control {
	struct remap *remap;
	struct control_server server;
	struct sockaddr_un address;
	char *lock_path;
	int lock_fd, listen_fd;
	int wake[2]; /* a pipe: a byte in it ends the accepting thread */
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	bool closing;
	struct session sessions[SESSIONS];
};

/* ---- one client ---- */

static bool control_is_closing(struct control *c)
{
	bool closing;

	pthread_mutex_lock(&c->lock);
	closing = c->closing;
	pthread_mutex_unlock(&c->lock);
	return closing;
}

static bool session_progress(void *ctx, json_t *progress)
{
	struct session *s = ctx;
	struct pollfd client = { .fd = s->fd, .events = POLLRDHUP };
	json_t *line = json_pack("{s:O}", "progress", progress);
	bool sent = line && line_send(s->fd, line);

	json_decref(line);
	return sent && poll(&client, 1, 0) == 0 && !control_is_closing(s->control);
}

static unsigned int connections_left(struct control *c)
{
	const struct timespec nap = { .tv_nsec = 20000000 };
	unsigned int n = c->server.connections();

	for (int msec = 0; n && msec < PARTING_MSEC && !control_is_closing(c); msec += 20) {
		nanosleep(&nap, NULL);
		n = c->server.connections();
	}
	return n;
}

static json_t *session_close(struct control *c, const json_t *request, bool *quit)
{
	bool force = json_is_true(json_object_get(request, "force"));
	unsigned int users = force ? 0 : connections_left(c);
	char text[192];

	*quit = !users;
	if (!users)
		return json_pack("{s:{}}", "result");
	snprintf(text, sizeof(text),
		 "%s is in use by %u connection%s: unmount it, disconnect (nbd-client -d), and "
		 "close it then; --force ends it under them",
		 remap_name(c->remap), users, users == 1 ? "" : "s");
	return json_pack("{s:{s:s,s:i}}", "error", "message", text, "exit", EXIT_BUSY);
}

static bool session_answer(struct session *s, json_t *request)
{
	const char *verb = json_string_value(json_object_get(request, "verb"));
	bool quit = false, sent;
	json_t *answer;

	if (verb && !strcmp(verb, "close"))
		answer = session_close(s->control, request, &quit);
	else if (!verb)
		answer = json_pack("{s:{s:s,s:i}}", "error", "message",
				   "a request is a JSON object with a \"verb\"", "exit", 1);
	else
		answer = command_run(s->control->remap, request, session_progress, s);
	sent = answer && line_send(s->fd, answer);
	json_decref(answer);
	if (quit)
		s->control->server.quit();
	return sent;
}

static void *session_run(void *data)
{
	struct session *s = data;
	FILE *in = fdopen(dup(s->fd), "r");
	json_t *request;
	bool more = in;

	while (more && (request = json_loadf(in, JSON_DISABLE_EOF_CHECK, NULL))) {
		more = session_answer(s, request);
		json_decref(request);
	}
	if (more && !feof(in))
		session_answer(s, NULL);
	if (in)
		fclose(in);
	/* The descriptor stays open until the thread is joined: "close" waits for its end. */
	pthread_mutex_lock(&s->control->lock);
	s->ended = true;
	if (!s->control->closing)
		shutdown(s->fd, SHUT_RDWR);
	pthread_mutex_unlock(&s->control->lock);
	return NULL;
}

static void session_bury(struct session *s)
{
	pthread_join(s->thread, NULL);
	close(s->fd);
	s->used = false;
}

/* A free place; those of clients that have gone are cleared for it. Only the accepting thread. */
static struct session *session_find(struct control *c)
{
	struct session *place = NULL;

	for (int i = 0; i < SESSIONS; i++) {
		struct session *s = &c->sessions[i];
		bool ended;

		pthread_mutex_lock(&c->lock);
		ended = s->used && s->ended;
		pthread_mutex_unlock(&c->lock);
		if (ended)
			session_bury(s);
		if (!s->used && !place)
			place = s;
	}
	return place;
}

/* Signals are for the server's own threads. */
static int thread_create(pthread_t *thread, void *(*run)(void *data), void *data)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(thread, NULL, run, data);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -err;
}

static bool client_is_owner(int fd)
{
	struct ucred who;
	socklen_t size = sizeof(who);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) &&
	       (who.uid == geteuid() || who.uid == 0);
}

static void session_start(struct control *c, int fd)
{
	struct session *s = client_is_owner(fd) ? session_find(c) : NULL;
	json_t *busy;

	if (s) {
		*s = (struct session){ .control = c, .fd = fd, .used = true };
		if (!thread_create(&s->thread, session_run, s))
			return;
		s->used = false;
	}
	busy = json_pack("{s:{s:s,s:i}}", "error", "message",
			 "too many requests at once: try again", "exit", EXIT_BUSY);
	line_send(fd, busy);
	json_decref(busy);
	close(fd);
}

/* ---- accepting ---- */

static void *accept_run(void *data)
{
	struct control *c = data;
	struct pollfd fds[2] = { { .fd = c->listen_fd, .events = POLLIN },
				 { .fd = c->wake[0], .events = POLLIN } };

	for (;;) {
		int fd;

		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents)
			return NULL;
		fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			session_start(c, fd);
	}
}

int control_start(struct control *c, struct remap *remap)
{
	int err;

	c->remap = remap;
	err = thread_create(&c->thread, accept_run, c);
	c->started = !err;
	return err;
}

/* ---- life ---- */

static void *fail_address(const char *name, int err, char **error, int *code)
{
	if (err == -EACCES) { /* *error is set */
		*code = EXIT_PERMISSION;
		return NULL;
	}
	if (err == -EINVAL)
		return device_fail(error, code, 1,
				   "\"%s\" can't be a device's name: use up to %d letters, digits "
				   "and -_.:+",
				   name, CONTROL_NAME_MAX);
	return device_fail(error, code, 1,
			   "the path of the control socket for %s is too long: set "
			   "BLKMEND_RUNTIME_DIR to a shorter directory",
			   name);
}

/* Who has the lock has the name: a socket that a killed server left is then ours to replace. */
static bool name_lock(struct control *c, const char *name, char **error, int *code)
{
	const char *path = c->address.sun_path;

	/* The socket's path, with ".sock" replaced by ".lock". */
	if (asprintf(&c->lock_path, "%.*s.lock", (int)(strlen(path) - strlen(".sock")), path) < 0) {
		c->lock_path = NULL;
		device_fail(error, code, EXIT_MEMORY, "out of memory");
		return false;
	}
	c->lock_fd = lockfile_take(c->lock_path, false);
	if (c->lock_fd >= 0)
		return true;
	if (c->lock_fd == -EWOULDBLOCK)
		device_fail(error, code, EXIT_BUSY,
			    "a device named %s is being served already: choose another name, or "
			    "end that one (blkmend close %s)",
			    name, name);
	else
		device_fail(error, code, EXIT_PERMISSION, "can't lock %s: %s", c->lock_path,
			    strerror(-c->lock_fd));
	return false;
}

static bool name_listen(struct control *c, char **error, int *code)
{
	const struct sockaddr *address = (const struct sockaddr *)&c->address;

	unlink(c->address.sun_path);
	c->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->listen_fd >= 0 && !bind(c->listen_fd, address, sizeof(c->address)) &&
	    !chmod(c->address.sun_path, 0600) && !listen(c->listen_fd, SESSIONS))
		return true;
	device_fail(error, code, EXIT_PERMISSION, "can't listen at %s: %s", c->address.sun_path,
		    strerror(errno));
	return false;
}

struct control *control_listen(const char *name, const struct control_server *server, char **error,
			       int *code)
{
	struct sockaddr_un address;
	int err = control_address(name, &address, error);
	struct control *c;

	if (err)
		return fail_address(name, err, error, code);
	c = calloc(1, sizeof(*c));
	if (!c)
		return device_fail(error, code, EXIT_MEMORY, "out of memory");
	c->server = *server;
	c->address = address;
	c->lock_fd = c->listen_fd = c->wake[0] = c->wake[1] = -1;
	pthread_mutex_init(&c->lock, NULL);
	if (!name_lock(c, name, error, code) || !name_listen(c, error, code))
		goto err_close;
	if (pipe2(c->wake, O_CLOEXEC)) {
		device_fail(error, code, EXIT_MEMORY, "can't make a pipe: %s", strerror(errno));
		goto err_close;
	}
	return c;

err_close:
	control_close(c);
	return NULL;
}

static void fd_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void sessions_end(struct control *c)
{
	pthread_mutex_lock(&c->lock);
	c->closing = true;
	for (int i = 0; i < SESSIONS; i++)
		if (c->sessions[i].used)
			shutdown(c->sessions[i].fd, SHUT_RD);
	pthread_mutex_unlock(&c->lock);
	for (int i = 0; i < SESSIONS; i++)
		if (c->sessions[i].used)
			pthread_join(c->sessions[i].thread, NULL);
}

void control_stop(struct control *c)
{
	if (!c || !c->started)
		return;
	c->started = false;
	/* Not by closing it: a parent that forked us may have the other end as well. */
	while (write(c->wake[1], "", 1) < 0 && errno == EINTR)
		;
	pthread_join(c->thread, NULL);
	sessions_end(c);
	command_stop(c->remap);
}

void control_close(struct control *c)
{
	if (!c)
		return;
	control_stop(c);
	if (c->listen_fd >= 0)
		unlink(c->address.sun_path);
	fd_close(c->listen_fd);
	fd_close(c->wake[0]);
	fd_close(c->wake[1]);
	if (c->lock_fd >= 0)
		lockfile_release(c->lock_fd, c->lock_path);
	/* Clients that wait for the end of a "close" see it now. */
	for (int i = 0; i < SESSIONS; i++)
		if (c->sessions[i].used)
			close(c->sessions[i].fd);
	pthread_mutex_destroy(&c->lock);
	free(c->lock_path);
	free(c);
}
