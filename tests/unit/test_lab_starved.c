// SPDX-License-Identifier: GPL-2.0-only
/* Whether the host kept a process waiting is asked of the kernel, and is 0 of one that isn't there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab/session.h"

/* Busy on that processor for a while, or until killed. */
static pid_t spinner(int cpu)
{
	pid_t pid = fork();
	cpu_set_t one;

	if (pid)
		return pid;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
	alarm(30);
	for (;;)
		;
}

static void test_waiting_is_counted(void **state)
{
	pid_t a, b;
	int tries, cpu = sched_getcpu();

	(void)state;
	assert_true(session_starved(getpid()) >= 0);
	/* Two on one processor: each waits while the other runs. */
	a = spinner(cpu);
	b = spinner(cpu);
	for (tries = 0; tries < 1000 && session_starved(a) + session_starved(b) < 0.05; tries++)
		usleep(10000);
	assert_true(session_starved(a) + session_starved(b) >= 0.05);
	assert_true(session_starved_all(a) + session_starved_all(b) >= 0.05);
	kill(a, SIGKILL);
	kill(b, SIGKILL);
	waitpid(a, NULL, 0);
	waitpid(b, NULL, 0);
}

static void test_of_nobody(void **state)
{
	(void)state;
	assert_true(session_starved(-1) == 0);
	assert_true(session_starved_all(-1) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waiting_is_counted),
		cmocka_unit_test(test_of_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
