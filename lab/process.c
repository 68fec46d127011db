// SPDX-License-Identifier: GPL-2.0-only
/*
 * Other programs. They die with us, however we end.
 */
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(char *const argv[])
{
	fputc('+', stderr);
	for (; *argv; argv++)
		fprintf(stderr, strpbrk(*argv, " \"'{}$;|&*") ? " '%s'" : " %s", *argv);
	fputc('\n', stderr);
}

/*
 * Those that are waited for. All that one of them starts is in its process group.
 */

#define GRACE 3 /* seconds that they have to end in an orderly way */

static const int deadly[] = { SIGINT, SIGTERM, SIGHUP, SIGALRM };
#define DEADLY (sizeof(deadly) / sizeof(*deadly))

static struct sigaction before[DEADLY];
static pid_t *running;
static size_t runs;
static volatile sig_atomic_t taken, times; /* the signal that is to end us; how often */

/*
 * Once they are asked to end. The second time, or when the alarm says that it takes too long, they
 * are not asked; and then whatever we wait for is no reason to stay.
 */
static void end_them(int number)
{
	int err = errno;
	size_t i;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (i = 0; i < runs; i++)
		kill(-running[i], times ? SIGKILL : SIGTERM);
	if (!times)
		taken = number;
	if (times++ == 2) {
		signal(taken, SIG_DFL);
		raise(taken);
	}
	alarm(GRACE);
	errno = err;
}

static void deadly_hold(sigset_t *mask)
{
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < DEADLY; i++)
		sigaddset(&set, deadly[i]);
	sigprocmask(SIG_BLOCK, &set, mask);
}

/* What is ignored stays so. */
static void deadly_catch(void)
{
	struct sigaction catch = { .sa_handler = end_them, .sa_flags = SA_RESTART };
	size_t i;

	for (i = 0; i < DEADLY; i++) {
		sigaction(deadly[i], NULL, &before[i]);
		if (before[i].sa_handler != SIG_IGN)
			sigaction(deadly[i], &catch, NULL);
	}
}

static void deadly_restore(void)
{
	size_t i;

	for (i = 0; i < DEADLY; i++)
		sigaction(deadly[i], &before[i], NULL);
}

static void child_prepare(pid_t parent)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	/* A ^C is ours to pass on, or not. */
	setpgid(0, 0);
	if (runs)
		deadly_restore();
	runs = 0;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

pid_t process_fork(void)
{
	pid_t parent = getpid(), pid;
	sigset_t mask;

	fflush(NULL);
	deadly_hold(&mask);
	pid = fork();
	if (!pid) {
		child_prepare(parent);
		return 0;
	}
	if (pid > 0) {
		setpgid(pid, pid);
		if (!runs)
			deadly_catch();
		running = must_realloc(running, (runs + 1) * sizeof(*running));
		running[runs++] = pid;
	}
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return pid < 0 ? -errno : pid;
}

int process_signal(void)
{
	return taken;
}

/* When it was told to end: all of its group, whose orphans are ours then. */
static int reap(pid_t pid)
{
	int status = SIGTERM;
	sigset_t mask;
	size_t i;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	while (taken && (waitpid(-pid, NULL, 0) > 0 || errno == EINTR))
		;
	deadly_hold(&mask);
	for (i = 0; i < runs; i++)
		if (running[i] == pid)
			running[i--] = running[--runs];
	if (!runs)
		deadly_restore();
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return status;
}

int process_wait(pid_t pid)
{
	int status = reap(pid), number = taken;

	if (number) {
		while (runs)
			reap(running[0]);
		alarm(0);
		taken = times = 0;
		progress("%s", "");
		raise(number);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/*
 * Starting them.
 */

static _Noreturn void become(char *const argv[], const int fds[3])
{
	int i;

	for (i = 0; i < 3; i++)
		if (fds[i] >= 0)
			dup2(fds[i], i);
	execvp(argv[0], argv);
	_exit(127);
}

int process_start(char *const argv[], const int fds[3])
{
	pid_t parent = getpid(), pid;

	if (lab_verbose)
		show(argv);
	fflush(NULL);
	pid = fork();
	if (pid)
		return pid < 0 ? -errno : pid;
	child_prepare(parent);
	become(argv, fds);
}

int process_begin(char *const argv[], const int fds[3])
{
	pid_t pid;

	if (lab_verbose)
		show(argv);
	pid = process_fork();
	if (!pid)
		become(argv, fds);
	return pid;
}

static char *read_all(int fd)
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

int process_run(char *const argv[], char **output)
{
	int pipe_fd[2] = { -1, -1 }, null = open("/dev/null", O_RDWR | O_CLOEXEC), pid;

	if (output && pipe2(pipe_fd, O_CLOEXEC))
		return -errno;
	pid = process_begin(argv, (int[]){ null, output ? pipe_fd[1] : null, -1 });
	close(null);
	if (output)
		close(pipe_fd[1]);
	if (pid < 0)
		return pid;
	if (output) {
		*output = read_all(pipe_fd[0]);
		close(pipe_fd[0]);
	}
	return process_wait(pid);
}
