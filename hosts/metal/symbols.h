/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names of the image's functions. The table is made by tool/symbols.c from an image that lacks it,
 * and linked into the final one.
 */
#ifndef BLKMEND_METAL_SYMBOLS_H
#define BLKMEND_METAL_SYMBOLS_H

#include "core/port.h"

#define SYMBOL_MAX 64 /* bytes of a name, with its NUL; longer ones are cut */

/* The function that holds this address, and how far into it. False: none. Any context. */
bool symbol_find(u64 address, char name[SYMBOL_MAX], u64 *offset);

#endif
