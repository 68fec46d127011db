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

int process_start(char *const argv[], const int fds[3])
{
	pid_t parent = getpid(), pid;
	sigset_t none;
	int i;

	if (lab_verbose)
		show(argv);
	fflush(NULL);
	pid = fork();
	if (pid)
		return pid < 0 ? -errno : pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	/* A ^C is ours to pass on, or not. */
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (i = 0; i < 3; i++)
		if (fds[i] >= 0)
			dup2(fds[i], i);
	execvp(argv[0], argv);
	_exit(127);
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
	int pipe_fd[2] = { -1, -1 }, null = open("/dev/null", O_RDWR | O_CLOEXEC), status, pid;

	if (output && pipe2(pipe_fd, O_CLOEXEC))
		return -errno;
	pid = process_start(argv, (int[]){ null, output ? pipe_fd[1] : null, -1 });
	close(null);
	if (output)
		close(pipe_fd[1]);
	if (pid < 0)
		return pid;
	if (output) {
		*output = read_all(pipe_fd[0]);
		close(pipe_fd[0]);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
