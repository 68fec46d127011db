/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Addresses of a metal image: which function that is, which line, and which bytes stand there.
 */
#ifndef BLKLAB_METAL_SYMBOLS_H
#define BLKLAB_METAL_SYMBOLS_H

#include <stdint.h>

#include "lab.h"

struct metal_symbols;

/*
 * Of IMAGE.debug, if that is there: what the image unpacks to, with nothing stripped. Else of the
 * image itself. NULL: it is no ELF file.
 */
struct metal_symbols *metal_symbols_open(const char *image);
void metal_symbols_close(struct metal_symbols *symbols);

/* "name+0x12", with "  <- file:line" if that is known; to be freed. NULL: no function is there. */
char *metal_symbols_at(struct metal_symbols *symbols, uint64_t address);
/* "file:line", to be freed; NULL: not known. */
char *metal_symbols_line(struct metal_symbols *symbols, uint64_t address);
/* Where a function begins; false: there is none of that name. */
bool metal_symbols_find(struct metal_symbols *symbols, const char *name, uint64_t *address);
/* Copy what the image holds at an address; how many bytes of those asked for. */
size_t metal_symbols_bytes(struct metal_symbols *symbols, uint64_t address, void *to, size_t size);
/* Is it where the image has code? */
bool metal_symbols_code(struct metal_symbols *symbols, uint64_t address);

#endif
