/* SPDX-License-Identifier: GPL-2.0-only */
#include "options.h"
#include "exit.h"
#include "plant.h"
#include "print.h"
#include "string.h"

enum { LINE_MAX = 1024, WORDS_MAX = 64 };

extern const struct metal_option metal_options_start[], metal_options_end[];

METAL_OPTION(plant, "plant");
METAL_OPTION(virtio_mmio, "virtio_mmio.device"); /* QEMU's microvm appends one a disk */

static struct {
	char line[LINE_MAX];
	const char *word[WORDS_MAX];   /* that are no options */
	const char *option[WORDS_MAX]; /* key=value */
	unsigned int words, options;
} options;

static bool contains(const char *word, char byte)
{
	for (; *word; word++) {
		if (*word == byte)
			return true;
	}
	return false;
}

static void word_add(const char *word)
{
	if (options.words == WORDS_MAX || options.options == WORDS_MAX) {
		printf("metal: more than %d words on the command line\n", WORDS_MAX);
		metal_exit(METAL_EXIT_USAGE);
	}
	if (contains(word, '='))
		options.option[options.options++] = word;
	else
		options.word[options.words++] = word;
}

void options_init(const char *line)
{
	char *at = options.line;

	if (strlen(line) >= LINE_MAX) {
		printf("metal: the command line is longer than %d bytes\n", LINE_MAX - 1);
		metal_exit(METAL_EXIT_USAGE);
	}
	memcpy(options.line, line, strlen(line) + 1);
	while (*at) {
		char *word = at;

		while (*at && *at != ' ')
			at++;
		if (*at)
			*at++ = 0;
		if (*word)
			word_add(word);
	}
}

const char *options_word(unsigned int i)
{
	return i < options.words ? options.word[i] : NULL;
}

static bool key_is(const char *option, const char *key)
{
	size_t length = strlen(key);

	return !strncmp(option, key, length) && option[length] == '=';
}

const char *options_value(const char *key)
{
	for (unsigned int i = options.options; i-- > 0;) {
		if (key_is(options.option[i], key))
			return options.option[i] + strlen(key) + 1;
	}
	return NULL;
}

const char *options_each(const char *key, unsigned int i)
{
	for (unsigned int at = 0; at < options.options; at++) {
		if (key_is(options.option[at], key) && !i--)
			return options.option[at] + strlen(key) + 1;
	}
	return NULL;
}

static int digit_of(char byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	if (byte >= 'a' && byte <= 'f')
		return byte - 'a' + 10;
	return 16;
}

/* False if this is no number, or too large. */
static bool number_read(const char *text, u64 *number)
{
	unsigned int base = 10, shift;

	if (text[0] == '0' && text[1] == 'x') {
		base = 16;
		text += 2;
	}
	*number = 0;
	if (!*text)
		return false;
	for (; (unsigned int)digit_of(*text) < base; text++) {
		if (__builtin_mul_overflow(*number, base, number) ||
		    __builtin_add_overflow(*number, (u64)digit_of(*text), number))
			return false;
	}
	shift = *text == 'k' ? 10 : *text == 'M' ? 20 : *text == 'G' ? 30 : 0;
	if (shift && !*++text && *number >> (64 - shift) == 0)
		*number <<= shift;
	return !*text;
}

u64 options_number(const char *key, u64 otherwise)
{
	const char *value = options_value(key);
	u64 number;

	if (!value)
		return otherwise;
	if (!number_read(value, &number)) {
		printf("metal: %s=%s is no number\n", key, value);
		metal_exit(METAL_EXIT_USAGE);
	}
	return number;
}

static bool option_known(const char *option)
{
	for (const struct metal_option *o = metal_options_start; o < metal_options_end; o++) {
		if (key_is(option, o->key))
			return true;
	}
	return false;
}

static void plant_check(const char *plant)
{
	static const char *const names[] = { PLANT_MODE32, PLANT_SSE_EARLY, PLANT_BSS_DIRTY,
					     PLANT_PAGE_ENTRY, PLANT_FREE_LIST };

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(plant, names[i]))
			return;
	}
	printf("metal: unknown plant '%s'; there are:", plant);
	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		printf(" %s", names[i]);
	printf("\n");
	metal_exit(METAL_EXIT_USAGE);
}

bool plant_is(const char *name)
{
	const char *plant = options_value("plant");

	return plant && !strcmp(plant, name);
}

void options_check(void)
{
	for (unsigned int i = 0; i < options.options; i++) {
		if (!option_known(options.option[i])) {
			printf("metal: unknown option '%s'; there are:", options.option[i]);
			for (const struct metal_option *o = metal_options_start;
			     o < metal_options_end; o++)
				printf(" %s=", o->key);
			printf("\n");
			metal_exit(METAL_EXIT_USAGE);
		}
	}
	if (options_value("plant"))
		plant_check(options_value("plant"));
}
