// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sockets that have a place in the file system.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lab/lab.h"
#include "lab/socket.h"

#define ROUNDS 300

static char *directory;

static char *path_in(const char *name)
{
	return format("%s/%s", directory, name);
}

/* Connects again and again until it is killed; a socket that refuses ends it. */
static _Noreturn void knock(const char *path)
{
	int fd;

	for (;;) {
		fd = socket_connect(path, SOCK_NONBLOCK);
		if (fd == -ECONNREFUSED)
			_exit(1);
		if (fd >= 0)
			close(fd);
	}
}

static void whoever_sees_it_can_connect(void **state)
{
	char *path = path_in("socket");
	int fd[ROUNDS], i, status;
	pid_t pid = fork();

	if (!pid)
		knock(path);
	for (i = 0; i < ROUNDS; i++) {
		fd[i] = socket_listen(path, 1);
		assert_true(fd[i] >= 0);
		assert_int_equal(unlink(path), 0);
	}
	kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	for (i = 0; i < ROUNDS; i++)
		close(fd[i]);
	free(path);
}

static void a_dead_one_is_replaced(void **state)
{
	char *path = path_in("socket");
	int fd = socket_listen(path, 1);

	close(fd);
	assert_int_equal(socket_connect(path, 0), -ECONNREFUSED);
	fd = socket_listen(path, 1);
	assert_true(fd >= 0);
	close(socket_connect(path, 0));
	close(fd);
	unlink(path);
	free(path);
}

/* bind() would take its beginning for the whole. */
static void a_path_that_is_too_long_is_refused(void **state)
{
	char *path = path_in("a-name-that-is-longer-than-any-socket-may-have-"
			     "a-name-that-is-longer-than-any-socket-may-have-socket");

	assert_int_equal(socket_listen(path, 1), -ENAMETOOLONG);
	assert_int_equal(socket_connect(path, 0), -ENAMETOOLONG);
	free(path);
}

static void what_can_not_be_made_is_told(void **state)
{
	char *path = path_in("nowhere/socket");

	assert_int_equal(socket_listen(path, 1), -ENOENT);
	assert_int_equal(socket_connect(path, 0), -ENOENT);
	free(path);
}

static int directory_make(void **state)
{
	directory = must_strdup("/tmp/lab-socket.XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int directory_remove(void **state)
{
	int err = remove_tree(directory);

	free(directory);
	return err;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whoever_sees_it_can_connect),
		cmocka_unit_test(a_dead_one_is_replaced),
		cmocka_unit_test(a_path_that_is_too_long_is_refused),
		cmocka_unit_test(what_can_not_be_made_is_told),
	};

	return cmocka_run_group_tests(tests, directory_make, directory_remove);
}
