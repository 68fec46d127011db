// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "dist/systemd/tab_private.h"

const char tab_no_memory[] = "out of memory";

static const char *set_host(struct tab_line *line, const char *value)
{
	if (strcmp(value, "dm") && strcmp(value, "nbd"))
		return tab_say(line, "there is no host '%s': host=dm or host=nbd", value);
	line->entry.host = strcmp(value, "dm") ? TAB_NBD : TAB_DM;
	return NULL;
}

static const char *set_timeout(struct tab_line *line, const char *value)
{
	if (value[strspn(value, "0123456789abcdefghijklmnopqrstuvwxyz.")])
		return tab_say(line, "'%s' is no time: like 30s or 5min", value);
	free(line->entry.timeout);
	line->entry.timeout = strdup(value);
	return line->entry.timeout ? NULL : tab_no_memory;
}

/* Of the units that systemd.unit(5) knows, those that anyone would wait for. */
static bool is_unit(const char *name)
{
	static const char *const kinds[] = { ".service", ".socket", ".device", ".mount",
					     ".target",  ".path",   ".timer" };
	const char *kind = strrchr(name, '.');

	if (!kind || kind == name || !isalnum((unsigned char)*name))
		return false;
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr(":-_.\\@", *c))
			return false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kind, kinds[i]))
			return true;
	return false;
}

static const char *add_unit(struct tab_line *line, char **list, const char *name)
{
	char *longer;

	if (!is_unit(name))
		return tab_say(line, "'%s' is no unit: like multipathd.service", name);
	if (asprintf(&longer, "%s%s%s", *list ? *list : "", *list ? " " : "", name) < 0)
		return tab_no_memory;
	free(*list);
	*list = longer;
	return NULL;
}

static const char *set_requires(struct tab_line *line, const char *value)
{
	const char *why = add_unit(line, &line->entry.requires, value);

	return why ? why : add_unit(line, &line->entry.after, value);
}

static const char *set_after(struct tab_line *line, const char *value)
{
	return add_unit(line, &line->entry.after, value);
}

static const char *set_before(struct tab_line *line, const char *value)
{
	return add_unit(line, &line->entry.before, value);
}

typedef const char *setter(struct tab_line *line, const char *value);

static const struct {
	const char *name;
	size_t flag; /* in struct tab_entry */
	setter *set; /* of those that take a value */
} options[] = {
	{ "auto", 0, NULL }, /* which is so if nothing is said */
	{ "noauto", offsetof(struct tab_entry, noauto), NULL },
	{ "nofail", offsetof(struct tab_entry, nofail), NULL },
	{ "_netdev", offsetof(struct tab_entry, netdev), NULL },
	{ "read-only", offsetof(struct tab_entry, read_only), NULL },
	{ "accept-main", offsetof(struct tab_entry, accept_main), NULL },
	{ "accept-grown", offsetof(struct tab_entry, accept_grown), NULL },
	{ "host", 0, set_host },
	{ "x-systemd.device-timeout", 0, set_timeout },
	{ "x-systemd.requires", 0, set_requires },
	{ "x-systemd.after", 0, set_after },
	{ "x-systemd.before", 0, set_before },
};

#define OPTIONS (sizeof(options) / sizeof(*options))

static const char *option(struct tab_line *line, char *word)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = 0;
	for (size_t i = 0; i < OPTIONS; i++) {
		if (strcmp(word, options[i].name))
			continue;
		if (value && !options[i].set)
			return tab_say(line, "%s takes no value", word);
		if (options[i].set && (!value || !*value))
			return tab_say(line, "%s needs a value: %s=...", word, word);
		if (value)
			return options[i].set(line, value);
		if (options[i].flag)
			*(bool *)((char *)&line->entry + options[i].flag) = true;
		return NULL;
	}
	/* As in fstab(5): for whoever knows it. */
	if (!strncmp(word, "x-", 2) && strncmp(word, "x-systemd.", 10))
		return NULL;
	return tab_say(line, "unknown option %s; blkmendtab(5) has those that there are", word);
}

const char *tab_options(struct tab_line *line, char *words)
{
	const char *why = NULL;
	char *save = NULL;

	for (char *word = strtok_r(words, ",", &save); word && !why;
	     word = strtok_r(NULL, ",", &save))
		why = option(line, word);
	return why;
}
