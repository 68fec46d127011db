// SPDX-License-Identifier: GPL-2.0-only
/*
 * The loop between blklab and a guest's init.
 */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define BOOT_LIMIT  90  /* seconds with a processor to run on; two or three are usual */
#define BOOT_LONGER 900 /* all in */
#define GONE_LIMIT  3   /* seconds for QEMU to end once nobody answers */

double session_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/*
 * Frames.
 */

/* As much as the guest takes; whether it is there at all is seen by reading. */
static void send_rest(struct session *session)
{
	ssize_t n = send(session->control, session->rest.data + session->rest.from,
			 session->rest.to - session->rest.from, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n > 0)
		session->rest.from += (size_t)n;
	if (session->rest.from == session->rest.to || (n < 0 && errno != EAGAIN && errno != EINTR))
		session->rest.from = session->rest.to = 0;
}

/* It is never waited for: a guest that hangs takes nothing. */
static void send_frame(struct session *session, enum wire_type type, const void *data, size_t size)
{
	struct wire_head head = { WIRE_MAGIC, (uint16_t)type, 0, (uint32_t)size };
	char *to;

	session->rest.data =
		must_realloc(session->rest.data, session->rest.to + sizeof(head) + size);
	to = session->rest.data + session->rest.to;
	memcpy(to, &head, sizeof(head));
	if (size)
		memcpy(to + sizeof(head), data, size);
	session->rest.to += sizeof(head) + size;
	send_rest(session);
}

static int signal_taken(struct session *session);

static void keep(char **text, size_t *have, const char *data, size_t size)
{
	*text = must_realloc(*text, *have + size + 1);
	memcpy(*text + *have, data, size);
	*have += size;
	(*text)[*have] = 0;
}

/* Until something can be written: whoever should read it may take for ever. */
static int output_wait(struct session *session, int fd)
{
	struct pollfd fds[] = { { fd, POLLOUT, 0 }, { session->signals, POLLIN, 0 } };
	double left;
	int err = 0;

	while (!err && !fds[0].revents) {
		left = session->deadline - session_now();
		if (session->deadline && left <= 0)
			return -ETIMEDOUT;
		if (poll(fds, 2, session->deadline ? (int)(left * 1000) + 1 : -1) < 0)
			return errno == EINTR ? 0 : -errno;
		if (fds[1].revents)
			err = signal_taken(session);
	}
	return err;
}

/* To where the command's stdout or stderr goes, or into the result. 0, -EINTR, -ETIMEDOUT. */
static int output(struct session *session, bool error, const char *data, size_t size)
{
	struct machine_options *options = session->options;
	struct machine_result *result = session->result;
	int *fd = error ? &options->err : &options->out, err = 0;
	ssize_t n;

	if (options->capture) {
		keep(error ? &result->error : &result->output,
		     error ? &result->error_size : &result->output_size, data, size);
		return 0;
	}
	while (!err && size && *fd >= 0) {
		err = output_wait(session, *fd);
		session->blocked = err == -ETIMEDOUT;
		if (err)
			break;
		/* No more than what a pipe that can be written to takes without waiting. */
		n = write(*fd, data, size < PIPE_BUF ? size : PIPE_BUF);
		if (n < 0 && errno != EINTR && errno != EAGAIN) {
			/* Nobody reads on: the command would have been told so on the host. */
			if (errno == EPIPE) {
				send_frame(session, WIRE_SIGNAL, &(uint32_t){ SIGPIPE }, 4);
			} else {
				complain("%s: %s", error ? "stderr" : "stdout", strerror(errno));
				session->lost = true;
			}
			*fd = -1;
		}
		data += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
	}
	return err;
}

/* A request of a program in the guest: a line that belongs to disks. */
static void request(struct session *session, const char *data, size_t size)
{
	char *line, *answer, *frame;
	size_t n;

	if (size < 4)
		return;
	line = format("%.*s", (int)(size - 4), data + 4);
	line[strcspn(line, "\n")] = 0;
	answer = disks_request(&session->options->disks, session->qmp, line);
	n = strlen(answer) < WIRE_MAX - 4 ? strlen(answer) : WIRE_MAX - 4;
	frame = must_calloc(1, n + 4);
	memcpy(frame, data, 4);
	memcpy(frame + 4, answer, n);
	send_frame(session, WIRE_REPLY, frame, n + 4);
	free(frame);
	free(answer);
	free(line);
}

static void set_text(char **text, const char *data, size_t size)
{
	free(*text);
	*text = format("%.*s", (int)size, data);
}

/* For the debugger; what can't be kept it does without. */
static void symbols_keep(const struct session *session, const char *data, size_t size)
{
	char *path = format("%s/kallsyms", session->directory);
	FILE *file = fopen(path, "ae");

	if (!file || fwrite(data, 1, size, file) != size || fclose(file))
		complain("%s: %s", path, strerror(errno));
	free(path);
}

static void ended(struct session *session, const char *data, size_t size)
{
	uint32_t end[3];
	int status;

	if (size < sizeof(end))
		return;
	memcpy(end, data, sizeof(end));
	status = (int)end[0];
	session->result->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	session->stuck = end[1] == WIRE_END_STUCK;
	session->taint = end[2];
	session->ended = true;
}

