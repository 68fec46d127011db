// SPDX-License-Identifier: GPL-2.0-only
/*
 * Between the host and the command: streams, signals, the window's size, requests of programs in
 * the guest, and the kernel log.
 */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define CLIENTS 8

/* What the command has yet to read. */
static struct {
	char data[65536];
	size_t from, to;
	uint64_t got; /* in all */
	uint64_t end; /* how many there will be, when that is known */
} input = { .end = ~0ull };

static int log_fd = -1, listener = -1;
static int client[CLIENTS];

enum {
	CONTROL,
	IN,
	TO_COMMAND,
	OUT,
	ERR,
	LOG,
	CHILD,
	LISTEN,
	FIRST_CLIENT,
	FDS = FIRST_CLIENT + CLIENTS
};

static void set_nonblocking(int fd)
{
	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/*
 * The kernel log.
 */

/* "LEVEL,NUMBER,MICROSECONDS,...;TEXT\n", perhaps more lines that begin with a blank. */
static void log_record(char *record)
{
	unsigned long long number, us;
	unsigned int level;
	char *text = strchr(record, ';');

	if (!text || sscanf(record, "%u,%llu,%llu", &level, &number, &us) != 3)
		return;
	text[1 + strcspn(text + 1, "\n")] = 0;
	wire_text(WIRE_KMSG, "%u,%llu.%06llu;%s\n", level & 7, us / 1000000, us % 1000000,
		  text + 1);
}

void relay_log(void)
{
	char record[8192];
	ssize_t n;

	for (;;) {
		n = read(log_fd, record, sizeof(record) - 1);
		if (n < 0 && errno == EPIPE)
			wire_text(WIRE_KMSG,
				  "4,0.000000;(the kernel log was longer than its buffer: "
				  "some of it is lost here)\n");
		else if (n <= 0)
			return;
		else
			record[n] = 0, log_record(record);
	}
}

/*
 * The command's streams.
 */

static bool copy_out(int *fd, enum wire_type type)
{
	char data[32768];
	ssize_t n;

	if (*fd < 0)
		return false;
	n = read(*fd, data, sizeof(data));
	if (n > 0) {
		wire_send(type, data, (size_t)n);
		return true;
	}
	/* A terminal that nobody has open any more says EIO. */
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		close_one(fd);
	return false;
}

static void input_read(int in)
{
	ssize_t n = read(in, input.data, sizeof(input.data));

	if (n <= 0)
		return;
	input.from = 0;
	input.to = (size_t)n;
	input.got += (uint64_t)n;
}

static void input_write(struct command *command)
{
	ssize_t n;

	if (command->in < 0) {
		input.from = input.to; /* it reads no more */
		return;
	}
	n = write(command->in, input.data + input.from, input.to - input.from);
	if (n > 0)
		input.from += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		close_one(&command->in);
}

/* A terminal's end of input is a character; a pipe is closed. */
static void input_end(struct command *command)
{
	if (input.from != input.to || input.got != input.end || command->in < 0)
		return;
	if (command->in == command->out)
		return;
	close_one(&command->in);
}

/*
 * Frames from the host.
 */

static void window(const struct command *command, const uint16_t size[2])
{
	struct winsize to = { .ws_row = size[0], .ws_col = size[1] };

	if (command->out >= 0)
		ioctl(command->out, TIOCSWINSZ, &to);
}

static void reply(const char *data, size_t size)
{
	uint32_t id;

	if (size < sizeof(id))
		return;
	memcpy(&id, data, sizeof(id));
	if (id >= CLIENTS || client[id] < 0)
		return;
	if (send(client[id], data + sizeof(id), size - sizeof(id), MSG_NOSIGNAL) < 0)
		perror("blklab init: a reply");
	close_one(&client[id]);
}

static void control(struct command *command)
{
	static char data[WIRE_MAX], where[WIRE_MAX];
	struct wire_head head;
	uint32_t number;

	wire_read(&head, data, sizeof(data));
	switch (head.type) {
	case WIRE_STDIN_END:
		memcpy(&input.end, data, sizeof(input.end));
		break;
	case WIRE_SIGNAL:
		memcpy(&number, data, sizeof(number));
		kill(-command->pid, (int)number);
		break;
	case WIRE_WINDOW:
		window(command, (const uint16_t *)data);
		break;
	case WIRE_REPLY:
		reply(data, head.size);
		break;
	case WIRE_TELL:
		wire_send(WIRE_WHERE, where, command_where(where, sizeof(where)));
		break;
	}
}

/*
 * Requests of programs in the guest: a line each way, one a connection.
 */

void relay_listen(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = WIRE_SOCKET };

	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener >= 0 &&
	    (bind(listener, (struct sockaddr *)&name, sizeof(name)) || listen(listener, CLIENTS)))
		close_one(&listener);
}

