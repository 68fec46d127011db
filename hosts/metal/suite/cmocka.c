// SPDX-License-Identifier: GPL-2.0-only
#include "suite.h"

#include <cmocka.h>
#include <string.h>

#include "hosts/metal/exception.h"
#include "hosts/metal/options.h"
#include "hosts/metal/test.h"

METAL_OPTION(only, "only");

static struct {
	const char *program;
	struct trap *frame; /* NULL: not in a unit test */
	void *state;
	const char *file;
	unsigned int line; /* 0: nothing has failed */
	char why[192];
} now;

static void fail(const char *file, unsigned int line, const char *format, va_list list)
{
	if (!now.line)
		vsnprintf(now.why, sizeof(now.why), format, list);
	if (!now.frame)
		test_fail(file, line, "%s", now.why);
	if (!now.line) {
		now.file = file;
		now.line = line;
	}
	trap_leave(now.frame);
}

void suite_leave(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	fail(now.program, 1, format, list);
	__builtin_unreachable();
}

void suite_fail(const char *file, int line, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	fail(file, (unsigned int)line, format, list);
	__builtin_unreachable();
}

static void body(void *context)
{
	const struct CMUnitTest *test = context;

	if (test->setup_func && test->setup_func(&now.state))
		suite_leave("its setup failed");
	test->test_func(&now.state);
}

static void teardown(void *context)
{
	const struct CMUnitTest *test = context;

	if (test->teardown_func && test->teardown_func(&now.state))
		suite_leave("its teardown failed");
}

/* What was set up is taken down after a failure too, as cmocka does. */
static void test_run(void *context)
{
	const struct CMUnitTest *test = context;
	struct trap frame;

	if (!options_value("only") && !suite_wants(test->name))
		SKIP("it takes long: suite=all");
	now.state = test->initial_state;
	now.line = 0;
	now.frame = &frame;
	trap_frame(&frame, body, context);
	trap_frame(&frame, teardown, context);
	now.frame = NULL;
	if (now.line)
		test_fail(now.file, now.line, "%s", now.why);
}

int suite_run(const struct CMUnitTest *tests, size_t n)
{
	const char *only = options_value("only");
	int ran = 0, failed = 0;
	char name[128];

	for (size_t i = 0; i < n; i++) {
		if (only && strcmp(only, tests[i].name))
			continue;
		snprintf(name, sizeof(name), "%s/%s", now.program, tests[i].name);
		ran++;
		failed += test_part(name, test_run, (void *)(uintptr_t)&tests[i]) == PART_FAILED;
	}
	if (!ran)
		FAIL("%s has no test '%s'", now.program, only);
	return failed;
}

int suite_program(const char *name, int (*main)(int argc, char **argv), int argc, const char **argv)
{
	now.program = name;
	now.frame = NULL;
	now.line = 0;
	return main(argc, (char **)(uintptr_t)argv);
}