static int handle(struct session *session, unsigned int type, const char *data, size_t size)
{
	switch (type) {
	case WIRE_HELLO:
		session->hello = true;
		set_text(&session->result->release, data, size);
		session->result->boot = session_now() - session->started;
		break;
	case WIRE_STDOUT:
	case WIRE_STDERR:
		return output(session, type == WIRE_STDERR, data, size);
	case WIRE_LOADING:
		set_text(&session->loading, data, size);
		break;
	case WIRE_LOADED:
		free(session->loading);
		session->loading = NULL;
		break;
	case WIRE_STARTED:
		session->begun = true;
		break;
	case WIRE_KMSG:
		klog_record(&session->result->log, data, size);
		break;
	case WIRE_FAIL:
		set_text(&session->failure, data, size);
		break;
	case WIRE_REQUEST:
		request(session, data, size);
		break;
	case WIRE_WHERE:
		set_text(&session->where, data, size);
		break;
	case WIRE_SYMBOLS:
		symbols_keep(session, data, size);
		break;
	case WIRE_HELD:
		set_text(&session->held, data, size);
		break;
	case WIRE_EXIT:
		ended(session, data, size);
		break;
	}
	return 0;
}

/* Read what there is. -EPIPE when the guest is gone or says what makes no sense. */
static int receive(struct session *session)
{
	struct wire_head head;
	size_t at = 0;
	int err = 0;
	ssize_t n;

	n = recv(session->control, session->frame + session->framed,
		 sizeof(session->frame) - session->framed, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -EPIPE;
	session->framed += (size_t)n;
	while (!err && session->framed - at >= sizeof(head)) {
		memcpy(&head, session->frame + at, sizeof(head));
		if (head.magic != WIRE_MAGIC || head.size > WIRE_MAX)
			return -EPIPE;
		if (session->framed - at < sizeof(head) + head.size)
			break;
		err = handle(session, head.type, session->frame + at + sizeof(head), head.size);
		at += sizeof(head) + head.size;
	}
	memmove(session->frame, session->frame + at, session->framed - at);
	session->framed -= at;
	return err;
}

/*
 * Input.
 */

static void input_read(struct session *session)
{
	ssize_t n = read(session->options->in, session->input.data, sizeof(session->input.data));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0) {
		complain("stdin: %s", strerror(errno));
		session->lost = true;
	}
	session->input.from = 0;
	session->input.to = n > 0 ? (size_t)n : 0;
	session->input.end = n <= 0;
}

static void input_send(struct session *session)
{
	ssize_t n;

	if (session->input.from < session->input.to) {
		n = send(session->in, session->input.data + session->input.from,
			 session->input.to - session->input.from, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			session->input.from += (size_t)n;
			session->input.sent += (uint64_t)n;
		} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
			session->input.from = session->input.to;
		}
	}
	if (session->input.end && !session->input.told &&
	    session->input.from == session->input.to) {
		session->input.told = true;
		send_frame(session, WIRE_STDIN_END, &session->input.sent, 8);
	}
}

/*
 * Requests from the host: one line, one answer.
 */

