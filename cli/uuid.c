/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "cli/cli.h"

void uuid_text(const u8 u[16], char text[UUID_TEXT])
{
	char *p = text;

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		p += sprintf(p, "%02x", u[i]);
	}
}

bool uuid_parse(const char *text, u8 u[16])
{
	static const char hex[] = "0123456789abcdef0123456789ABCDEF";

	if (strlen(text) != UUID_TEXT - 1)
		return false;
	for (int i = 0, at = 0; i < 32; i++, at++) {
		const char *digit;

		if (at == 8 || at == 13 || at == 18 || at == 23)
			if (text[at++] != '-')
				return false;
		digit = strchr(hex, text[at]);
		if (!digit || !*digit)
			return false;
		u[i / 2] = (u8)(u[i / 2] << 4 | (unsigned int)((digit - hex) % 16));
	}
	return true;
}

bool random_bytes(void *buf, size_t size)
{
	ssize_t n;

	do
		n = getrandom(buf, size, 0);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)size;
}
