/* SPDX-License-Identifier: GPL-2.0-only */
#include "test.h"
#include "string.h"

__attribute__((format(printf, 2, 3))) static void expect_text(const char *expected,
							      const char *format, ...)
{
	char text[64];
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (strcmp(text, expected))
		FAIL("'%s' gives '%s', not '%s'", format, text, expected);
	EXPECT_EQUAL(length, strlen(expected));
}

static void numbers(void)
{
	expect_text("0 -1 2147483647 -2147483648", "%d %d %d %i", 0, -1, 0x7fffffff,
		    -0x7fffffff - 1);
	expect_text("-9223372036854775808 18446744073709551615", "%lld %llu",
		    -0x7fffffffffffffffll - 1, ~0ull);
	expect_text("   42|42   |00042|  042|+42| 42", "%5d|%-5d|%05d|%5.3d|%+d|% d", 42, 42, 42,
		    42, 42, 42);
	expect_text("ff FF 0xff 0xff 0 377", "%x %X %#x %p %#x %o", 255, 255, 255, (void *)255, 0,
		    255);
	expect_text("  -7|-7  |-0007", "%4d|%*d|%05d", -7, -4, -7, -7);
	expect_text("-1 255 -1 65535", "%hhd %hhu %hd %hu", (signed char)-1, (u8)255, (short)-1,
		    (u16)65535);
}
METAL_TEST("print/numbers", numbers);

static void texts(void)
{
	char room[4] = "xxx";

	expect_text("abc|  abc|abc  |ab|    a|%", "%s|%5s|%-5s|%.2s|%5.1s|%%", "abc", "abc", "abc",
		    "abc", "abc");
	expect_text("x|  x|", "%c|%3c|", 'x', 'x');
	EXPECT_EQUAL(snprintf(room, 3, "%d", 12345), 5);
	EXPECT(!strcmp(room, "12"));
	EXPECT_EQUAL(snprintf(NULL, 0, "%d", 12345), 5);
}
METAL_TEST("print/texts", texts);