static void client_accept(void)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), i;

	for (i = 0; i < CLIENTS && fd >= 0; i++) {
		if (client[i] >= 0)
			continue;
		client[i] = fd;
		return;
	}
	close_one(&fd);
}

static void client_read(uint32_t i)
{
	char frame[4096];
	ssize_t n = read(client[i], frame + sizeof(i), sizeof(frame) - sizeof(i));

	if (n <= 0) {
		close_one(&client[i]);
		return;
	}
	memcpy(frame, &i, sizeof(i));
	wire_send(WIRE_REQUEST, frame, sizeof(i) + (size_t)n);
}

/*
 * All of it.
 */

static void reap(struct command *command)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != command->pid)
			continue;
		command->status = status;
		command->ended = true;
	}
}

static void fill(struct pollfd fds[FDS], const struct command *command, int in)
{
	bool waiting = input.from != input.to;
	int i;

	fds[CONTROL] = (struct pollfd){ control_fd, POLLIN, 0 };
	fds[IN] = (struct pollfd){ waiting || input.got == input.end ? -1 : in, POLLIN, 0 };
	fds[TO_COMMAND] = (struct pollfd){ waiting ? command->in : -1, POLLOUT, 0 };
	fds[OUT] = (struct pollfd){ command->out, POLLIN, 0 };
	fds[ERR] = (struct pollfd){ command->err, POLLIN, 0 };
	fds[LOG] = (struct pollfd){ log_fd, POLLIN, 0 };
	for (i = 0; i < CLIENTS; i++)
		fds[FIRST_CLIENT + i] = (struct pollfd){ client[i], POLLIN, 0 };
}

static void serve(struct pollfd fds[FDS], struct command *command, int in)
{
	uint32_t i;

	if (fds[CONTROL].revents)
		control(command);
	if (fds[IN].revents)
		input_read(in);
	if (input.from != input.to)
		input_write(command);
	input_end(command);
	if (fds[OUT].revents)
		copy_out(&command->out, WIRE_STDOUT);
	if (fds[ERR].revents)
		copy_out(&command->err, WIRE_STDERR);
	if (fds[LOG].revents)
		relay_log();
	if (fds[LISTEN].revents)
		client_accept();
	for (i = 0; i < CLIENTS; i++)
		if (fds[FIRST_CLIENT + i].revents)
			client_read(i);
}

void relay_run(struct command *command, int in)
{
	struct signalfd_siginfo info;
	struct pollfd fds[FDS];
	sigset_t set;

	log_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	memset(client, -1, sizeof(client));
	set_nonblocking(command->in);
	set_nonblocking(command->out);
	set_nonblocking(command->err);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fds[CHILD] = (struct pollfd){ signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), POLLIN, 0 };
	fds[LISTEN] = (struct pollfd){ listener, POLLIN, 0 };
	/* It may have ended before its signal was blocked. */
	for (reap(command); !command->ended; reap(command)) {
		fill(fds, command, in);
		if (poll(fds, FDS, -1) < 0)
			continue;
		if (fds[CHILD].revents && read(fds[CHILD].fd, &info, sizeof(info)) < 0 &&
		    errno != EAGAIN)
			perror("blklab init: signalfd");
		serve(fds, command, in);
	}
	while (copy_out(&command->out, WIRE_STDOUT) || copy_out(&command->err, WIRE_STDERR))
		;
}
