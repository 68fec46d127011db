/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few functions of ISO C's <string.h> that there are here; the mem* are declared by
 * core/port.h.
 */
#ifndef BLKMEND_METAL_STRING_H
#define BLKMEND_METAL_STRING_H

#include "core/port.h"

/* What clang makes of a memcmp() that is only asked whether it is 0. */
int bcmp(const void *a, const void *b, size_t size);

size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t size);

#endif
