// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a processor is at. QEMU's human monitor is the only one that tells registers.
 * https://www.qemu.org/docs/master/system/monitor.html
 */
#include "metal_cpu.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CR0_PE     (1ull << 0)
#define CR0_PG     (1ull << 31)
#define INTERRUPTS (1ull << 9) /* of RFLAGS */

/* "RIP=0000000000100007" or, of a processor in another mode, "EIP=00100007". */
static bool number_of(const char *text, const char *name, uint64_t *number)
{
	const char *at = strstr(text, name);
	char *end;

	if (!at)
		return false;
	*number = strtoull(at + strlen(name), &end, 16);
	return end > at + strlen(name);
}

/* Lines of what is neither floating point nor debugging. */
static char *registers_of(const char *text)
{
	static const char *const wanted[] = { "RAX", "RSI", "R8 ", "R12", "RIP", "EAX",
					      "ESI", "EIP", "CS ", "CR0", "EFER" };
	size_t size = 0, i, length;
	char *out;
	FILE *file = open_memstream(&out, &size);

	for (; file && *text; text += length + (text[length] != 0)) {
		length = strcspn(text, "\r\n");
		for (i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
			if (!strncmp(text, wanted[i], strlen(wanted[i])))
				fprintf(file, "  %.*s\n", (int)length, text);
	}
	if (!file || fclose(file))
		return must_strdup("");
	return out;
}

void metal_cpu_parse(struct metal_cpu *cpu, const char *text)
{
	uint64_t flags = 0, halted = 0;

	*cpu = (struct metal_cpu){ 0 };
	cpu->known = number_of(text, "RIP=", &cpu->rip) || number_of(text, "EIP=", &cpu->rip);
	if (!cpu->known)
		return;
	number_of(text, "RBP=", &cpu->rbp);
	number_of(text, "CR0=", &cpu->cr0);
	number_of(text, "CR2=", &cpu->cr2);
	number_of(text, "CR3=", &cpu->cr3);
	number_of(text, "CR4=", &cpu->cr4);
	number_of(text, "EFER=", &cpu->efer);
	number_of(text, "HLT=", &halted);
	if (!number_of(text, "RFL=", &flags))
		number_of(text, "EFL=", &flags);
	cpu->halted = halted;
	cpu->interrupts = flags & INTERRUPTS;
	cpu->long_mode = strstr(text, " CS64 ");
	cpu->registers = registers_of(text);
}

/* Two words at an address of the guest: "0000000000104f80: 0x... 0x..." */
static bool words_at(struct qmp *qmp, uint64_t address, uint64_t word[2])
{
	char *line = format("x /2gx %#llx", (unsigned long long)address);
	char *answer = qmp_human(qmp, line), *at = answer ? strchr(answer, ':') : NULL;
	unsigned long long one, two;
	bool read = at && sscanf(at + 1, " %llx %llx", &one, &two) == 2;

	if (read) {
		word[0] = one;
		word[1] = two;
	}
	free(answer);
	free(line);
	return read;
}

/* Frames grow upwards; what does not is no frame. */
static void stack_read(struct metal_cpu *cpu, struct qmp *qmp)
{
	uint64_t at = cpu->rbp, word[2];

	while (cpu->long_mode && at && !(at & 7) && cpu->frames < METAL_CPU_FRAMES &&
	       words_at(qmp, at, word) && word[1]) {
		cpu->frame[cpu->frames++] = word[1];
		at = word[0] > at ? word[0] : 0;
	}
}

int metal_cpu_read(struct metal_cpu *cpu, struct qmp *qmp)
{
	char *text = qmp_human(qmp, "info registers");

	if (!text)
		return -EIO;
	metal_cpu_parse(cpu, text);
	free(text);
	if (!cpu->known)
		return -EIO;
	stack_read(cpu, qmp);
	return 0;
}

void metal_cpu_free(struct metal_cpu *cpu)
{
	free(cpu->registers);
	*cpu = (struct metal_cpu){ 0 };
}

static const char *mode_of(const struct metal_cpu *cpu)
{
	if (cpu->long_mode)
		return "64-bit mode";
	if (!(cpu->cr0 & CR0_PE))
		return "real mode";
	return cpu->cr0 & CR0_PG ? "32-bit mode with paging" : "32-bit mode without paging";
}

static void where_add(FILE *file, struct metal_symbols *symbols, const char *what, uint64_t address)
{
	char *name = metal_symbols_at(symbols, address);

	fprintf(file, "  %s %#llx%s%s\n", what, (unsigned long long)address, name ? " " : "",
		name ? name : " (no code of the image)");
	free(name);
}

char *metal_cpu_where(const struct metal_cpu *cpu, struct metal_symbols *symbols)
{
	size_t size = 0, i;
	char *text;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return must_strdup("");
	where_add(file, symbols, "at", cpu->rip);
	for (i = 0; i < cpu->frames; i++)
		/* The call, not what comes after it. */
		where_add(file, symbols, "called from", cpu->frame[i] - 1);
	fprintf(file, "  in %s%s\n", mode_of(cpu),
		!cpu->halted      ? ""
		: cpu->interrupts ? ", halted, waiting for an interrupt"
				  : ", halted with interrupts off: nothing will wake it");
	fputs(cpu->registers ? cpu->registers : "", file);
	if (fclose(file))
		return must_strdup("");
	return text;
}

/*
 * Two-byte opcodes of SSE and SSE2 with xmm operands, behind 66, F2, F3 and REX or none of them:
 * Intel's Software Developer's Manual, volume 2, appendix A.
 */
bool metal_cpu_sse(struct metal_symbols *symbols, uint64_t address)
{
	uint8_t code[16] = { 0 };
	size_t n = symbols ? metal_symbols_bytes(symbols, address, code, sizeof(code)) : 0, i = 0;
	bool prefix = false;

	while (i < n && (code[i] == 0x66 || code[i] == 0xf2 || code[i] == 0xf3)) {
		prefix = true;
		i++;
	}
	if (i < n && (code[i] & 0xf0) == 0x40)
		i++;
	if (i + 1 >= n || code[i] != 0x0f)
		return false;
	i = code[i + 1];
	/* Without a prefix 60-7f and d0-fe are MMX's. */
	return (i >= 0x10 && i <= 0x17) || (i >= 0x28 && i <= 0x2f) || (i >= 0x50 && i <= 0x5f) ||
	       (i >= 0xc2 && i <= 0xc6) ||
	       (prefix && ((i >= 0x60 && i <= 0x7f) || (i >= 0xd0 && i <= 0xfe)));
}
