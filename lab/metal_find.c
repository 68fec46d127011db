// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which layer broke first in a run of a metal image, and what the likely reason is.
 */
#include <stdlib.h>
#include <string.h>

#include "metal_diagnose.h"

#define PAGE       4096
#define BSS_POISON "a5a5a5a5" /* POISON of boot.S */

/* Error code of a page fault: Intel's Software Developer's Manual, volume 3, 4.7. */
#define FAULT_PRESENT (1u << 0)
#define FAULT_WRITE   (1u << 1)
#define FAULT_FETCH   (1u << 4)

#define VECTOR_INVALID_OPCODE 6
#define VECTOR_NO_FPU         7
#define VECTOR_PAGE_FAULT     14

static const struct {
	const char *name, *hint;
} reasons[] = {
	[METAL_SOUND] = { "none", NULL },
	[METAL_REASON_MACHINE] = { "machine",
				   "nothing is wrong with the image: give it a machine that has "
				   "what it needs" },
	[METAL_REASON_MODE32] = { "32-bit mode",
				  "long mode is there once EFER.LME and CR0.PG are set and a far "
				  "jump has loaded a CS with its L bit: look at what comes before "
				  "that jump in hosts/metal/boot.S. In 32-bit mode the same bytes "
				  "are other instructions, and blame falls on what runs next" },
	[METAL_REASON_SSE] = { "SSE before it is enabled",
			       "CR4.OSFXSR is off, so SSE instructions are invalid: compile with "
			       "-mgeneral-regs-only (clang uses SSE for plain copies from -O2 on), "
			       "or enable SSE before any C runs" },
	[METAL_REASON_BSS] = { "BSS not zeroed",
			       "C takes it for granted that globals without a value are 0: look at "
			       "bss_start and bss_end in image.lds, and at clear_bss in boot.S; "
			       "until that holds, faults anywhere else mean nothing" },
	[METAL_REASON_PAGE] = { "page table entry",
				"an entry of the page tables is missing or wrong: look at "
				"make_tables in boot.S and at what paging.c makes of it" },
	[METAL_REASON_NULL] = { "null pointer",
				"the page at 0 is not there on purpose: a pointer was used that "
				"nobody had set" },
	[METAL_REASON_STACK] = { "stack overflow",
				 "the guard page below a stack was touched: recursion without an "
				 "end, or a large array on the stack" },
	[METAL_REASON_PROTECTED] = { "protection",
				     "text and constants can't be written, and data can't be "
				     "executed: what did it needs another place" },
	[METAL_REASON_HEAP] = { "free list corrupt",
				"somebody wrote beyond a block, or freed it twice: the first "
				"complaint names the block; the allocator noticed, and is not to "
				"blame while its own tests pass" },
	[METAL_REASON_EXCEPTION] = { "exception", NULL },
	[METAL_REASON_TEST] = { "test failed", NULL },
	[METAL_REASON_HANG] = { "hang", NULL },
	[METAL_REASON_TRIPLE] = { "triple fault",
				  "the exception could not be handled: the IDT, the GDT, or the "
				  "stack that the handler needs was not there" },
	[METAL_REASON_LAB] = { "lab", NULL },
};

const char *metal_reason_name(enum metal_reason reason)
{
	return reasons[reason].name;
}

static struct metal_finding finding(enum metal_reason reason, enum metal_layer layer, char *words)
{
	return (struct metal_finding){ reason, layer, words, reasons[reason].hint };
}

/*
 * Layers.
 */

/* Tests are named after what they are of. */
static enum metal_layer layer_of_test(const char *name)
{
	static const struct {
		const char *start;
		enum metal_layer layer;
	} starts[] = {
		{ "boot", METAL_BOOT },          { "bss", METAL_BSS },
		{ "globals", METAL_BSS },        { "data", METAL_BSS },
		{ "paging", METAL_PAGING },      { "page", METAL_PAGING },
		{ "exec", METAL_PAGING },        { "exception", METAL_EXCEPTIONS },
		{ "trap", METAL_EXCEPTIONS },    { "heap", METAL_ALLOCATOR },
		{ "bump", METAL_ALLOCATOR },     { "list", METAL_ALLOCATOR },
		{ "freelist", METAL_ALLOCATOR }, { "malloc", METAL_ALLOCATOR },
		{ "core", METAL_CORE },          { "remap", METAL_CORE },
		{ "unit", METAL_CORE },          { "sim", METAL_CORE },
		{ "power", METAL_CORE },         { "disk", METAL_DRIVER },
		{ "virtio", METAL_DRIVER },      { "pci", METAL_DRIVER },
		{ "driver", METAL_DRIVER },
	};
	size_t i;

	for (i = 0; i < sizeof(starts) / sizeof(*starts); i++)
		if (!strncmp(name, starts[i].start, strlen(starts[i].start)))
			return starts[i].layer;
	return METAL_LAYERS;
}

static const struct metal_test *first_failed(const struct metal_console *console)
{
	size_t i;

	for (i = 0; i < console->tests; i++)
		if (console->test[i].why && !console->test[i].skipped)
			return &console->test[i];
	return NULL;
}

/* What was not proved is where it broke; behind that, what was under test. */
static enum metal_layer layer_of(const struct metal_console *console)
{
	enum metal_layer layer = metal_console_broken(console), test_layer;
	const struct metal_test *test = first_failed(console);

	if (layer == METAL_LAYERS && !test && console->tests)
		test = &console->test[console->tests - 1];
	test_layer = test ? layer_of_test(test->name) : METAL_LAYERS;
	return test_layer < layer ? test_layer : layer;
}

