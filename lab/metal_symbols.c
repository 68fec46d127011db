// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses of a metal image.
 */
#include "metal_symbols.h"

#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FURTHEST 65536 /* bytes behind a symbol without a size that still count as its own */

struct metal_symbols {
	int fd;
	Elf *elf;
	Dwarf *dwarf;
};

static Elf *elf_open(const char *path, int *fd)
{
	Elf *elf;

	*fd = open(path, O_RDONLY | O_CLOEXEC);
	elf = *fd < 0 ? NULL : elf_begin(*fd, ELF_C_READ, NULL);
	if (elf && elf_kind(elf) == ELF_K_ELF)
		return elf;
	elf_end(elf);
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	return NULL;
}

struct metal_symbols *metal_symbols_open(const char *image)
{
	struct metal_symbols *symbols = must_calloc(1, sizeof(*symbols));
	char *debug = format("%s.debug", image);

	elf_version(EV_CURRENT);
	symbols->elf = elf_open(debug, &symbols->fd);
	free(debug);
	if (!symbols->elf)
		symbols->elf = elf_open(image, &symbols->fd);
	if (!symbols->elf) {
		free(symbols);
		return NULL;
	}
	symbols->dwarf = dwarf_begin_elf(symbols->elf, DWARF_C_READ, NULL);
	return symbols;
}

void metal_symbols_close(struct metal_symbols *symbols)
{
	if (!symbols)
		return;
	dwarf_end(symbols->dwarf);
	elf_end(symbols->elf);
	close(symbols->fd);
	free(symbols);
}

/* Call visit() for each symbol of code until it returns true. */
static void each_symbol(struct metal_symbols *symbols,
			bool (*visit)(void *context, const GElf_Sym *symbol, const char *name),
			void *context)
{
	Elf_Scn *section = NULL;
	Elf_Data *data;
	GElf_Shdr head;
	GElf_Sym symbol;
	const char *name;
	int i, n;

	while ((section = elf_nextscn(symbols->elf, section))) {
		if (!gelf_getshdr(section, &head) || head.sh_type != SHT_SYMTAB || !head.sh_entsize)
			continue;
		data = elf_getdata(section, NULL);
		n = data ? (int)(head.sh_size / head.sh_entsize) : 0;
		for (i = 0; i < n; i++) {
			if (!gelf_getsym(data, i, &symbol) || symbol.st_shndx == SHN_UNDEF ||
			    GELF_ST_TYPE(symbol.st_info) > STT_FUNC ||
			    GELF_ST_TYPE(symbol.st_info) == STT_OBJECT)
				continue;
			name = elf_strptr(symbols->elf, head.sh_link, symbol.st_name);
			if (name && *name && visit(context, &symbol, name))
				return;
		}
	}
}

struct nearest {
	uint64_t address, start;
	const char *name;
	bool whole; /* its size says that it is the one */
};

static bool nearer(void *context, const GElf_Sym *symbol, const char *name)
{
	struct nearest *nearest = context;
	uint64_t offset = nearest->address - symbol->st_value;
	bool whole = symbol->st_size && offset < symbol->st_size;

	if (nearest->address < symbol->st_value || (symbol->st_size && !whole) ||
	    offset > FURTHEST || (nearest->whole && !whole) ||
	    (nearest->name && nearest->whole == whole && symbol->st_value <= nearest->start))
		return false;
	*nearest = (struct nearest){ nearest->address, symbol->st_value, name, whole };
	return false;
}

char *metal_symbols_line(struct metal_symbols *symbols, uint64_t address)
{
	Dwarf_Line *line;
	const char *file;
	Dwarf_Die unit;
	int number;

	if (!symbols || !symbols->dwarf || !dwarf_addrdie(symbols->dwarf, address, &unit))
		return NULL;
	line = dwarf_getsrc_die(&unit, address);
	file = line ? dwarf_linesrc(line, NULL, NULL) : NULL;
	if (!file || dwarf_lineno(line, &number))
		return NULL;
	while (!strncmp(file, "../", 3))
		file += 3;
	return format("%s:%d", file, number);
}

char *metal_symbols_at(struct metal_symbols *symbols, uint64_t address)
{
	struct nearest nearest = { .address = address };
	char *line, *text;

	if (!symbols || !metal_symbols_code(symbols, address))
		return NULL;
	each_symbol(symbols, nearer, &nearest);
	if (!nearest.name)
		return NULL;
	line = metal_symbols_line(symbols, address);
	text = format("%s+%#llx%s%s", nearest.name, (unsigned long long)(address - nearest.start),
		      line ? "  <- " : "", line ? line : "");
	free(line);
	return text;
}

struct wanted {
	const char *name;
	uint64_t address;
	bool found;
};

static bool is_wanted(void *context, const GElf_Sym *symbol, const char *name)
{
	struct wanted *wanted = context;

	wanted->found = !strcmp(name, wanted->name);
	wanted->address = symbol->st_value;
	return wanted->found;
}

bool metal_symbols_find(struct metal_symbols *symbols, const char *name, uint64_t *address)
{
	struct wanted wanted = { .name = name };

	each_symbol(symbols, is_wanted, &wanted);
	*address = wanted.address;
	return wanted.found;
}

/* The part of the image that is loaded there. */
static bool segment_at(struct metal_symbols *symbols, uint64_t address, GElf_Phdr *segment)
{
	size_t n, i;

	if (elf_getphdrnum(symbols->elf, &n))
		return false;
	for (i = 0; i < n; i++)
		if (gelf_getphdr(symbols->elf, (int)i, segment) && segment->p_type == PT_LOAD &&
		    address >= segment->p_vaddr && address - segment->p_vaddr < segment->p_filesz)
			return true;
	return false;
}

bool metal_symbols_code(struct metal_symbols *symbols, uint64_t address)
{
	GElf_Phdr segment;

	return segment_at(symbols, address, &segment) && segment.p_flags & PF_X;
}

size_t metal_symbols_bytes(struct metal_symbols *symbols, uint64_t address, void *to, size_t size)
{
	GElf_Phdr segment;
	uint64_t left;
	ssize_t n;

	if (!segment_at(symbols, address, &segment))
		return 0;
	left = segment.p_filesz - (address - segment.p_vaddr);
	n = pread(symbols->fd, to, size < left ? size : left,
		  (off_t)(segment.p_offset + (address - segment.p_vaddr)));
	return n > 0 ? (size_t)n : 0;
}
