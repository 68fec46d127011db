/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of cmocka's interface (https://api.cmocka.org) as the core's unit tests use, so that the
 * same sources run on the metal. What an assertion says goes to the console.
 */
#ifndef METAL_SUITE_CMOCKA_H
#define METAL_SUITE_CMOCKA_H

#include <stddef.h>
#include <stdint.h>

#include "hosts/metal/print.h"

typedef int (*CMFixtureFunction)(void **state);

struct CMUnitTest {
	const char *name;
	void (*test_func)(void **state);
	CMFixtureFunction setup_func, teardown_func;
	void *initial_state;
};

#define cmocka_unit_test(f)                                                                        \
	{                                                                                          \
		.name = #f, .test_func = f                                                         \
	}
#define cmocka_unit_test_setup_teardown(f, setup, teardown)                                        \
	{                                                                                          \
		.name = #f, .test_func = f, .setup_func = setup, .teardown_func = teardown         \
	}

/* How many failed. Each is told of by name and with its time. No group fixtures. */
int suite_run(const struct CMUnitTest *tests, size_t n);

#define cmocka_run_group_tests(tests, setup, teardown)                                             \
	suite_run(tests, sizeof(tests) / sizeof(*(tests)))
#define cmocka_run_group_tests_name(name, tests, setup, teardown)                                  \
	cmocka_run_group_tests(tests, setup, teardown)

/* The test under way has failed, and is left. */
_Noreturn __attribute__((format(printf, 3, 4))) void suite_fail(const char *file, int line,
								const char *format, ...);

#define print_message(...) printf(__VA_ARGS__)

#define assert_true(c)                                                                             \
	do {                                                                                       \
		if (!(c))                                                                          \
			suite_fail(__FILE__, __LINE__, "%s", #c);                                  \
	} while (0)
#define assert_false(c)                                                                            \
	do {                                                                                       \
		if (c)                                                                             \
			suite_fail(__FILE__, __LINE__, "not %s", #c);                              \
	} while (0)
#define assert_non_null(p) assert_true((p) != NULL)
#define assert_null(p)     assert_true((p) == NULL)

#define assert_int_equal(a, b)                                                                     \
	do {                                                                                       \
		unsigned long long a_ = (unsigned long long)(a), b_ = (unsigned long long)(b);     \
                                                                                                   \
		if (a_ != b_)                                                                      \
			suite_fail(__FILE__, __LINE__, "%s is %#llx, not %#llx", #a, a_, b_);      \
	} while (0)
#define assert_int_not_equal(a, b) assert_true((a) != (b))
#define assert_ptr_equal(a, b)     assert_true((const void *)(a) == (const void *)(b))

#define assert_string_equal(a, b) assert_true(!strcmp(a, b))

#define assert_memory_equal(a, b, size)                                                            \
	do {                                                                                       \
		const unsigned char *a_ = (const void *)(a), *b_ = (const void *)(b);              \
		size_t size_ = (size), i_ = 0;                                                     \
                                                                                                   \
		while (i_ < size_ && a_[i_] == b_[i_])                                             \
			i_++;                                                                      \
		if (i_ < size_)                                                                    \
			suite_fail(__FILE__, __LINE__, "%s differs from %s at byte %zu", #a, #b,   \
				   i_);                                                            \
	} while (0)

#endif
