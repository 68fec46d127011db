/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tests on the metal. A test is a function with a name; it runs until it returns, or until an
 * expectation does not hold.
 *
 *	static void stack_grows_down(void)
 *	{
 *		EXPECT(...);
 *	}
 *	METAL_TEST("stack/grows-down", stack_grows_down);
 */
#ifndef BLKMEND_METAL_TEST_H
#define BLKMEND_METAL_TEST_H

#include "exception.h"
#include "print.h"

#ifdef __cplusplus
extern "C" {
#endif

struct metal_test {
	const char *name;
	void (*run)(void);
};

/* At file scope, once a function. Tests run in the order of their names. */
#define METAL_TEST(name, function)                                                                 \
	static const struct metal_test metal_test_##function                                       \
		__attribute__((used, section(".metal_tests"), aligned(16))) = { name, function }

/* The test fails (or is skipped), and is left; printf()'s words say why. Only within a test. */
__attribute__((noreturn, format(printf, 3, 4))) void test_fail(const char *file, unsigned int line,
							       const char *format, ...);
__attribute__((noreturn, format(printf, 1, 2))) void test_skip(const char *format, ...);

#define FAIL(...) test_fail(__FILE__, __LINE__, __VA_ARGS__)
#define SKIP(...) test_skip(__VA_ARGS__)

#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			FAIL("%s does not hold", #condition);                                      \
	} while (0)

/* Two numbers of any integer type, compared as 64-bit ones. */
#define EXPECT_EQUAL(found, expected)                                                              \
	do {                                                                                       \
		uint64_t found_ = (uint64_t)(found), expected_ = (uint64_t)(expected);             \
		if (found_ != expected_)                                                           \
			FAIL("%s is %llu (%#llx), not %llu (%#llx)", #found,                       \
			     (unsigned long long)found_, (unsigned long long)found_,               \
			     (unsigned long long)expected_, (unsigned long long)expected_);        \
	} while (0)

/* function(argument) provokes this exception. The trap is there to look at. */
#define EXPECT_EXCEPTION(trap, expected, function, argument)                                       \
	do {                                                                                       \
		EXPECT_EQUAL(trap_call(trap, function, argument), TRAP_EXCEPTION);                 \
		EXPECT_EQUAL((trap)->vector, expected);                                            \
	} while (0)

/*
 * A part of the test under way, told of and counted as a test of its own: for tests that are made
 * of many. What it fails or skips is its own.
 */
enum part_outcome { PART_PASSED, PART_FAILED, PART_SKIPPED };
enum part_outcome test_part(const char *name, void (*run)(void *), void *argument);

/*
 * Run the tests that the command line names (all, if it names none), or list them if its first word
 * is "list". Prints a line each, then "N passed, N failed, N skipped". Returns what to exit with.
 */
unsigned int tests_run(void);

#ifdef __cplusplus
}
#endif

#endif