static void client_serve(struct session *session)
{
	int fd = accept4(session->listener, NULL, NULL, SOCK_CLOEXEC);
	struct timeval limit = { .tv_sec = 2 };
	char line[4096], *answer;
	size_t size = 0;
	ssize_t n;

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	while (size < sizeof(line) - 1 && !memchr(line, '\n', size)) {
		n = recv(fd, line + size, sizeof(line) - 1 - size, 0);
		if (n <= 0)
			break;
		size += (size_t)n;
	}
	line[size] = 0;
	/* Half a request is none. */
	if (strchr(line, '\n')) {
		*strchr(line, '\n') = 0;
		answer = disks_request(&session->options->disks, session->qmp, line);
	} else {
		answer = must_strdup("error: a request is one line of less than 4096 bytes\n");
	}
	if (size && send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
		note("the answer to '%s' reached nobody", line);
	free(answer);
	close(fd);
}

/*
 * The loop.
 */

static void window_changed(struct session *session)
{
	struct winsize size;
	uint16_t frame[2];

	if (!session->begun || ioctl(session->options->in, TIOCGWINSZ, &size))
		return;
	frame[0] = size.ws_row;
	frame[1] = size.ws_col;
	send_frame(session, WIRE_WINDOW, frame, sizeof(frame));
}

/* Its own end of a socket may outlive it: processes of User Mode Linux share that. */
static bool guest_gone(const struct session *session)
{
	siginfo_t info = { .si_pid = 0 };

	return session->pid > 0 &&
	       !waitid(P_PID, (id_t)session->pid, &info, WEXITED | WNOHANG | WNOWAIT) &&
	       info.si_pid;
}

static int signal_taken(struct session *session)
{
	struct signalfd_siginfo info;

	while (read(session->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGWINCH) {
			window_changed(session);
		} else if (info.ssi_signo == SIGCHLD) {
			if (session->debugger &&
			    waitpid(session->debugger, &session->debugger_status, WNOHANG) > 0)
				return -ECHILD;
			session->gone = guest_gone(session);
		} else if (info.ssi_signo != SIGINT || !session->debugger) {
			session->result->status = (int)info.ssi_signo;
			return -EINTR;
		}
	}
	return 0;
}

enum { CONTROL, SIGNALS, LISTENER, INPUT, PORT, FDS };

/* One turn. 0, or -ETIMEDOUT, -EPIPE, -EINTR. */
static int turn(struct session *session)
{
	bool waiting = session->input.from < session->input.to;
	bool open = session->begun && !session->input.end && session->options->in >= 0;
	struct pollfd fds[FDS] = {
		[CONTROL] = { session->control, session->rest.to ? POLLIN | POLLOUT : POLLIN, 0 },
		[SIGNALS] = { session->signals, POLLIN, 0 },
		[LISTENER] = { session->listener, POLLIN, 0 },
		[INPUT] = { open && !waiting ? session->options->in : -1, POLLIN, 0 },
		[PORT] = { waiting ? session->in : -1, POLLOUT, 0 },
	};
	double left = session->deadline - session_now();
	int err = 0;

	if (session->deadline && left <= 0)
		return -ETIMEDOUT;
	if (session->gone)
		left = 0;
	if (poll(fds, FDS, session->deadline || session->gone ? (int)(left * 1000) + 1 : -1) < 0)
		return errno == EINTR ? 0 : -errno;
	if (session->gone && !(fds[CONTROL].revents & POLLIN))
		return -EPIPE;
	if (fds[SIGNALS].revents)
		err = signal_taken(session);
	if (fds[CONTROL].revents & POLLOUT)
		send_rest(session);
	if (!err && fds[CONTROL].revents & ~POLLOUT)
		err = receive(session);
	if (!err && fds[LISTENER].revents)
		client_serve(session);
	if (!err && fds[INPUT].revents)
		input_read(session);
	if (!err && session->begun)
		input_send(session);
	return err;
}

/* On a host that has more to do than it can the limit is longer by what the guest had to wait. */
static bool boot_extend(struct session *session)
{
	double limit = BOOT_LIMIT + session_starved(session->pid);

	if (limit > BOOT_LONGER)
		limit = BOOT_LONGER;
	session->deadline = session->started + limit;
	return session->deadline > session_now();
}

int session_hello(struct session *session)
{
	int err = 0;

	session->deadline = session->started + BOOT_LIMIT;
	while (!err && !session->hello) {
		err = turn(session);
		if (err == -ETIMEDOUT && boot_extend(session))
			err = 0;
	}
	return err;
}

static void send_orders(struct session *session)
{
	size_t i, used = 0;
	char *text = NULL;

	for (i = 0; i < session->orders.n; i++) {
		size_t size = strlen(session->orders.item[i]) + 1;

		text = must_realloc(text, used + size);
		memcpy(text + used, session->orders.item[i], size);
		used += size;
	}
	for (i = 0; i < used; i += WIRE_MAX)
		send_frame(session, WIRE_ORDERS, text + i,
			   used - i < WIRE_MAX ? used - i : WIRE_MAX);
	free(text);
	send_frame(session, WIRE_ORDERS, NULL, 0);
}

/* The guest may be slow to say where it hangs, or may not be able to. */
static int ask_where(struct session *session)
{
	int err = 0;

	/* What nobody has read for so long must not stand in the way of the answer. */
	if (session->blocked)
		session->options->out = session->options->err = -1;
	send_frame(session, WIRE_TELL, NULL, 0);
	session->deadline = session_now() + GONE_LIMIT;
	while (!err && !session->where && !session->ended)
		err = turn(session);
	return err;
}

/* A kernel that answers nobody panics on an interrupt that it can't mask, and says where it was. */
static void provoke_panic(struct session *session)
{
	if (session->kernel->uml)
		kill(session->pid, SIGINT); /* which is made to mean just that: mend.c */
	else if (!session->qmp || qmp_run(session->qmp, "inject-nmi", NULL, NULL))
		return;
	session->deadline = session_now() + GONE_LIMIT;
	while (!turn(session))
		;
}

void session_forget(struct session *session)
{
	session->framed = 0;
	session->gone = false;
	free(session->rest.data);
	session->rest.data = NULL;
	session->rest.from = session->rest.to = 0;
}

void session_go(struct session *session)
{
	send_frame(session, WIRE_GO, NULL, 0);
}

int session_run(struct session *session)
{
	unsigned int limit = session->options->timeout;
	int err = 0;

	send_orders(session);
	session->input.end = session->options->in < 0;
	session->deadline = limit ? session_now() + limit / 1000.0 : 0;
	while (!err && !session->ended && !session->failure) {
		err = turn(session);
		if (!err && session->held && !session->debugger)
			err = session->attach(session);
	}
	if (err == -ETIMEDOUT) {
		if (ask_where(session) == -EINTR)
			return -EINTR;
		if (session->ended)
			return 0; /* in the last moment */
		if (!session->where)
			provoke_panic(session);
	}
	return err;
}
