// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel configurations, as short as they can be said.
 */
#include "recipe.h"

#include <stdlib.h>
#include <string.h>

static void config_line(struct strings *lines, const char *word, size_t length)
{
	if (*word == '!')
		strings_add(lines, "# CONFIG_%.*s is not set\n", (int)length - 1, word + 1);
	else if (memchr(word, '=', length))
		strings_add(lines, "CONFIG_%.*s\n", (int)length, word);
	else
		strings_add(lines, "CONFIG_%.*s=y\n", (int)length, word);
}

char *recipe_config(const char *const *options)
{
	struct strings lines = { 0 };
	size_t i, length, size = 1;
	const char *word;
	char *text;

	for (; *options; options++)
		for (word = *options; word += strspn(word, " \n"), *word; word += length) {
			length = strcspn(word, " \n");
			config_line(&lines, word, length);
		}
	for (i = 0; i < lines.n; i++)
		size += strlen(lines.item[i]);
	text = must_calloc(size, 1);
	for (i = 0; i < lines.n; i++)
		strcat(text, lines.item[i]);
	strings_free(&lines);
	return text;
}

static bool has_line(const char *text, const char *line, size_t length)
{
	const char *at;

	for (at = text; (at = memmem(at, strlen(at), line, length)); at++)
		if ((at == text || at[-1] == '\n') && (!at[length] || at[length] == '\n'))
			return true;
	return false;
}

/* An option that depends on others which aren't set is not even mentioned. */
static bool is_unset(const char *config, const char *line, size_t length)
{
	static const char prefix[] = "# ", suffix[] = " is not set";
	char *set;
	bool found;

	if (length < sizeof(prefix) + sizeof(suffix) || strncmp(line, prefix, sizeof(prefix) - 1))
		return false;
	set = format("%.*s=", (int)(length - (sizeof(prefix) - 1) - (sizeof(suffix) - 1)),
		     line + sizeof(prefix) - 1);
	found = strstr(config, set);
	free(set);
	return !found;
}

char *recipe_missing(const char *wanted, const char *config)
{
	size_t length;

	for (; *wanted; wanted += length + (wanted[length] == '\n')) {
		length = strcspn(wanted, "\n");
		if (length && !has_line(config, wanted, length) &&
		    !is_unset(config, wanted, length))
			return format("%.*s", (int)length, wanted);
	}
	return NULL;
}
