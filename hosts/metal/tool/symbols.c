/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads what nm prints of an image, and writes assembly: the table of its functions that
 * ../symbols.c reads, whose format ../symbols.h has.
 *
 * Names are packed by byte pair encoding (Gage, "A New Algorithm for Data Compression", 1994): the
 * commonest pair of bytes in all names becomes a byte of its own, again and again.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../symbols.h"

struct symbol {
	uint64_t address;
	unsigned char name[SYMBOL_MAX];
	size_t length;
};

static struct symbol *symbols;
static size_t count, room;
static unsigned char pairs[SYMBOL_PAIRS][2];

static void die(const char *why)
{
	fprintf(stderr, "symbols: %s\n", why);
	exit(1);
}

static void symbol_add(uint64_t address, const char *name)
{
	struct symbol *symbol;

	/* Of several names for one address the first is as good as any. */
	if (count && symbols[count - 1].address == address)
		return;
	if (count == room) {
		room = room ? 2 * room : 256;
		symbols = realloc(symbols, room * sizeof(*symbols));
		if (!symbols)
			die("out of memory");
	}
	symbol = &symbols[count++];
	symbol->address = address;
	symbol->length = strlen(name);
	if (symbol->length >= SYMBOL_MAX)
		symbol->length = SYMBOL_MAX - 1;
	memcpy(symbol->name, name, symbol->length);
}

/* Lines of nm -n: "0000000000100000 T boot_entry". */
static void symbols_read(FILE *in)
{
	char name[1024], kind;
	uint64_t address;

	while (fscanf(in, "%" SCNx64 " %c %1023s", &address, &kind, name) == 3) {
		if (!strchr("tTwW", kind))
			continue;
		if (count && address < symbols[count - 1].address)
			die("addresses are not in order: nm -n");
		symbol_add(address, name);
	}
	if (!feof(in) || !count)
		die("this is not what nm prints, or it names no function");
}

/* The commonest pair; how often it occurs. */
static unsigned int pair_find(unsigned char pair[2])
{
	static unsigned int seen[256][256];
	unsigned int most = 0;

	memset(seen, 0, sizeof(seen));
	for (size_t i = 0; i < count; i++) {
		const struct symbol *s = &symbols[i];

		for (size_t at = 0; at + 1 < s->length; at++) {
			if (++seen[s->name[at]][s->name[at + 1]] > most) {
				most = seen[s->name[at]][s->name[at + 1]];
				pair[0] = s->name[at];
				pair[1] = s->name[at + 1];
			}
		}
	}
	return most;
}

static void pair_replace(struct symbol *s, const unsigned char pair[2], unsigned char code)
{
	size_t to = 0;

	for (size_t at = 0; at < s->length; at++) {
		if (at + 1 < s->length && s->name[at] == pair[0] && s->name[at + 1] == pair[1]) {
			s->name[to++] = code;
			at++;
		} else {
			s->name[to++] = s->name[at];
		}
	}
	s->length = to;
}

static void names_pack(void)
{
	for (unsigned int i = 0; i < SYMBOL_PAIRS; i++) {
		if (pair_find(pairs[i]) < 2)
			return;
		for (size_t s = 0; s < count; s++)
			pair_replace(&symbols[s], pairs[i], (unsigned char)(SYMBOL_FIRST_PAIR + i));
	}
}

static void bytes_write(const unsigned char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		printf("%s%u", i ? "," : "\t.byte\t", bytes[i]);
	printf("\n");
}

/* Seven bits a byte, the lowest first; the eighth: more follow. */
static void distance_write(uint64_t distance)
{
	unsigned char bytes[10];
	size_t size = 0;

	do {
		bytes[size++] = (unsigned char)((distance & 127) | (distance > 127 ? 128 : 0));
		distance >>= 7;
	} while (distance);
	bytes_write(bytes, size);
}

static void table_write(void)
{
	uint64_t before = 0;

	printf("\t.section .symbols, \"a\", @progbits\n");
	bytes_write(pairs[0], sizeof(pairs));
	for (size_t i = 0; i < count; i++) {
		symbols[i].name[symbols[i].length] = 0;
		distance_write(symbols[i].address - before);
		bytes_write(symbols[i].name, symbols[i].length + 1);
		before = symbols[i].address;
	}
	distance_write(0);
	printf("\t.section .note.GNU-stack, \"\", @progbits\n");
}

int main(void)
{
	symbols_read(stdin);
	names_pack();
	table_write();
	return fflush(stdout) ? 1 : 0;
}
