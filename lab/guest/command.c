// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command: starting it, and saying where it is.
 */
#include "guest.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <termios.h>
#include <unistd.h>

static int pty_open(const struct orders *orders, int *child)
{
	struct winsize size = { .ws_row = orders->rows, .ws_col = orders->columns };
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (master < 0 || grantpt(master) || unlockpt(master))
		fail("no terminal: %s", strerror(errno));
	ioctl(master, TIOCSWINSZ, &size);
	*child = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*child < 0)
		fail("no terminal: %s", strerror(errno));
	return master;
}

static _Noreturn void become(const struct orders *orders, const int fd[3])
{
	static const struct rlimit large = { 8 * WIRE_ORDERS_MAX, RLIM_INFINITY };
	sigset_t none;
	int i;

	setsid();
	if (orders->tty)
		ioctl(fd[0], TIOCSCTTY, 0);
	for (i = 0; i < 3; i++)
		dup2(fd[i], i);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (chdir(orders->cwd)) {
		fprintf(stderr, "blklab: %s: %s\n", orders->cwd, strerror(errno));
		_exit(126);
	}
	execvpe(orders->argv[0], orders->argv, orders->env);
	/* What the host could carry is not to fail for the usual limit, a quarter of the stack's.
	 */
	if (errno == E2BIG && !setrlimit(RLIMIT_STACK, &large))
		execvpe(orders->argv[0], orders->argv, orders->env);
	fprintf(stderr, "blklab: %s: %s\n", orders->argv[0],
		errno == ENOENT ? "not found" : strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* execvpe() looks for the command in the PATH of this process. */
static void path_adopt(char **env)
{
	for (; *env; env++)
		if (!strncmp(*env, "PATH=", 5))
			setenv("PATH", *env + 5, 1);
}

void command_start(struct command *command, const struct orders *orders)
{
	int pipes[3][2], fd[3], i;

	*command = (struct command){ .err = -1 };
	if (orders->tty) {
		command->in = command->out = pty_open(orders, &fd[0]);
		fd[1] = fd[2] = fd[0];
	} else {
		for (i = 0; i < 3; i++)
			if (pipe2(pipes[i], O_CLOEXEC))
				fail("no pipe: %s", strerror(errno));
		fd[0] = pipes[0][0];
		fd[1] = pipes[1][1];
		fd[2] = pipes[2][1];
		command->in = pipes[0][1];
		command->out = pipes[1][0];
		command->err = pipes[2][0];
	}
	path_adopt(orders->env);
	command->pid = fork();
	if (command->pid < 0)
		fail("no process: %s", strerror(errno));
	if (!command->pid)
		become(orders, fd);
	for (i = 0; i < (orders->tty ? 1 : 3); i++)
		close(fd[i]);
}

static size_t slurp(const char *directory, const char *name, char *text, size_t room)
{
	char path[700];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, room - 1);
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0;
	return n > 0 ? (size_t)n : 0;
}

/* State and parent from TASK/stat: both follow the name, which may hold anything. */
static char state_of(const char *task, bool *kernel)
{
	char stat[512], *end, state = '?';
	int parent = 0;

	slurp(task, "stat", stat, sizeof(stat));
	end = strrchr(stat, ')');
	if (end)
		sscanf(end + 1, " %c %d", &state, &parent);
	*kernel = parent == 2;
	return state;
}

struct report {
	char *text;
	size_t used, room;
};

__attribute__((format(printf, 2, 3))) static void tell(struct report *report, const char *words,
						       ...)
{
	size_t left = report->room - report->used;
	va_list list;
	int n;

	va_start(list, words);
	n = vsnprintf(report->text + report->used, left, words, list);
	va_end(list);
	if (n > 0)
		report->used += (size_t)n < left ? (size_t)n : left - 1;
}

static void tell_task(struct report *report, const char *task, const char *kind, const char *id)
{
	char name[64], stack[4096];
	bool kernel;
	char state = state_of(task, &kernel);

	/* Kernel threads that just sleep are no news. */
	if (state == 'Z' || ((kernel || !strcmp(id, "2")) && state != 'D' && state != 'R'))
		return;
	slurp(task, "comm", name, sizeof(name));
	name[strcspn(name, "\n")] = 0;
	slurp(task, "stack", stack, sizeof(stack));
	tell(report, "%s %s (%s), state %c\n%s", kind, id, name, state, stack);
}

/* A process, and its threads. */
static void tell_process(struct report *report, const char *pid)
{
	char path[600];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s", pid);
	tell_task(report, path, "process", pid);
	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, pid))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/task/%s", pid, entry->d_name);
		tell_task(report, path, "its thread", entry->d_name);
	}
	if (dir)
		closedir(dir);
}

/* Requests that block devices were given and have not ended. */
static void tell_requests(struct report *report)
{
	unsigned int reads, writes;
	char path[300], text[64];
	struct dirent *entry;
	DIR *dir = opendir("/sys/block");

	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/block/%s", entry->d_name);
		slurp(path, "inflight", text, sizeof(text));
		if (sscanf(text, "%u %u", &reads, &writes) == 2 && reads + writes)
			tell(report, "%s: %u reads and %u writes under way\n", entry->d_name, reads,
			     writes);
	}
	if (dir)
		closedir(dir);
}

size_t command_where(char *text, size_t room)
{
	struct report report = { .text = text, .room = room };
	struct dirent *entry;
	DIR *dir = opendir("/proc");

	text[0] = 0;
	tell_requests(&report);
	while (dir && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]) && strcmp(entry->d_name, "1"))
			tell_process(&report, entry->d_name);
	if (dir)
		closedir(dir);
	return report.used;
}
