/* SPDX-License-Identifier: GPL-2.0-only */
#include "layer.h"
#include "console.h"
#include "exception.h"
#include "exit.h"
#include "heap_boot.h"
#include "memory.h"
#include "options.h"
#include "paging.h"
#include "plant.h"
#include "print.h"
#include "time.h"
#include "x86.h"

#define POISON 0xa5a5a5a5u
#define GUARD  0x61746164666f6465ull /* as image.lds has it */

extern const u32 boot_poison[2];
extern const u64 bss_start[], bss_end[], data_guard;

void layer_holds(const char *name)
{
	printf("layer %s\n", name);
}

void layer_broken(const char *name, unsigned int value, const char *format, ...)
{
	va_list list;

	printf("metal: layer %s broken: ", name);
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf("\n");
	metal_exit(value);
}

static void sse_use(void)
{
	u64 words[2] = { 1, 2 };

	__asm__ volatile(".byte 0x0f, 0x10, 0x07" /* movups (%%rdi), %%xmm0 */
			 :
			 : "D"(words)
			 : "memory");
}

static void boot_prove(void)
{
	u64 cr0 = cr0_read(), cr4 = cr4_read(), efer = msr_read(MSR_EFER);

	if (!(efer & EFER_LMA) || !(efer & EFER_NXE) || !(cr4 & CR4_PAE) || !(cr0 & CR0_PG))
		layer_broken("boot", METAL_EXIT_FAILED,
			     "no long mode with NX: efer %#llx cr0 %#llx cr4 %#llx",
			     (unsigned long long)efer, (unsigned long long)cr0,
			     (unsigned long long)cr4);
	if (!(cr0 & CR0_EM) || cr4 & CR4_OSFXSR)
		layer_broken("boot", METAL_EXIT_FAILED,
			     "SSE is on, whose registers nobody saves: cr0 %#llx cr4 %#llx",
			     (unsigned long long)cr0, (unsigned long long)cr4);
	if (plant_is(PLANT_SSE_EARLY))
		sse_use();
	layer_holds("boot");
}

/* Before anything is written there. NULL: all is 0, and was made so by boot.S. */
static const u64 *bss_look(const char **why)
{
	*why = "was not zeroed";
	for (const u64 *at = bss_start; at < bss_end; at++) {
		if (*at)
			return at;
	}
	*why = "is zero, but boot.S did not make it so: it could not be poisoned first";
	if (boot_poison[0] != POISON || boot_poison[1] != POISON)
		return bss_start;
	*why = "was zeroed, and more: the guard before it is gone";
	return data_guard == GUARD ? NULL : &data_guard;
}

static void paging_holds(void)
{
	const u8 *at;
	const char *why = paging_prove(PAGING_LEAST / 2, &at);

	if (why)
		layer_broken("paging", METAL_EXIT_FAILED, "%s (at %p)", why, (const void *)at);
	layer_holds("paging");
}

static void page_touch(void *address)
{
	*(volatile u8 *)address = 0;
}

static void opcode_execute(void *unused)
{
	__asm__ volatile("ud2");
}

static void exceptions_hold(void)
{
	struct trap trap;

	if (trap_call(&trap, opcode_execute, NULL) != TRAP_EXCEPTION ||
	    trap.vector != EXCEPTION_OPCODE)
		layer_broken("exceptions", METAL_EXIT_FAILED, "ud2 is not caught");
	if (trap_call(&trap, page_touch, (void *)8) != TRAP_EXCEPTION ||
	    trap.vector != EXCEPTION_PAGE || trap.address != 8 || trap.error != PAGE_ERROR_WRITE)
		layer_broken("exceptions", METAL_EXIT_FAILED,
			     "a write to page 0 is not caught, or told wrongly");
	layer_holds("exceptions");
}

void layers_prove(const struct start_info *start)
{
	const char *why;
	const u64 *dirty = bss_look(&why);

	console_init();
	if (dirty) { /* nothing that uses variables may run now */
		layer_holds("boot");
		layer_broken("bss", METAL_EXIT_FAILED,
			     "%p, in what must be 0 at the start, %s: it holds %#llx",
			     (const void *)dirty, why, (unsigned long long)*dirty);
	}
	exceptions_init();
	options_init(start->command_line ? (const char *)start->command_line : "");
	options_check();
	boot_prove();
	layer_holds("bss");
	memory_init(start);
	paging_init();
	paging_holds();
	exceptions_hold();
	time_init();
	heap_boot();
}
