/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a processor is at, asked of QEMU while its machine stands still.
 */
#ifndef BLKLAB_METAL_CPU_H
#define BLKLAB_METAL_CPU_H

#include "metal_symbols.h"
#include "qmp.h"

#define METAL_CPU_FRAMES 16

struct metal_cpu {
	bool known;
	bool long_mode; /* CS is 64-bit */
	bool halted, interrupts;
	uint64_t rip, rbp, cr0, cr2, cr3, cr4, efer;
	uint64_t frame[METAL_CPU_FRAMES]; /* return addresses, innermost first */
	size_t frames;
	char *registers; /* as QEMU prints them, those of which there is talk here */
};

/* From what QEMU's "info registers" prints. */
void metal_cpu_parse(struct metal_cpu *cpu, const char *text);
/* Ask; the machine is to stand still. -EIO: QEMU does not answer. */
int metal_cpu_read(struct metal_cpu *cpu, struct qmp *qmp);
void metal_cpu_free(struct metal_cpu *cpu);

/* Where it is, in words of a few lines, with names where symbols (may be NULL) know any; to be
 * freed. */
char *metal_cpu_where(const struct metal_cpu *cpu, struct metal_symbols *symbols);
/* Does an SSE instruction stand there? */
bool metal_cpu_sse(struct metal_symbols *symbols, uint64_t address);

#endif
