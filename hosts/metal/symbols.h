/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names of the image's functions. The table is made by tool/symbols.c from an image that lacks it,
 * and linked into the final one, behind everything that it names.
 *
 * Its format: SYMBOL_PAIRS pairs of bytes, then an entry a function, in the order of addresses: how
 * far it is from the one before (the first: from 0), seven bits a byte, the lowest first, with 128
 * added if more follow; then its name, which a byte 0 ends. A byte of a name that is not below
 * SYMBOL_FIRST_PAIR stands for that pair, whose bytes may stand for pairs in turn. A distance of 0
 * ends the table.
 */
#ifndef BLKMEND_METAL_SYMBOLS_H
#define BLKMEND_METAL_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

#define SYMBOL_MAX        64 /* bytes of a name, with its NUL; longer ones are cut */
#define SYMBOL_FIRST_PAIR 128
#define SYMBOL_PAIRS      128

/*
 * The function that holds this address, as far as the next one begins, and how far into it. False:
 * it is not in the image's code. Any context.
 */
bool symbol_find(uint64_t address, char name[SYMBOL_MAX], uint64_t *offset);

#endif
