// SPDX-License-Identifier: GPL-2.0-only
/*
 * Symbols of a kernel as an ELF file. https://refspecs.linuxfoundation.org/elf/elf.pdf
 */
#include "symbols.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab.h"

enum { SECTION_NULL, SECTION_TEXT, SECTION_SYMBOLS, SECTION_STRINGS, SECTION_NAMES, SECTIONS };

static const char names[] = "\0.text\0.symtab\0.strtab\0.shstrtab";

struct table {
	Elf64_Sym *symbol;
	size_t n;
	char *string;
	size_t size;
	Elf64_Addr low, high; /* of code */
};

static void table_add(struct table *table, Elf64_Addr at, char type, const char *name)
{
	size_t length = strlen(name) + 1;
	bool code = tolower((unsigned char)type) == 't' || type == 'W';
	Elf64_Sym *symbol;

	/* Room doubles whenever the number reaches a power of two. */
	if (!(table->n & (table->n - 1)))
		table->symbol = must_realloc(table->symbol,
					     (table->n ? 2 * table->n : 1) * sizeof(*symbol));
	if (table->size / 65536 != (table->size + length) / 65536 || !table->string)
		table->string =
			must_realloc(table->string, ((table->size + length) / 65536 + 1) * 65536);
	symbol = &table->symbol[table->n++];
	memset(symbol, 0, sizeof(*symbol));
	symbol->st_name = (Elf64_Word)table->size;
	symbol->st_value = at;
	symbol->st_shndx = code ? SECTION_TEXT : SHN_ABS;
	symbol->st_info = ELF64_ST_INFO(STB_GLOBAL, code ? STT_FUNC : STT_OBJECT);
	memcpy(table->string + table->size, name, length);
	table->size += length;
	if (code && at < table->low)
		table->low = at;
	if (code && at >= table->high)
		table->high = at + 1;
}

/* "ffffffff81000000 T _stext"; what lies low is an offset in per-cpu data. */
static void table_read(struct table *table, char *text)
{
	unsigned long long at;
	char *line, *rest = text, name[512], type;

	table_add(table, 0, 'a', "");
	table->symbol[0] = (Elf64_Sym){ 0 };
	while ((line = strsep(&rest, "\n")))
		if (sscanf(line, "%llx %c %511s", &at, &type, name) == 3 && at >> 63)
			table_add(table, at, type, name);
}

static int table_write(const struct table *table, const char *path)
{
	size_t symbols = table->n * sizeof(Elf64_Sym), at = sizeof(Elf64_Ehdr), size;
	Elf64_Shdr section[SECTIONS] = {
		[SECTION_TEXT] = { 1, SHT_NOBITS, SHF_ALLOC | SHF_EXECINSTR, table->low, at,
				   table->high - table->low, 0, 0, 16, 0 },
		[SECTION_SYMBOLS] = { 7, SHT_SYMTAB, 0, 0, at, symbols, SECTION_STRINGS, 1, 8,
				      sizeof(Elf64_Sym) },
		[SECTION_STRINGS] = { 15, SHT_STRTAB, 0, 0, at + symbols, table->size, 0, 0, 1, 0 },
		[SECTION_NAMES] = { 23, SHT_STRTAB, 0, 0, at + symbols + table->size, sizeof(names),
				    0, 0, 1, 0 },
	};
	Elf64_Ehdr head = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_shoff = at + symbols + table->size + sizeof(names),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = SECTIONS,
		.e_shstrndx = SECTION_NAMES,
	};
	char *file;
	int err;

	size = head.e_shoff + sizeof(section);
	file = must_calloc(1, size);
	memcpy(file, &head, sizeof(head));
	memcpy(file + at, table->symbol, symbols);
	memcpy(file + at + symbols, table->string, table->size);
	memcpy(file + at + symbols + table->size, names, sizeof(names));
	memcpy(file + head.e_shoff, section, sizeof(section));
	err = file_write(path, file, size);
	free(file);
	return err;
}

int symbols_write(const char *map, const char *path)
{
	struct table table = { .low = ~0ull };
	char *text = file_read(map, NULL);
	int err;

	if (!text) {
		complain("%s: %s", map, strerror(errno));
		return -errno;
	}
	table_read(&table, text);
	err = table_write(&table, path);
	if (err)
		complain("%s: %s", path, strerror(-err));
	free(table.symbol);
	free(table.string);
	free(text);
	return err;
}
