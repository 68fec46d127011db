/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers as people write them. Nothing is guessed: a sign, a blank, a trailing letter or a value
 * that doesn't fit is refused, never clipped. Sectors are 512 bytes.
 */
#ifndef BLKMEND_NUMBER_H
#define BLKMEND_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NUMBER_MAX (UINT64_MAX >> 1) /* the largest value taken anywhere: fits JSON and off_t */

/*
 * The whole of text[0, length) as a decimal number, or with `c_bases` also 0x.. (hexadecimal) and
 * 0.. (octal), as ddrescue reads them. 0, -EINVAL (not a number), -ERANGE (above NUMBER_MAX).
 */
int number_parse(const char *text, size_t length, bool c_bases, uint64_t *value);

/* The same for a NUL-terminated decimal. */
int number_decimal(const char *text, uint64_t *value);

/*
 * A size in bytes: a number, then nothing, s (sectors), K M G T P (or KiB ..: powers of 1024), or
 * KB MB GB TB PB (powers of 1000).
 */
int number_size(const char *text, uint64_t *bytes);

/*
 * Sectors of a disk: SECTOR, FIRST-LAST (inclusive) or SECTOR+COUNT. *single: the first form was
 * used, count is 1. -EINVAL also for an empty or backward range.
 */
int number_range(const char *text, uint64_t *sector, uint64_t *count, bool *single);

#define NUMBER_HUMAN 16
/* Bytes for people: "512 B", "3.6 TiB". Returns buf. */
const char *number_human(uint64_t bytes, char buf[NUMBER_HUMAN]);

#endif