/*
 * Reasons.
 */

static bool opened_at(const char *image, uint64_t address,
		      bool (*is)(struct metal_symbols *symbols, uint64_t address))
{
	struct metal_symbols *symbols = metal_symbols_open(image);
	bool answer = symbols && is(symbols, address);

	metal_symbols_close(symbols);
	return answer;
}

static bool in_guard(struct metal_symbols *symbols, uint64_t address)
{
	static const char *const guards[] = { "stack_guard", "fault_stack_guard" };
	uint64_t start;
	size_t i;

	for (i = 0; i < sizeof(guards) / sizeof(*guards); i++)
		if (metal_symbols_find(symbols, guards[i], &start) && address - start < PAGE)
			return true;
	return false;
}

static enum metal_reason reason_of_fault(const struct metal_exception *exception, const char *image)
{
	if (exception->cr2 < PAGE)
		return METAL_REASON_NULL;
	if (opened_at(image, exception->cr2, in_guard))
		return METAL_REASON_STACK;
	if (exception->error & (FAULT_PRESENT | FAULT_FETCH))
		return METAL_REASON_PROTECTED;
	return METAL_REASON_PAGE;
}

static enum metal_reason reason_of_exception(const struct metal_exception *exception,
					     const char *image)
{
	switch (exception->vector) {
	case VECTOR_PAGE_FAULT:
		return reason_of_fault(exception, image);
	case VECTOR_INVALID_OPCODE:
	case VECTOR_NO_FPU:
		return exception->knows_rip && opened_at(image, exception->rip, metal_cpu_sse)
			       ? METAL_REASON_SSE
			       : METAL_REASON_EXCEPTION;
	}
	return METAL_REASON_EXCEPTION;
}

/* Of what QEMU's registers tell, where the image could tell nothing. */
static enum metal_reason reason_of_cpu(const struct metal_trial *trial, enum metal_reason otherwise)
{
	const struct metal_cpu *cpu = &trial->run.cpu;

	if (!cpu->known)
		return otherwise;
	/* Where the image has 32-bit code it says why it can't go on, and halts. */
	if (!cpu->long_mode && !trial->run.console.proved[METAL_BOOT])
		return METAL_REASON_MODE32;
	/* boot.S fills it with this before it zeroes it. */
	if (!trial->run.console.proved[METAL_BSS] && strstr(cpu->registers, BSS_POISON))
		return METAL_REASON_BSS;
	if (opened_at(trial->build->image, cpu->rip, metal_cpu_sse))
		return METAL_REASON_SSE;
	if (cpu->cr2 && opened_at(trial->build->image, cpu->cr2, in_guard))
		return METAL_REASON_STACK;
	return otherwise;
}

static bool says(const char *text, const char *words)
{
	return text && strstr(text, words);
}

static struct metal_finding find_assumption(const struct metal_trial *trial)
{
	const struct metal_console *console = &trial->run.console;

	if (says(console->assumption, "32-bit mode"))
		return finding(METAL_REASON_MODE32, METAL_BOOT, must_strdup(console->assumption));
	return finding(METAL_REASON_MACHINE, METAL_LAYERS, must_strdup(trial->verdict.headline));
}

/* A layer that is broken says what of it. */
static enum metal_reason reason_of_layer(const struct metal_console *console,
					 enum metal_layer layer)
{
	if (!console->found_broken)
		return METAL_REASON_TEST;
	switch (layer) {
	case METAL_BSS:
		return METAL_REASON_BSS;
	case METAL_PAGING:
		return METAL_REASON_PAGE;
	case METAL_ALLOCATOR:
		return METAL_REASON_HEAP;
	default:
		return METAL_REASON_TEST;
	}
}

static struct metal_finding find_stood(const struct metal_trial *trial, enum metal_reason otherwise,
				       enum metal_layer layer, char *headline)
{
	enum metal_reason reason = reason_of_cpu(trial, otherwise);

	return finding(reason,
		       reason == METAL_REASON_BSS      ? METAL_BSS
		       : reason == METAL_REASON_MODE32 ? METAL_BOOT
						       : layer,
		       headline);
}

struct metal_finding metal_find(const struct metal_trial *trial)
{
	const struct metal_console *console = &trial->run.console;
	enum metal_layer layer = layer_of(console);
	char *headline = must_strdup(trial->verdict.headline ? trial->verdict.headline : "");

	switch (trial->verdict.end) {
	case METAL_PASSED:
		return finding(METAL_SOUND, METAL_LAYERS, headline);
	case METAL_ASSUMPTION:
		free(headline);
		return find_assumption(trial);
	case METAL_FAILED:
		return finding(reason_of_layer(console, layer), layer, headline);
	case METAL_CORRUPT:
		return finding(METAL_REASON_HEAP, layer < METAL_ALLOCATOR ? layer : METAL_ALLOCATOR,
			       headline);
	case METAL_EXCEPTION:
		return finding(reason_of_exception(&console->exception, trial->build->image), layer,
			       headline);
	case METAL_HUNG:
		return find_stood(trial, METAL_REASON_HANG, layer, headline);
	case METAL_TRIPLE_FAULT:
		return find_stood(trial, METAL_REASON_TRIPLE, layer, headline);
	default:
		return finding(METAL_REASON_LAB, METAL_LAYERS, headline);
	}
}

void metal_finding_free(struct metal_finding *finding)
{
	free(finding->words);
	*finding = (struct metal_finding){ 0 };
}
