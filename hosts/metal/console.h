/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The serial console: COM1, polled, 115200 baud.
 */
#ifndef BLKMEND_METAL_CONSOLE_H
#define BLKMEND_METAL_CONSOLE_H

#include "core/port.h"

/* Sets the port up. Before the first write; needs nothing else. */
void console_init(void);

/* Bytes as they are, but "\n" becomes "\r\n". Any context, exceptions too; waits for the port. */
void console_write(const char *bytes, size_t size);

#endif
