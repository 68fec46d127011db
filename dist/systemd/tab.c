// SPDX-License-Identifier: GPL-2.0-only
#include "dist/systemd/tab.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "dist/systemd/tab_private.h"

#define BLANKS      " \t\r\n"
#define NAME_LENGTH 64

const char *tab_say(struct tab_line *line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line->why, sizeof(line->why), fmt, ap);
	va_end(ap);
	return line->why;
}

/* As blkmend open has it: cli/pair.h. */
static bool name_fits(const char *name)
{
	if (*name == '.' || *name == '-' || strlen(name) > NAME_LENGTH)
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("._-+", *name))
			return false;
	return true;
}

static const char *take_name(struct tab_line *line, const char *name)
{
	if (!name_fits(name) || !strcmp(name, "control"))
		return tab_say(line,
			       "'%s' can't be a device's name: that is up to 64 letters, digits, "
			       ". _ - and +, not beginning with . or -",
			       name);
	line->entry.name = strdup(name);
	return line->entry.name ? NULL : TAB_NO_MEMORY;
}

/* ---- devices ---- */

bool tab_is_device(const char *path)
{
	return !strncmp(path, "/dev/", 5);
}

static bool is_uri(const char *spec)
{
	size_t scheme = strcspn(spec, ":");

	return !strncmp(spec, "nbd", 3) && !strncmp(spec + scheme, "://", 3);
}

/*
 * As udev names the links below /dev/disk: encode_devnode_name() of systemd, UTF-8 unchecked. What
 * is encoded already stays so: no line could have a label with a blank otherwise.
 */
static char *encode(const char *dir, const char *value)
{
	char *path = malloc(strlen(dir) + 4 * strlen(value) + 1), *at;

	if (!path)
		return NULL;
	at = stpcpy(path, dir);
	for (; *value; value++)
		if (isalnum((unsigned char)*value) || (*value & 0x80) ||
		    strchr("#+-.:=@_", *value) || !strncmp(value, "\\x", 2))
			*at++ = *value;
		else
			at += sprintf(at, "\\x%02x", (unsigned char)*value);
	*at = 0;
	return path;
}

static const struct {
	const char *tag, *dir;
	bool content; /* what made from main has too */
} tags[] = {
	{ "UUID=", "/dev/disk/by-uuid/", true },
	{ "LABEL=", "/dev/disk/by-label/", true },
	{ "PARTUUID=", "/dev/disk/by-partuuid/", false },
	{ "PARTLABEL=", "/dev/disk/by-partlabel/", false },
};

#define TAGS (sizeof(tags) / sizeof(*tags))

/* A tag without its quotes, as fstab(5) allows them; changes the word. */
static char *tag_value(char *value)
{
	size_t n = strlen(value);

	if (n < 2 || (*value != '"' && *value != '\'') || value[n - 1] != *value)
		return value;
	value[n - 1] = 0;
	return value + 1;
}

static const char *take_device(struct tab_line *line, const char *what, char *spec, char **path)
{
	for (size_t i = 0; i < TAGS; i++) {
		char *value = spec + strlen(tags[i].tag);

		if (strncmp(spec, tags[i].tag, strlen(tags[i].tag)))
			continue;
		value = tag_value(value);
		if (!*value)
			return tab_say(line, "%s names no %s", tags[i].tag, what);
		*path = encode(tags[i].dir, value);
		return *path ? NULL : TAB_NO_MEMORY;
	}
	if (*spec != '/' && !is_uri(spec))
		return tab_say(line,
			       "'%s' is no %s: give a path like /dev/disk/by-id/..., or UUID=, "
			       "LABEL=, PARTUUID=, PARTLABEL=",
			       spec, what);
	*path = strdup(spec);
	return *path ? NULL : TAB_NO_MEMORY;
}

/* Neither udev nor systemd could tell it from the device that is made of it. */
static const char *refuse_content(struct tab_line *line, const char *path)
{
	for (size_t i = 0; i < TAGS; i++)
		if (tags[i].content && !strncmp(path, tags[i].dir, strlen(tags[i].dir)))
			return tab_say(line,
				       "%s is found on %s as well as on its main disk: name main "
				       "by /dev/disk/by-id/... or PARTUUID=",
				       path, line->entry.name);
	return NULL;
}

