/* SPDX-License-Identifier: GPL-2.0-only */
#include "symbols.h"
#include "core/port.h"

extern const u8 symbol_table[], image_start[], text_end[];

static const u8 *distance_read(const u8 *at, u64 *distance)
{
	unsigned int shift = 0;

	*distance = 0;
	do
		*distance |= (u64)(*at & 127) << shift;
	while (shift += 7, *at++ & 128);
	return at;
}

/* Puts what a byte of a name stands for at name[length]; the length then. */
static unsigned int byte_expand(u8 byte, char name[SYMBOL_MAX], unsigned int length)
{
	const u8 *pair = symbol_table + 2 * (byte - SYMBOL_FIRST_PAIR);

	if (byte >= SYMBOL_FIRST_PAIR)
		return byte_expand(pair[1], name, byte_expand(pair[0], name, length));
	if (length < SYMBOL_MAX - 1)
		name[length++] = (char)byte;
	return length;
}

static void name_expand(const u8 *at, char name[SYMBOL_MAX])
{
	unsigned int length = 0;

	while (*at)
		length = byte_expand(*at++, name, length);
	name[length] = 0;
}

bool symbol_find(u64 address, char name[SYMBOL_MAX], u64 *offset)
{
	const u8 *at = symbol_table + 2 * SYMBOL_PAIRS, *found = NULL;
	u64 start = 0, distance;

	if (address < (u64)image_start || address >= (u64)text_end)
		return false;
	while (at = distance_read(at, &distance), distance && start + distance <= address) {
		start += distance;
		found = at;
		while (*at++)
			continue;
	}
	if (!found)
		return false;
	name_expand(found, name);
	*offset = address - start;
	return true;
}
