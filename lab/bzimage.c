// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel images of x86.
 */
#include "bzimage.h"

#include <ctype.h>
#include <errno.h>
#include <gelf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lab.h"
#include "unpack.h"

/* Fields of the setup header. */
#define SETUP_SECTS    0x1f1
#define SETUP_MAGIC    0x202
#define SETUP_VERSION  0x206
#define SETUP_RELEASE  0x20e
#define SETUP_PAYLOAD  0x248
#define SETUP_LENGTH   0x24c
#define SETUP_END      0x250
#define HAS_PAYLOAD    0x0208 /* the version from which on there are these two */
#define XEN_PHYS_ENTRY 18     /* XEN_ELFNOTE_PHYS32_ENTRY */

static unsigned int le16(const unsigned char *at)
{
	return at[0] | (unsigned int)at[1] << 8;
}

static uint32_t le32(const unsigned char *at)
{
	return le16(at) | (uint32_t)le16(at + 2) << 16;
}

bool bzimage_is(const void *data, size_t size)
{
	const unsigned char *image = data;

	return size >= SETUP_END && !memcmp(image + SETUP_MAGIC, "HdrS", 4) &&
	       le16(image + SETUP_VERSION) >= HAS_PAYLOAD;
}

static char *word(const unsigned char *at, const unsigned char *end)
{
	const unsigned char *start = at;

	while (at < end && isgraph(*at))
		at++;
	return at == start || at == end ? NULL : format("%.*s", (int)(at - start), start);
}

char *bzimage_release(const void *data, size_t size)
{
	const unsigned char *image = data;
	size_t at = le16(image + SETUP_RELEASE);

	return at && at + 0x200 < size ? word(image + at + 0x200, image + size) : NULL;
}

void *bzimage_payload(const void *data, size_t size, size_t *out)
{
	const unsigned char *image = data;
	size_t sectors = image[SETUP_SECTS] ? image[SETUP_SECTS] : 4;
	size_t at = (sectors + 1) * 512 + le32(image + SETUP_PAYLOAD);
	size_t length = le32(image + SETUP_LENGTH);
	void *elf;

	if (at > size || length > size - at || length < 8) {
		errno = EIO;
		return NULL;
	}
	elf = unpack(image + at, length, out);
	/* The last word is the unpacked size, whatever the format. */
	if (elf && le32(image + at + length - 4) != (uint32_t)*out) {
		free(elf);
		errno = EIO;
		return NULL;
	}
	return elf;
}

bool vmlinux_is(const void *data, size_t size)
{
	const Elf64_Ehdr *head = data;

	return size >= sizeof(*head) && !memcmp(head->e_ident, ELFMAG, SELFMAG) &&
	       head->e_ident[EI_CLASS] == ELFCLASS64 && head->e_machine == EM_X86_64;
}

static bool note_is_pvh(Elf *elf, const GElf_Phdr *part)
{
	Elf_Data *notes = elf_getdata_rawchunk(elf, (int64_t)part->p_offset, part->p_filesz,
					       part->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
	size_t at = 0, name, text;
	GElf_Nhdr note;

	while (notes && (at = gelf_getnote(notes, at, &note, &name, &text)))
		if (note.n_type == XEN_PHYS_ENTRY && note.n_namesz == 4 &&
		    !memcmp((char *)notes->d_buf + name, "Xen", 4))
			return true;
	return false;
}

bool vmlinux_has_pvh(const void *data, size_t size)
{
	size_t n = 0, i;
	bool found = false;
	GElf_Phdr part;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_memory((char *)(uintptr_t)data, size);
	if (elf)
		elf_getphdrnum(elf, &n);
	for (i = 0; i < n && !found; i++)
		found = gelf_getphdr(elf, (int)i, &part) && part.p_type == PT_NOTE &&
			note_is_pvh(elf, &part);
	elf_end(elf);
	return found;
}

char *vmlinux_release(const void *data, size_t size)
{
	static const char banner[] = "Linux version ";
	const unsigned char *at = data, *end = at + size;

	/* The same words are in formats as well: then no number follows. */
	while ((at = memmem(at, (size_t)(end - at), banner, sizeof(banner) - 1))) {
		at += sizeof(banner) - 1;
		if (at < end && isdigit(*at))
			return word(at, end);
	}
	return NULL;
}