static const char *check_devices(struct tab_line *line)
{
	const struct tab_entry *e = &line->entry;

	if (e->main && !strcmp(e->main, e->spare))
		return tab_say(line, "%s can't be main and spare at once", e->spare);
	if (e->host == TAB_NBD && !e->main)
		return "host=nbd needs main to be named, - is not enough";
	if (e->host == TAB_NBD)
		return NULL;
	if (!tab_is_device(e->spare) || (e->main && !tab_is_device(e->main)))
		return tab_say(
			line, "%s is no block device: only host=nbd can do with files and NBD URIs",
			tab_is_device(e->spare) ? e->main : e->spare);
	return e->main ? refuse_content(line, e->main) : NULL;
}

/* ---- lines ---- */

static const char *take_fields(struct tab_line *line, char **field, size_t n)
{
	const char *why;

	if (n < 2)
		return tab_say(line, "%s has no spare: a line is NAME SPARE [MAIN|-] [OPTIONS|-]",
			       field[0]);
	if (n > 4)
		return tab_say(line, "'%s' is too much: a line is NAME SPARE [MAIN|-] [OPTIONS|-]",
			       field[4]);
	why = take_name(line, field[0]);
	if (!why)
		why = take_device(line, "spare", field[1], &line->entry.spare);
	if (!why && n > 2 && strcmp(field[2], "-"))
		why = take_device(line, "main disk", field[2], &line->entry.main);
	if (!why && n > 3 && strcmp(field[3], "-"))
		why = tab_options(line, field[3]);
	return why ? why : check_devices(line);
}

static const char *take_line(struct tab_line *line, char *text, size_t length)
{
	char *field[5], *save = NULL;
	size_t n = 0;

	for (size_t i = 0; i < length; i++)
		if (iscntrl((unsigned char)text[i]) && !strchr(BLANKS, text[i] ? text[i] : 'x'))
			return "it holds a control character";
	for (char *word = strtok_r(text, BLANKS, &save); word && n < 5;
	     word = strtok_r(NULL, BLANKS, &save))
		field[n++] = word;
	return n ? take_fields(line, field, n) : NULL;
}

static void entry_free(struct tab_entry *e)
{
	free(e->name);
	free(e->spare);
	free(e->main);
	free(e->timeout);
	free(e->requires);
	free(e->after);
	free(e->before);
}

/* Names and devices are given once. */
static const char *check_others(struct tab_line *line, const struct tab *tab)
{
	const struct tab_entry *e = &line->entry;

	for (size_t i = 0; i < tab->n; i++) {
		const struct tab_entry *other = &tab->entry[i];

		if (!strcmp(e->name, other->name))
			return tab_say(line, "the name %s is taken by line %u", e->name,
				       other->line);
		if (!strcmp(e->spare, other->spare) ||
		    (other->main && !strcmp(e->spare, other->main)))
			return tab_say(line, "%s is used by line %u already", e->spare,
				       other->line);
		if (e->main && (!strcmp(e->main, other->spare) ||
				(other->main && !strcmp(e->main, other->main))))
			return tab_say(line, "%s is used by line %u already", e->main, other->line);
	}
	return NULL;
}

static const char *add(struct tab *tab, const struct tab_entry *e)
{
	struct tab_entry *longer = realloc(tab->entry, (tab->n + 1) * sizeof(*longer));

	if (!longer)
		return TAB_NO_MEMORY;
	tab->entry = longer;
	tab->entry[tab->n++] = *e;
	return NULL;
}

int tab_read(FILE *file, tab_bad *bad, struct tab *tab)
{
	struct tab_line line;
	unsigned int number = 0;
	const char *why = NULL;
	char *text = NULL;
	size_t size = 0;
	ssize_t length;
	int err;

	*tab = (struct tab){ 0 };
	while (why != TAB_NO_MEMORY && (length = getline(&text, &size, file)) >= 0) {
		line = (struct tab_line){ .entry.line = ++number };
		if (text[strspn(text, BLANKS)] == '#')
			continue;
		why = take_line(&line, text, (size_t)length);
		if (!why && line.entry.name)
			why = check_others(&line, tab);
		if (!why && line.entry.name)
			why = add(tab, &line.entry);
		if (why || !line.entry.name)
			entry_free(&line.entry);
		if (why && why != TAB_NO_MEMORY)
			tab->bad++, bad(number, why);
	}
	err = why == TAB_NO_MEMORY ? -ENOMEM : ferror(file) ? -errno : 0;
	free(text);
	return err;
}

void tab_free(struct tab *tab)
{
	for (size_t i = 0; i < tab->n; i++)
		entry_free(&tab->entry[i]);
	free(tab->entry);
}
