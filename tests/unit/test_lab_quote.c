// SPDX-License-Identifier: GPL-2.0-only
/*
 * Words as other programs want them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lab/lab.h"
#include "lab/quote.h"

static void check(char *(*quote)(const char *), const char *word, const char *expected)
{
	char *quoted = quote(word);

	assert_string_equal(quoted, expected);
	free(quoted);
}

static void commas_are_doubled_for_qemu(void **state)
{
	check(quote_qemu, "/run/user/0", "/run/user/0");
	check(quote_qemu, ",a=b,,c,", ",,a=b,,,,c,,");
}

static void options_of_fuse_are_escaped(void **state)
{
	check(quote_fuse, "/home/a b", "/home/a b");
	check(quote_fuse, "a,b=c\\0", "a\\,b=c\\\\0");
}

static void a_shell_sees_one_word(void **state)
{
	static const char *const hard[] = { "", "it's", "$HOME `x` \"y\" \\ ;|&", "a\nb", "~" };
	char *argv[] = { (char *)"sh", (char *)"-c", NULL, NULL }, *quoted, *said;
	size_t i;

	check(quote_shell, "/dev/lab/cut", "/dev/lab/cut");
	for (i = 0; i < sizeof(hard) / sizeof(*hard); i++) {
		quoted = quote_shell(hard[i]);
		argv[2] = format("printf %%s %s", quoted);
		assert_int_equal(process_run(argv, &said), 0);
		assert_string_equal(said, hard[i]);
		free(said);
		free(argv[2]);
		free(quoted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commas_are_doubled_for_qemu),
		cmocka_unit_test(options_of_fuse_are_escaped),
		cmocka_unit_test(a_shell_sees_one_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
