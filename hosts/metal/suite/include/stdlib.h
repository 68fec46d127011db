/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef METAL_SUITE_STDLIB_H
#define METAL_SUITE_STDLIB_H

#include <stddef.h>

#include "hosts/metal/malloc.h"

/* Options of the kernel command line: BM_SEED is seed=, BM_TRACE is trace=. Others: NULL. */
char *getenv(const char *name);

/* Base 0 only: decimal, or hexadecimal after 0x. */
unsigned long long strtoull(const char *text, char **end, int base);

_Noreturn void abort(void);
_Noreturn void exit(int status); /* ends the process: process.h */

#endif
