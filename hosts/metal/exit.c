/* SPDX-License-Identifier: GPL-2.0-only */
#include "exit.h"
#include "print.h"
#include "x86.h"

void metal_exit(unsigned int value)
{
	out32(METAL_EXIT_PORT, value);
	/* Some code may still run here; and where nothing is, all ones are read. */
	if (in32(METAL_EXIT_PORT) == ~0u)
		printf("metal: this machine has no isa-debug-exit at %#x; halted (would have exited with %#x)\n",
		       METAL_EXIT_PORT, value);
	for (;;)
		__asm__ volatile("cli; hlt");
}
