// SPDX-License-Identifier: GPL-2.0-only
/*
 * For udev: is the device of this event a main disk that /etc/blkmendtab names, or a partition of
 * one? Then whatever is on it is to be reached through blkmend only, and must not be found by its
 * uuid or label on the raw disk as well.
 *
 * Prints BLKMEND_MAIN_OF, and as BLKMEND_LINKS those links that tell of the disk rather than of
 * what is on it. Exit status 1: it is none. The event's properties are in the environment.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/systemd/tab.h"

/* udev need not hear of bad lines: the generator has told. */
static void ignore(unsigned int line, const char *sentence)
{
}

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

static bool is_word_of(const char *word, const char *list)
{
	size_t n = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += n)
		if ((at == list || at[-1] == ' ') && (!at[n] || at[n] == ' '))
			return true;
	return false;
}

/* Who has this device as main: its name, which is the table's, or NULL. */
static const char *owner_of(const struct tab *tab)
{
	const char *node = environment("DEVNAME"), *links = environment("DEVLINKS");

	for (size_t i = 0; i < tab->n; i++) {
		const struct tab_entry *e = &tab->entry[i];

		if (e->main && *e->main && (!strcmp(e->main, node) || is_word_of(e->main, links)))
			return e->name;
	}
	return NULL;
}

static bool tells_of_content(const char *link)
{
	return !strncmp(link, "/dev/disk/by-uuid/", 18) ||
	       !strncmp(link, "/dev/disk/by-label/", 19) ||
	       !strncmp(link, "/dev/gpt-auto-root", 18);
}

static void print_links(void)
{
	char *links = strdup(environment("DEVLINKS")), *save = NULL;
	const char *blank = "";

	printf("BLKMEND_LINKS=");
	for (char *link = links ? strtok_r(links, " ", &save) : NULL; link;
	     link = strtok_r(NULL, " ", &save)) {
		if (tells_of_content(link) || strncmp(link, "/dev/", 5))
			continue;
		printf("%s%s", blank, link + 5);
		blank = " ";
	}
	printf("\n");
	free(links);
}

int main(void)
{
	const char *path = getenv("BLKMENDTAB"), *owner = environment("BLKMEND_MAIN_OF");
	FILE *file = fopen(path ? path : TAB_PATH, "re");
	struct tab tab = { 0 };

	if (file) {
		tab_read(file, ignore, &tab);
		fclose(file);
	}
	if (!*owner) /* udev has it of the whole disk, if this is a partition */
		owner = owner_of(&tab);
	if (owner) {
		printf("BLKMEND_MAIN_OF=%s\n", owner);
		print_links();
	}
	tab_free(&tab);
	return !owner;
}
