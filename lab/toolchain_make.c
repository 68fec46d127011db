// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kbuild, on the host or in a root of its own.
 */
#include "toolchain.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cache.h"

static void make_words(const struct toolchain *tools, const char *directory,
		       const struct strings *arguments, struct strings *argv)
{
	size_t i;

	strings_add(argv, "make");
	strings_add(argv, "-s");
	strings_add(argv, "-C");
	strings_add(argv, "%s", tools->headers);
	strings_add(argv, "M=%s", directory);
	/* BTF of modules would need pahole, whose version is compared all the same. */
	strings_add(argv, "CONFIG_DEBUG_INFO_BTF_MODULES=");
	strings_add(argv, "PAHOLE_VERSION=$(CONFIG_PAHOLE_VERSION)");
	/* Debian's headers would ask dpkg, which is not in a root of our making. */
	strings_add(argv, "DEB_BUILD_ARCH=amd64");
	strings_add(argv, "DEB_HOST_ARCH=amd64");
	if (tools->uml)
		strings_add(argv, "ARCH=um");
	for (i = 0; i < arguments->n; i++)
		strings_add(argv, "%s", arguments->item[i]);
	strings_add(argv, "modules");
}

static _Noreturn void become_make(const struct toolchain *tools, const char *see, char **argv)
{
	const char *const seen[] = { "/dev", "/proc", cache_dir(), see, NULL }, *what = NULL;
	static const char *const inherited[] = { "MAKEFLAGS",
						 "MAKELEVEL",
						 "MFLAGS",
						 "ARCH",
						 "CROSS_COMPILE",
						 "KBUILD_OUTPUT",
						 "KCFLAGS",
						 "M",
						 "MO",
						 "O",
						 "V",
						 "W",
						 "LANG" };
	size_t i;
	int err;

	for (i = 0; i < sizeof(inherited) / sizeof(*inherited); i++)
		unsetenv(inherited[i]);
	setenv("LC_ALL", "C", 1);
	err = tools->root ? toolchain_enter(tools->root, seen, &what) : 0;
	if (err) {
		fprintf(stderr, "blklab: entering %s: %s: %s%s\n", tools->root, what,
			strerror(-err),
			err == -EPERM ? "; become root, or allow user namespaces (sysctl "
					"kernel.unprivileged_userns_clone=1)"
				      : "");
		_exit(126);
	}
	/* New credentials cleared it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (tools->root) {
		setenv("PATH", "/usr/bin:/bin:/usr/sbin:/sbin", 1);
		unsetenv("TMPDIR"); /* the host's is not in there */
	}
	execvp(argv[0], argv);
	fprintf(stderr, "blklab: make: %s; `./dev setup` installs what building needs\n",
		strerror(errno));
	_exit(127);
}

static pid_t make_start(const struct toolchain *tools, const char *see, char **argv, int out)
{
	pid_t pid;
	size_t i;

	if (lab_verbose) {
		fprintf(stderr, "+ %s%s", tools->root ? tools->root : "", tools->root ? ": " : "");
		for (i = 0; argv[i]; i++)
			fprintf(stderr, "%s%c", argv[i], argv[i + 1] ? ' ' : '\n');
	}
	pid = process_fork();
	if (pid)
		return pid;
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	become_make(tools, see, argv);
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

int toolchain_start(const struct toolchain *tools, const char *directory, const char *see,
		    const struct strings *arguments, struct toolchain_job *job)
{
	struct strings argv = { 0 };
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	make_words(tools, directory, arguments, &argv);
	job->pid = make_start(tools, see, argv.item, ends[1]);
	job->fd = ends[0];
	close(ends[1]);
	strings_free(&argv);
	if (job->pid > 0)
		return 0;
	complain("make: %s", strerror(-job->pid));
	close(job->fd);
	return job->pid;
}

int toolchain_wait(struct toolchain_job *job, char **said)
{
	*said = read_all(job->fd);
	close(job->fd);
	return process_wait(job->pid);
}
