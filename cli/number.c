/* SPDX-License-Identifier: GPL-2.0-only */
#include "cli/number.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int digit(char c, unsigned int base)
{
	unsigned int d = 99;

	if (c >= '0' && c <= '9')
		d = (unsigned int)(c - '0');
	else if (c >= 'a' && c <= 'f')
		d = (unsigned int)(c - 'a') + 10;
	else if (c >= 'A' && c <= 'F')
		d = (unsigned int)(c - 'A') + 10;
	return d < base ? (int)d : -1;
}

int number_parse(const char *text, size_t length, bool c_bases, uint64_t *value)
{
	unsigned int base = 10;
	uint64_t v = 0;
	size_t i = 0;

	if (c_bases && length > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		i = 2;
	} else if (c_bases && length > 1 && text[0] == '0') {
		base = 8;
	}
	if (i == length)
		return -EINVAL;
	for (; i < length; i++) {
		int d = digit(text[i], base);

		if (d < 0)
			return -EINVAL;
		if (v > (NUMBER_MAX - (unsigned int)d) / base)
			return -ERANGE;
		v = v * base + (unsigned int)d;
	}
	*value = v;
	return 0;
}

int number_decimal(const char *text, uint64_t *value)
{
	return number_parse(text, strlen(text), false, value);
}

static int suffix_factor(const char *suffix, uint64_t *factor)
{
	static const char letters[] = "KMGTP";
	uint64_t base = 1024;
	const char *letter;

	*factor = 1;
	if (!*suffix)
		return 0;
	if (!strcmp(suffix, "s")) {
		*factor = 512;
		return 0;
	}
	letter = strchr(letters, suffix[0] >= 'a' ? suffix[0] - 'a' + 'A' : suffix[0]);
	if (!letter)
		return -EINVAL;
	if (!strcmp(suffix + 1, "B"))
		base = 1000;
	else if (suffix[1] && strcmp(suffix + 1, "iB"))
		return -EINVAL;
	for (const char *l = letters; l <= letter; l++)
		*factor *= base;
	return 0;
}

int number_size(const char *text, uint64_t *bytes)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t value, factor;
	int err = number_parse(text, digits, false, &value);

	if (!err)
		err = suffix_factor(text + digits, &factor);
	if (err)
		return err;
	if (value > NUMBER_MAX / factor)
		return -ERANGE;
	*bytes = value * factor;
	return 0;
}

int number_range(const char *text, uint64_t *sector, uint64_t *count, bool *single)
{
	size_t digits = strspn(text, "0123456789");
	const char *rest = text + digits;
	uint64_t second;
	int err = number_parse(text, digits, false, sector);

	*single = !*rest;
	*count = 1;
	if (err || *single)
		return err;
	if (*rest != '-' && *rest != '+')
		return -EINVAL;
	err = number_decimal(rest + 1, &second);
	if (err)
		return err;
	if (*rest == '-') {
		if (second < *sector)
			return -EINVAL;
		*count = second - *sector + 1;
	} else {
		*count = second;
	}
	if (!*count)
		return -EINVAL;
	return *count > NUMBER_MAX - *sector ? -ERANGE : 0;
}

const char *number_human(uint64_t bytes, char buf[NUMBER_HUMAN])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned int unit = 0;
	double value = (double)bytes;

	while (value >= 1023.95 && unit < 6) {
		value /= 1024;
		unit++;
	}
	if (!unit || value >= 99.95 || value == (double)(uint64_t)value)
		snprintf(buf, NUMBER_HUMAN, "%.0f %s", value, units[unit]);
	else
		snprintf(buf, NUMBER_HUMAN, "%.1f %s", value, units[unit]);
	return buf;
}
