// SPDX-License-Identifier: GPL-2.0-only
/*
 * What QEMU says at bad moments: all that it will say is there before it is asked.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lab/lab.h"
#include "lab/qmp.h"

#define GREETING "{\"QMP\": {}}\r\n{\"return\": {}, \"id\": 1}\r\n"
#define RESET                                                                                      \
	"{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, \"reason\": \"guest-reset\"}}\r\n"
#define STOP "{\"event\": \"STOP\"}\r\n"

#define STATUS(id, status) "{\"return\": {\"status\": \"" status "\"}, \"id\": " #id "}\r\n"

/* Its end of the socket is closed behind that. */
static struct qmp *who_says(const char *words)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(write(fds[1], words, strlen(words)), strlen(words));
	assert_int_equal(shutdown(fds[1], SHUT_WR), 0);
	/* What is sent to it goes nowhere, and needs somebody there: the descriptor stays open. */
	return qmp_try(fds[0]);
}

static void expect_status(const char *words, const char *expected)
{
	struct qmp *qmp = who_says(words);
	char *status;

	assert_non_null(qmp);
	assert_int_equal(qmp_status(qmp, &status), 0);
	assert_string_equal(status, expected);
	free(status);
	qmp_close(qmp);
}

static void running(void **state)
{
	expect_status(GREETING STATUS(2, "running"), "running");
}

static void stopped(void **state)
{
	expect_status(GREETING RESET STOP STATUS(2, "shutdown"), "shutdown");
}

/* The answer was made before the machine stopped, and sent after. */
static void an_answer_that_events_overtook_is_too_old(void **state)
{
	expect_status(GREETING RESET STOP STATUS(2, "running") STATUS(3, "shutdown"), "shutdown");
	expect_status(GREETING STOP STATUS(2, "running") STATUS(3, "internal-error"),
		      "internal-error");
}

static void events_behind_an_answer_are_not_forgotten(void **state)
{
	expect_status(GREETING STATUS(2, "running") RESET STOP STATUS(3, "shutdown"), "shutdown");
}

static void the_reason_is_kept(void **state)
{
	struct qmp *qmp = who_says(GREETING RESET STOP STATUS(2, "shutdown"));
	char *status;

	assert_null(qmp_shutdown(qmp));
	assert_int_equal(qmp_status(qmp, &status), 0);
	assert_string_equal(qmp_shutdown(qmp), "guest-reset");
	free(status);
	qmp_close(qmp);
}

static void an_end_is_an_error(void **state)
{
	struct qmp *qmp = who_says(GREETING STOP STATUS(2, "running"));
	char *status;

	assert_int_equal(qmp_status(qmp, &status), -EPIPE);
	qmp_close(qmp);
	assert_null(who_says("{\"QMP\": {}}\r\n"));
	assert_null(who_says("{\"hello\": 1}\r\n"));
	assert_null(who_says("hello\r\n"));
}

static void a_refusal_is_told(void **state)
{
	struct qmp *qmp = who_says(GREETING "{\"error\": {\"desc\": \"not now\"}, \"id\": 2}\r\n");
	char *status;

	assert_int_equal(qmp_status(qmp, &status), -EIO);
	assert_string_equal(qmp_error(qmp), "not now");
	qmp_close(qmp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(running),
		cmocka_unit_test(stopped),
		cmocka_unit_test(an_answer_that_events_overtook_is_too_old),
		cmocka_unit_test(events_behind_an_answer_are_not_forgotten),
		cmocka_unit_test(the_reason_is_kept),
		cmocka_unit_test(an_end_is_an_error),
		cmocka_unit_test(a_refusal_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
