// SPDX-License-Identifier: GPL-2.0-only
/*
 * blklab test, in the guest: load a module, exercise it, unload it.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "modinfo.h"

#define LIMIT      20000                   /* milliseconds that loading or unloading may take */
#define BUSY_LIMIT 1000                    /* for the last to let go of it */
#define TAINT_OURS (1ul << 12 | 1ul << 13) /* out of tree, unsigned */
#define TAINT_WARN (1ul << 9)

struct test {
	const char *path;
	const char *parameters;
	char **argv; /* the command */
	struct modinfo info;
	unsigned long taint; /* before it was loaded */
	unsigned long allowed;
};

/* As an error, so that a console which shows little else shows it at once. */
static void mark(const char *step, const char *state, const char *why)
{
	char *line = format("<3>" TEST_MARK "%s: %s%s%s\n", step, state, *why ? ": " : "", why);
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		complain("/dev/kmsg: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	free(line);
}

/*
 * Steps: each returns NULL, or why it failed.
 */

/* The line of a module in /proc/modules, without its end; to be freed. */
static char *module_line(const char *name)
{
	char *text = file_read("/proc/modules", NULL), *rest = text, *line, *found = NULL;
	size_t n = strlen(name);

	while (!found && (line = strsep(&rest, "\n")))
		if (!strncmp(line, name, n) && line[n] == ' ')
			found = must_strdup(line);
	free(text);
	return found;
}

static bool module_probe(const char *name)
{
	struct strings argv = { 0 };
	int status;

	strings_add(&argv, "modprobe");
	strings_add(&argv, "-q");
	strings_add(&argv, "%s", name);
	status = process_run(argv.item, NULL);
	strings_free(&argv);
	return !status;
}

static char *step_needs(struct test *test)
{
	size_t i;

	for (i = 0; i < test->info.soft.n; i++)
		if (!module_probe(test->info.soft.item[i]))
			note("%s names '%s' as a soft dependency, which this kernel doesn't have; "
			     "it "
			     "is loaded all the same",
			     test->info.name, test->info.soft.item[i]);
	for (i = 0; i < test->info.depends.n; i++)
		if (!module_probe(test->info.depends.item[i]))
			return format("it needs module '%s', which can't be loaded here",
				      test->info.depends.item[i]);
	return NULL;
}

static const char *load_hint(int err)
{
	switch (err) {
	case EEXIST:
		return "a module of that name is loaded, or built in, already";
	case ENOEXEC:
		return "the kernel takes it for invalid; what it said is below";
	case ENOENT:
		return "a symbol that it needs isn't there, or its initialisation says so";
	case EKEYREJECTED:
		return "this kernel loads none but signed modules";
	default:
		return "its initialisation says so, or the kernel, whose words are below";
	}
}

static char *step_load(struct test *test)
{
	int fd = open(test->path, O_RDONLY | O_CLOEXEC), err;
	char *line;

	if (fd < 0)
		return format("%s can't be read in the guest: %s", test->path, strerror(errno));
	err = syscall(SYS_finit_module, fd, test->parameters, 0) ? errno : 0;
	close(fd);
	if (err)
		return format("%s (%d): %s", strerror(err), err, load_hint(err));
	line = module_line(test->info.name);
	if (!line || !strstr(line, " Live "))
		return format("it loaded, but /proc/modules has %s", line ? line : "nothing of it");
	free(line);
	return NULL;
}

static char *step_unload(struct test *test)
{
	int err = 0, waited = 0;
	char *line;

	/* Who used it last may still be letting go: a closed disk is so in a moment. */
	while (syscall(SYS_delete_module, test->info.name, O_NONBLOCK)) {
		err = errno;
		if ((err != EAGAIN && err != EWOULDBLOCK && err != EBUSY) || waited >= BUSY_LIMIT)
			break;
		err = 0;
		usleep(20000);
		waited += 20;
	}
	line = module_line(test->info.name);
	if (err == EBUSY)
		return must_strdup(
			"it can't be unloaded: it has no exit function, or has not finished "
			"another action");
	if (err)
		return format(err == EAGAIN ? "it is still in use (%s): %s"
					    : "it can't be unloaded (%s): %s",
			      strerror(err), line ? line : "/proc/modules has nothing of it");
	if (line)
		return format("it is still there after it was unloaded: %s", line);
	return NULL;
}

static unsigned long taint_read(void)
{
	char *text = file_read("/proc/sys/kernel/tainted", NULL);
	unsigned long bits = text ? strtoul(text, NULL, 10) : 0;

	free(text);
	return bits;
}

static const char *const taints[] = {
	"proprietary module",
	"module loaded by force",
	"kernel on an unfit system",
	"module unloaded by force",
	"machine check",
	"bad page",
	"asked for by a user",
	"oops",
	"ACPI table overridden",
	"warning",
	"staging driver",
	"firmware workaround",
	"out-of-tree module",
	"unsigned module",
	"soft lockup",
	"live patch",
	"for distributions",
	"struct randomization",
	"in-kernel test",
};

static char *step_taint(struct test *test)
{
	unsigned long bits = taint_read() & ~test->taint & ~test->allowed;
	char *text, *more;
	size_t i;

	if (!bits)
		return NULL;
	text = must_strdup("the kernel is tainted by more than an unsigned module of ours:");
	for (i = 0; i < 8 * sizeof(bits); i++) {
		if (!(bits & 1ul << i))
			continue;
		more = format("%s %s (%zu)", text,
			      i < sizeof(taints) / sizeof(*taints) ? taints[i] : "unknown", i);
		free(text);
		text = more;
	}
	return text;
}

static char *step_exercise(struct test *test)
{
	int status, pid = fork();

	if (!pid) {
		execvp(test->argv[0], test->argv);
		complain("%s: %s", test->argv[0], strerror(errno));
		_exit(errno == ENOENT ? 127 : 126);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		return format("the command was ended by signal %d (%s)", WTERMSIG(status),
			      strsignal(WTERMSIG(status)));
	return WEXITSTATUS(status) ? format("the command ended with %d", WEXITSTATUS(status))
				   : NULL;
}

/*
 * Taking a step: in a process of its own, as it may never come back.
 */

static void tell_where(const char *step, int pid)
{
	char *path = format("/proc/%d/stack", pid), *stack = file_read(path, NULL);

	complain("%s has not come back after %d s; it is here in the kernel:", step, LIMIT / 1000);
	fputs(stack && *stack ? stack : "(it runs, or the kernel doesn't tell)\n", stderr);
	free(stack);
	free(path);
}

static int await(const char *step, int pid, int fd, int limit)
{
	char why[1024] = "";
	ssize_t n = 0;

	if (poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, limit) > 0)
		n = read(fd, why, sizeof(why) - 1);
	else
		n = -1;
	if (n < 0) {
		tell_where(step, pid);
		mark(step, TEST_HANGS, "");
		return LAB_TIMEOUT;
	}
	waitpid(pid, NULL, 0);
	why[n] = 0;
	if (!n || *why == '+') {
		mark(step, n ? TEST_OK : TEST_FAILED, n ? "" : "its process was killed");
		return n ? LAB_OK : LAB_FAILED;
	}
	mark(step, TEST_FAILED, why);
	return LAB_FAILED;
}

static int take(struct test *test, const char *step, char *(*act)(struct test *test), int limit)
{
	int pipe_fd[2], pid, status;
	char *why;

	mark(step, TEST_BEGINS, "");
	if (pipe2(pipe_fd, O_CLOEXEC))
		return LAB_FAILED;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		why = act(test);
		if (!why)
			why = must_strdup("+");
		_exit(write(pipe_fd[1], why, strlen(why)) < 0);
	}
	close(pipe_fd[1]);
	status = await(step, pid, pipe_fd[0], limit);
	close(pipe_fd[0]);
	return status;
}

