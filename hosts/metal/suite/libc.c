// SPDX-License-Identifier: GPL-2.0-only
/* What the suite needs of a libc, beside what hosts/metal has anyway. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hosts/metal/console.h"
#include "hosts/metal/options.h"
#include "hosts/metal/rtc.h"
#include "hosts/metal/time.h"

METAL_OPTION(seed, "seed");
METAL_OPTION(trace, "trace");

/* ---- output ---- */

int fprintf(FILE *file, const char *format, ...)
{
	va_list list;
	int length;

	va_start(list, format);
	length = vprintf(format, list);
	va_end(list);
	return length;
}

int sprintf(char *buffer, const char *format, ...)
{
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(buffer, INT32_MAX, format, list);
	va_end(list);
	return length;
}

size_t fwrite(const void *bytes, size_t size, size_t n, FILE *file)
{
	console_write(bytes, size * n);
	return n;
}

int fflush(FILE *file)
{
	return 0;
}

void perror(const char *what)
{
	printf("%s failed\n", what);
}

/* ---- strings ---- */

char *strcpy(char *restrict to, const char *restrict from)
{
	return memcpy(to, from, strlen(from) + 1);
}

char *strchr(const char *text, int byte)
{
	for (; *text != (char)byte; text++)
		if (!*text)
			return NULL;
	return (char *)(uintptr_t)text;
}

static u32 digit_of(char byte)
{
	return byte >= 'a' && byte <= 'f' ? (u32)byte - 'a' + 10 : (u32)byte - '0';
}

unsigned long long strtoull(const char *text, char **end, int base)
{
	unsigned long long value = 0;

	base = text[0] == '0' && text[1] == 'x' ? 16 : 10;
	for (text += base == 16 ? 2 : 0; digit_of(*text) < (u32)base; text++)
		value = value * (u32)base + digit_of(*text);
	if (end)
		*end = (char *)(uintptr_t)text;
	return value;
}

/* ---- surroundings ---- */

char *getenv(const char *name)
{
	const char *key = !strcmp(name, "BM_SEED")    ? "seed"
			  : !strcmp(name, "BM_TRACE") ? "trace"
						      : NULL;

	return key ? (char *)(uintptr_t)options_value(key) : NULL;
}

time_t time(time_t *now)
{
	time_t seconds = (time_t)rtc_now();

	if (now)
		*now = seconds;
	return seconds;
}

int clock_gettime(int clock, struct timespec *now)
{
	u64 at = time_now();

	*now = (struct timespec){ (time_t)(at / 1000000000), (long)(at % 1000000000) };
	return 0;
}

long sysconf(int name)
{
	return 1;
}

int mallopt(int parameter, int value)
{
	return 0;
}
