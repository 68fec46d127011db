/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory for code that is made at run time, as by a JIT. It is written first and executed
 * afterwards, and never both at once.
 */
#ifndef BLKMEND_METAL_EXECUTABLE_H
#define BLKMEND_METAL_EXECUTABLE_H

#include "core/port.h"

/*
 * Writable memory from the heap for size bytes of code, rounded up to whole pages; NULL: none left.
 */
void *executable_alloc(size_t size);

/*
 * From now on the memory can be executed and read, and no longer written. size as it was asked for.
 * -ENOMEM: no page table is left; it can still be written.
 */
int executable_seal(void *code, size_t size);

/* The reverse: writable again, and no longer executable. Nothing may be executing it. -ENOMEM. */
int executable_unseal(void *code, size_t size);

/* Sealed or not. NULL is nothing. */
void executable_free(void *code, size_t size);

#endif
