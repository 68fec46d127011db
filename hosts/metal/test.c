/* SPDX-License-Identifier: GPL-2.0-only */
#include "test.h"
#include "exit.h"
#include "options.h"
#include "string.h"
#include "time.h"

extern const struct metal_test metal_tests_start[], metal_tests_end[];

static struct {
	struct trap *frame;
	enum part_outcome outcome;
	char why[256];
	unsigned int count[3];
} tests;

static void why_note(const char *format, va_list list)
{
	size_t used = strlen(tests.why);

	vsnprintf(tests.why + used, sizeof(tests.why) - used, format, list);
}

void test_fail(const char *file, unsigned int line, const char *format, ...)
{
	va_list list;

	tests.outcome = PART_FAILED;
	snprintf(tests.why, sizeof(tests.why), "%s:%u: ", file, line);
	va_start(list, format);
	why_note(format, list);
	va_end(list);
	trap_leave(tests.frame);
}

void test_skip(const char *format, ...)
{
	va_list list;

	tests.outcome = PART_SKIPPED;
	va_start(list, format);
	why_note(format, list);
	va_end(list);
	trap_leave(tests.frame);
}

static void outcome_tell(const char *name, u64 start)
{
	switch (tests.outcome) {
	case PART_PASSED:
		printf("ok %s %llu us\n", name, (unsigned long long)(time_now() - start) / 1000);
		break;
	case PART_FAILED:
		printf("not ok %s: %s\n", name, tests.why);
		break;
	case PART_SKIPPED:
		printf("skip %s: %s\n", name, tests.why);
		break;
	}
}

/*
 * A test that ends by an exception which it does not expect ends the run: nothing is sound any
 * more.
 */
enum part_outcome test_part(const char *name, void (*run)(void *), void *argument)
{
	struct trap frame, *outer = tests.frame;
	u64 start = time_now();
	enum part_outcome outcome;

	tests.outcome = PART_PASSED;
	tests.why[0] = 0;
	tests.frame = &frame;
	trap_frame(&frame, run, argument);
	tests.frame = outer;
	tests.count[tests.outcome]++;
	outcome_tell(name, start);
	outcome = tests.outcome;
	tests.outcome = PART_PASSED;
	return outcome;
}

static void run(void *context)
{
	const struct metal_test *test = context;

	test->run();
}

/* A word names a test, or all that begin so if it ends in a star. */
static bool word_matches(const char *word, const char *name)
{
	size_t length = strlen(word);

	if (length && word[length - 1] == '*')
		return !strncmp(word, name, length - 1);
	return !strcmp(word, name);
}

static bool test_wanted(const struct metal_test *test)
{
	const char *word;

	if (!options_word(0))
		return true;
	for (unsigned int i = 0; (word = options_word(i)); i++) {
		if (word_matches(word, test->name))
			return true;
	}
	return false;
}

static bool word_known(const char *word)
{
	for (const struct metal_test *test = metal_tests_start; test < metal_tests_end; test++) {
		if (word_matches(word, test->name))
			return true;
	}
	return false;
}

static unsigned int words_check(void)
{
	const char *word;

	for (unsigned int i = 0; (word = options_word(i)); i++) {
		if (!word_known(word)) {
			printf("metal: no test is called '%s'; the word list lists them\n", word);
			return METAL_EXIT_USAGE;
		}
	}
	return METAL_EXIT_PASSED;
}

/* The test whose name comes next after this one's (NULL: the first); NULL after the last. */
static const struct metal_test *test_next(const struct metal_test *last)
{
	const struct metal_test *next = NULL;

	for (const struct metal_test *test = metal_tests_start; test < metal_tests_end; test++) {
		if ((!last || strcmp(test->name, last->name) > 0) &&
		    (!next || strcmp(test->name, next->name) < 0))
			next = test;
	}
	return next;
}

unsigned int tests_run(void)
{
	const struct metal_test *test = NULL;
	bool list = options_word(0) && !strcmp(options_word(0), "list");

	if (!list && words_check() != METAL_EXIT_PASSED)
		return METAL_EXIT_USAGE;
	while ((test = test_next(test))) {
		if (list)
			printf("%s\n", test->name);
		else if (test_wanted(test))
			test_part(test->name, run, (void *)test);
	}
	if (list)
		return METAL_EXIT_PASSED;
	printf("%u passed, %u failed, %u skipped\n", tests.count[PART_PASSED],
	       tests.count[PART_FAILED], tests.count[PART_SKIPPED]);
	return tests.count[PART_FAILED] ? METAL_EXIT_FAILED : METAL_EXIT_PASSED;
}
