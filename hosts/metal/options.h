/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel command line: words parted by spaces. key=value is an option, others name tests.
 * Every key that an image knows is registered, so that a mistyped one is refused.
 */
#ifndef BLKMEND_METAL_OPTIONS_H
#define BLKMEND_METAL_OPTIONS_H

#include "core/port.h"

struct metal_option {
	const char *key;
	const char *unused; /* so that it is as large as it is aligned */
};

/* At file scope: this image takes KEY=VALUE. */
#define METAL_OPTION(name, key)                                                                    \
	static const struct metal_option metal_option_##name                                       \
		__attribute__((used, section(".metal_options"), aligned(16))) = { key, NULL }

/* The line is copied. Exits with METAL_EXIT_USAGE if it has more than 1023 bytes or 64 words. */
void options_init(const char *line);

/* The i-th word that is no option, NULL after the last. Any context. */
const char *options_word(unsigned int i);

/* The value of the last KEY=VALUE, or NULL. Any context. */
const char *options_value(const char *key);

/*
 * The value of the i-th KEY=VALUE, for keys that may come more than once, or NULL after the last.
 */
const char *options_each(const char *key, unsigned int i);

/*
 * options_value() as a number, decimal or 0x, with k, M or G for powers of 1024; exits with
 * METAL_EXIT_USAGE if it is none.
 */
u64 options_number(const char *key, u64 otherwise);

/* Exits with METAL_EXIT_USAGE if there is an option that no one registered. */
void options_check(void);

#endif
