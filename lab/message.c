// SPDX-License-Identifier: GPL-2.0-only
/*
 * What blklab says of itself, on stderr: the command's own output is never mixed with it.
 */
#include "lab.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

bool lab_verbose;
static bool line_open; /* a line of progress stands on the terminal */

static void wipe(void)
{
	if (line_open)
		fputs("\r\033[K", stderr);
	line_open = false;
}

static void say(const char *text, va_list args)
{
	wipe();
	fputs("blklab: ", stderr);
	vfprintf(stderr, text, args);
	fputc('\n', stderr);
}

void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

void progress(const char *format, ...)
{
	va_list args;

	if (!isatty(STDERR_FILENO))
		return;
	wipe();
	if (!*format)
		return;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fflush(stderr);
	line_open = true;
}
