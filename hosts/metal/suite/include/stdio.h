/* SPDX-License-Identifier: GPL-2.0-only */
/* Streams: all of them are the console. */
#ifndef METAL_SUITE_STDIO_H
#define METAL_SUITE_STDIO_H

#include "hosts/metal/print.h"

typedef struct suite_file FILE;

#define stdout ((FILE *)1)
#define stderr ((FILE *)2)

__attribute__((format(printf, 2, 3))) int fprintf(FILE *file, const char *format, ...);
__attribute__((format(printf, 2, 3))) int sprintf(char *buffer, const char *format, ...);
size_t fwrite(const void *bytes, size_t size, size_t n, FILE *file);
int fflush(FILE *file);
void perror(const char *what);

#endif
