// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module's test is judged by the marks of its steps in the kernel log, and passes only if each
 * is there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lab/crew.h"
#include "lab/test.h"
#include "lab/test_steps.h"

static json_t *steps_of(const char *text)
{
	struct klog log = { 0 };
	json_t *steps;

	klog_console(&log, text, strlen(text));
	steps = test_steps(&log);
	klog_free(&log);
	return steps;
}

static const char *field(json_t *steps, size_t i, const char *name)
{
	return json_string_value(json_object_get(json_array_get(steps, i), name));
}

static const char *const wanted[] = { TEST_LOAD, TEST_UNLOAD, NULL };

static void steps_that_end_well_are_all_there(void **state)
{
	json_t *steps = steps_of("[    1.000000] noise\n"
				 "[    2.000000] blklab test: load: begins\n"
				 "[    2.250000] mod: hello\n"
				 "[    2.500000] blklab test: load: ok\n"
				 "[    3.000000] blklab test: unload: begins\n"
				 "[    3.000500] blklab test: unload: ok\n");
	const char *missing;
	double seconds;

	assert_int_equal(json_array_size(steps), 2);
	assert_true(test_steps_all(steps, wanted, &missing));
	seconds = json_real_value(json_object_get(json_array_get(steps, 0), "seconds"));
	assert_true(seconds > 0.49 && seconds < 0.51);
	json_decref(steps);
}

static void a_step_without_an_end_died(void **state)
{
	json_t *steps = steps_of("[    2.000000] blklab test: load: begins\n"
				 "[    2.500000] blklab test: load: ok\n"
				 "[    3.000000] blklab test: unload: begins\n"
				 "[    3.000500] BUG: kernel NULL pointer dereference\n");
	const char *missing;

	assert_string_equal(field(steps, 1, "result"), "died");
	assert_false(test_steps_all(steps, wanted, &missing));
	assert_string_equal(missing, TEST_UNLOAD);
	json_decref(steps);
}

static void a_step_that_failed_has_why_and_what_the_kernel_said(void **state)
{
	json_t *steps = steps_of("[    2.000000] blklab test: load: begins\n"
				 "[    2.100000] mod: Unknown symbol foo (err -2)\n"
				 "[    2.500000] blklab test: load: failed: No such file: a: b\n");
	json_t *said = json_object_get(json_array_get(steps, 0), "said");

	assert_string_equal(field(steps, 0, "result"), "failed");
	assert_string_equal(field(steps, 0, "why"), "No such file: a: b");
	assert_string_equal(json_string_value(json_array_get(said, 0)),
			    "[    2.100000] mod: Unknown symbol foo (err -2)");
	json_decref(steps);
}

static void nothing_that_ran_is_no_success(void **state)
{
	json_t *steps = steps_of("[    1.000000] Linux version 6.1\n"
				 "[    2.000000] blklab test: load: ok\n");
	const char *missing;

	assert_int_equal(json_array_size(steps), 0);
	assert_false(test_steps_all(steps, wanted, &missing));
	assert_string_equal(missing, TEST_LOAD);
	json_decref(steps);
}

static void kernels_are_named_one_by_one_or_all(void **state)
{
	struct strings kernels = { 0 };

	assert_int_equal(crew_kernels("6.1,7.2", &kernels), 0);
	assert_int_equal(kernels.n, 2);
	assert_string_equal(kernels.item[1], "7.2");
	strings_free(&kernels);
	assert_int_equal(crew_kernels("all", &kernels), 0);
	assert_int_equal(kernels.n, 3);
	strings_free(&kernels);
	assert_int_equal(crew_kernels(",", &kernels), -22);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_that_end_well_are_all_there),
		cmocka_unit_test(a_step_without_an_end_died),
		cmocka_unit_test(a_step_that_failed_has_why_and_what_the_kernel_said),
		cmocka_unit_test(nothing_that_ran_is_no_success),
		cmocka_unit_test(kernels_are_named_one_by_one_or_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
