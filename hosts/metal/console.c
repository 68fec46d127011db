/* SPDX-License-Identifier: GPL-2.0-only */
#include "console.h"
#include "x86.h"

#define COM1 0x3f8

/* Registers of a 16550 (TI TL16C550C data sheet). */
enum { DATA = 0, INTERRUPTS = 1, FIFO = 2, LINE = 3, MODEM = 4, LINE_STATUS = 5 };
enum { DIVISOR_ACCESS = 0x80, EIGHT_BITS = 0x03, FIFO_ON = 0x07, READY = 0x03, CAN_SEND = 0x20 };

enum { PATIENCE = 100000 };

void console_init(void)
{
	out8(COM1 + INTERRUPTS, 0);
	out8(COM1 + LINE, DIVISOR_ACCESS | EIGHT_BITS);
	out8(COM1 + DATA, 1); /* 115200 / 1 */
	out8(COM1 + INTERRUPTS, 0);
	out8(COM1 + LINE, EIGHT_BITS);
	out8(COM1 + FIFO, FIFO_ON);
	out8(COM1 + MODEM, READY);
}

static void byte_write(u8 byte)
{
	/* A port that never answers must not hang a run that could go on without a console. */
	for (u32 tries = 0; !(in8(COM1 + LINE_STATUS) & CAN_SEND) && tries < PATIENCE; tries++)
		cpu_relax();
	out8(COM1 + DATA, byte);
}

void console_write(const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] == '\n')
			byte_write('\r');
		byte_write((u8)bytes[i]);
	}
}
