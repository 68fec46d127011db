// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a module says about itself: NAME=VALUE strings in its section .modinfo.
 */
#include "modinfo.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The names in "a,b" or "pre: a b post: c", each once. */
static void add_words(struct strings *list, const char *text)
{
	char *copy = must_strdup(text), *word, *state;
	size_t i;

	for (word = strtok_r(copy, ", ", &state); word; word = strtok_r(NULL, ", ", &state)) {
		if (strchr(word, ':'))
			continue;
		for (i = 0; i < list->n && strcmp(list->item[i], word); i++)
			;
		if (i == list->n)
			strings_add(list, "%s", word);
	}
	free(copy);
}

static void set_once(char **field, const char *value)
{
	if (!*field)
		*field = must_strdup(value);
}

static void take(struct modinfo *info, const char *text)
{
	const char *value = strchr(text, '=');
	size_t length = value ? (size_t)(value++ - text) : 0;

	if (length == 4 && !strncmp(text, "name", length))
		set_once(&info->name, value);
	else if (length == 8 && !strncmp(text, "vermagic", length))
		set_once(&info->vermagic, value);
	else if (length == 7 && !strncmp(text, "depends", length))
		add_words(&info->depends, value);
	else if (length == 7 && !strncmp(text, "softdep", length))
		add_words(&info->soft, value);
}

static void take_all(struct modinfo *info, const Elf_Data *data)
{
	const char *at = data->d_buf, *end = at + data->d_size, *next;

	/* A section that is cut off in a string holds no more of them. */
	for (; at && at < end && (next = memchr(at, 0, (size_t)(end - at))); at = next + 1)
		take(info, at);
}

static Elf_Data *section_find(Elf *elf, const char *want)
{
	Elf_Scn *section = NULL;
	const char *name;
	GElf_Shdr head;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((section = elf_nextscn(elf, section))) {
		if (!gelf_getshdr(section, &head))
			continue;
		name = elf_strptr(elf, names, head.sh_name);
		if (name && !strcmp(name, want))
			return elf_rawdata(section, NULL);
	}
	return NULL;
}

/* NULL, or why it can't be loaded at all. */
static const char *read_elf(Elf *elf, struct modinfo *info)
{
	GElf_Ehdr head;
	Elf_Data *data;

	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &head))
		return "is no ELF file: give a module as Kbuild makes it, NAME.ko, not compressed";
	if (head.e_machine != EM_X86_64 || head.e_type != ET_REL)
		return "is no module for x86-64";
	data = section_find(elf, ".modinfo");
	if (data)
		take_all(info, data);
	if (!data || !info->vermagic || !info->name)
		return "is an object file, but no module: link it with Kbuild, which adds .modinfo";
	return NULL;
}

int modinfo_read(const char *path, struct modinfo *info)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const char *wrong;
	char *c;
	Elf *elf;

	*info = (struct modinfo){ 0 };
	if (fd < 0) {
		fd = -errno;
		complain("%s: %s", path, strerror(errno));
		return fd;
	}
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	wrong = read_elf(elf, info);
	elf_end(elf);
	close(fd);
	if (wrong) {
		complain("%s %s", path, wrong);
		modinfo_free(info);
		return -ENOEXEC;
	}
	for (c = info->name; *c; c++)
		if (*c == '-')
			*c = '_';
	info->release = must_strdup(info->vermagic);
	info->release[strcspn(info->release, " ")] = 0;
	return 0;
}

void modinfo_free(struct modinfo *info)
{
	free(info->name);
	free(info->vermagic);
	free(info->release);
	strings_free(&info->depends);
	strings_free(&info->soft);
	*info = (struct modinfo){ 0 };
}
