/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text to the console and into buffers, by the names and with the meaning of ISO C (C11 7.21.6),
 * as far as it goes: conversions d i u x X o c s p %, flags - 0 + space #, width and precision
 * (also *), lengths hh h l ll j z t. No floating point, no %n. What is unknown is printed as it
 * stands.
 */
#ifndef BLKMEND_METAL_PRINT_H
#define BLKMEND_METAL_PRINT_H

#include <stdarg.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * All return how long the text is, without a final NUL, whether or not all of it had room. Any
 * context.
 */
__attribute__((format(printf, 1, 2))) int printf(const char *format, ...);
__attribute__((format(printf, 1, 0))) int vprintf(const char *format, va_list list);
__attribute__((format(printf, 3, 4))) int snprintf(char *buffer, size_t size, const char *format,
						   ...);
__attribute__((format(printf, 3, 0))) int vsnprintf(char *buffer, size_t size, const char *format,
						    va_list list);
int puts(const char *line);
int putchar(int byte);

#ifdef __cplusplus
}
#endif

#endif
