/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The core's own test suite on the metal: the same sources as on the host, compiled against the
 * headers in include/, which have as much of a libc and of cmocka as they use. Each program's
 * main() is called by another name.
 */
#ifndef METAL_SUITE_H
#define METAL_SUITE_H

#include "core/port.h"

/* Run it within a test; what its main() returns. */
int suite_program(const char *name, int (*main)(int argc, char **argv), int argc,
		  const char **argv);

/* Is this unit test to be run where none is named? */
bool suite_wants(const char *name);

/* Say that the program, or its test under way, has failed and why, and leave that. */
_Noreturn __attribute__((format(printf, 1, 2))) void suite_leave(const char *format, ...);

#endif