static int steps(struct test *test)
{
	int status = LAB_OK, one;

	if (test->info.depends.n || test->info.soft.n)
		status = take(test, TEST_DEPENDS, step_needs, -1);
	if (status)
		return status;
	test->taint = taint_read();
	status = take(test, TEST_LOAD, step_load, LIMIT);
	if (status)
		return status;
	if (*test->argv)
		status = take(test, TEST_EXERCISE, step_exercise, -1);
	/* Whatever came of that: whether it can be unloaded is worth knowing. */
	one = take(test, TEST_UNLOAD, step_unload, LIMIT);
	status = one > status ? one : status;
	one = take(test, TEST_TAINT, step_taint, -1);
	return one > status ? one : status;
}

int test_guest(int argc, char **argv)
{
	struct test test = { 0 };
	char *path =
		format("%s:/usr/sbin:/sbin", getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin");
	int status;

	setenv("PATH", path, 1);
	free(path);
	if (argc < 3 || getpid() == 1)
		return LAB_USAGE;
	test.allowed = TAINT_OURS | (strcmp(argv[0], TEST_WARNINGS) ? 0 : TAINT_WARN);
	test.path = argv[1];
	test.parameters = argv[2];
	test.argv = argv + 3;
	if (modinfo_read(test.path, &test.info))
		return LAB_FAILED;
	status = steps(&test);
	modinfo_free(&test.info);
	return status;
}
