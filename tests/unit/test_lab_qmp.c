// SPDX-License-Identifier: GPL-2.0-only
/*
 * What QEMU says at bad moments.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lab/lab.h"
#include "lab/qmp.h"

#define HELLO "{\"QMP\": {}}\r\n"
#define READY "{\"return\": {}, \"id\": 1}\r\n"
#define RESET                                                                                      \
	"{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, \"reason\": \"guest-reset\"}}\r\n"
#define STOP  "{\"event\": \"STOP\"}\r\n"
#define ERROR "{\"event\": \"BLOCK_IO_ERROR\", \"data\": {\"device\": \"\"}}\r\n"

#define STATUS(id, status) "{\"return\": {\"status\": \"" status "\"}, \"id\": " #id "}\r\n"

static pid_t peer;

/* The first of `words` at once, each other one when a line has come; then it ends. */
static _Noreturn void speak(int fd, const char *const words[])
{
	FILE *lines = fdopen(fd, "r");
	char line[256];
	size_t i;

	for (i = 0; lines && words[i]; i++)
		if ((i && !fgets(line, sizeof(line), lines)) ||
		    send(fd, words[i], strlen(words[i]), MSG_NOSIGNAL) < 0)
			break;
	_exit(0);
}

static struct qmp *who_says(const char *const words[])
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	peer = fork();
	if (!peer) {
		close(fds[0]);
		speak(fds[1], words);
	}
	close(fds[1]);
	return qmp_try(fds[0]);
}

static void end(struct qmp *qmp)
{
	qmp_close(qmp);
	waitpid(peer, NULL, 0);
}

/* What it says to each query, after it has greeted. */
static struct qmp *who_answers(const char *first, const char *second)
{
	struct qmp *qmp = who_says((const char *const[]){ HELLO, READY, first, second, NULL });

	assert_non_null(qmp);
	return qmp;
}

static void expect_status(const char *first, const char *second, const char *expected)
{
	struct qmp *qmp = who_answers(first, second);
	char *status;

	assert_int_equal(qmp_status(qmp, &status), 0);
	assert_string_equal(status, expected);
	free(status);
	end(qmp);
}

static void one_answer_is_enough(void **state)
{
	expect_status(STATUS(2, "running"), NULL, "running");
	expect_status(RESET STOP STATUS(2, "shutdown"), NULL, "shutdown");
}

/* The answer was made before the machine stopped, and sent after. */
static void an_answer_that_events_overtook_is_too_old(void **state)
{
	expect_status(RESET STOP STATUS(2, "running"), STATUS(3, "shutdown"), "shutdown");
	expect_status(STOP STATUS(2, "running"), STATUS(3, "io-error"), "io-error");
}

static void events_behind_an_answer_are_not_forgotten(void **state)
{
	expect_status(STATUS(2, "running") RESET STOP, STATUS(3, "shutdown"), "shutdown");
}

/* As come by the hundred of a bad sector: nothing is asked anew for them. */
static void other_events_say_nothing_of_it(void **state)
{
	expect_status(ERROR ERROR STATUS(2, "running") ERROR, NULL, "running");
}

static void the_reason_is_kept(void **state)
{
	struct qmp *qmp = who_answers(RESET STOP STATUS(2, "shutdown"), NULL);
	char *status;

	assert_null(qmp_shutdown(qmp));
	assert_int_equal(qmp_status(qmp, &status), 0);
	assert_string_equal(qmp_shutdown(qmp), "guest-reset");
	free(status);
	end(qmp);
}

static void an_end_is_an_error(void **state)
{
	struct qmp *qmp = who_answers(STOP STATUS(2, "running"), NULL);
	char *status;

	assert_int_equal(qmp_status(qmp, &status), -EPIPE);
	end(qmp);
}

static void who_does_not_greet_is_no_qemu(void **state)
{
	assert_null(who_says((const char *const[]){ HELLO, NULL }));
	waitpid(peer, NULL, 0);
	assert_null(who_says((const char *const[]){ "{\"hello\": 1}\r\n", NULL }));
	waitpid(peer, NULL, 0);
	assert_null(who_says((const char *const[]){ "hello\r\n", NULL }));
	waitpid(peer, NULL, 0);
}

static void a_refusal_is_told(void **state)
{
	struct qmp *qmp = who_answers("{\"error\": {\"desc\": \"not now\"}, \"id\": 2}\r\n", NULL);
	char *status;

	assert_int_equal(qmp_status(qmp, &status), -EIO);
	assert_string_equal(qmp_error(qmp), "not now");
	end(qmp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_answer_is_enough),
		cmocka_unit_test(an_answer_that_events_overtook_is_too_old),
		cmocka_unit_test(events_behind_an_answer_are_not_forgotten),
		cmocka_unit_test(other_events_say_nothing_of_it),
		cmocka_unit_test(the_reason_is_kept),
		cmocka_unit_test(an_end_is_an_error),
		cmocka_unit_test(who_does_not_greet_is_no_qemu),
		cmocka_unit_test(a_refusal_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
