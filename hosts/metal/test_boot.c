/* SPDX-License-Identifier: GPL-2.0-only */
/* What boot.S leaves: the mode, and variables as C expects them. */
#include "test.h"
#include "x86.h"

#define CODE_LONG (1u << 21) /* L in what LAR gives */

extern const u32 boot_poison[2];
extern const u64 bss_start[], bss_end[];

static void long_mode(void)
{
	u64 register_size = ~0ull;
	u32 rights, code;

	__asm__ volatile("mov %%cs, %1; lar %1, %0" : "=r"(rights), "=&r"(code));
	EXPECT(rights & CODE_LONG);
	EXPECT(msr_read(MSR_EFER) & EFER_LMA);
	__asm__ volatile("add $1, %0" : "+r"(register_size));
	EXPECT_EQUAL(register_size, 0);
	EXPECT_EQUAL(sizeof(void *), 8);
}
METAL_TEST("boot/long-mode", long_mode);

static void sse_execute(void *words)
{
	__asm__ volatile(".byte 0x0f, 0x10, 0x07" /* movups (%%rdi), %%xmm0 */
			 :
			 : "D"(words)
			 : "memory");
}

static void sse_off(void)
{
	u64 words[2] = { 0 };
	struct trap trap;

	EXPECT_EXCEPTION(&trap, EXCEPTION_OPCODE, sse_execute, words);
}
METAL_TEST("boot/sse-is-off", sse_off);

static void fpu_execute(void *unused)
{
	__asm__ volatile(".byte 0xd9, 0xe8" /* fld1 */ : : : "memory");
}

static void fpu_off(void)
{
	struct trap trap;

	EXPECT_EXCEPTION(&trap, EXCEPTION_NO_FPU, fpu_execute, NULL);
}
METAL_TEST("boot/fpu-is-off", fpu_off);

static u64 zero[512];
static u8 zero_byte;

static void bss_zeroed(void)
{
	EXPECT_EQUAL(boot_poison[0], 0xa5a5a5a5); /* it was not zero by itself */
	EXPECT_EQUAL(boot_poison[1], 0xa5a5a5a5);
	EXPECT((u64)zero >= (u64)bss_start && (u64)(zero + 512) <= (u64)bss_end);
	for (unsigned int i = 0; i < 512; i++)
		EXPECT_EQUAL(bm_load(&zero[i]), 0);
	EXPECT_EQUAL(bm_load(&zero_byte), 0);
}
METAL_TEST("bss/zeroed", bss_zeroed);

static u32 answer = 42;
static const char *const names[] = { "one", "two", "three" };
static u64 *pointer = &zero[7];

static void globals(void)
{
	EXPECT_EQUAL(bm_load(&answer), 42);
	EXPECT_EQUAL(bm_load(&names[2])[4], 'e');
	EXPECT_EQUAL((u64)bm_load(&pointer), (u64)&zero[7]);
	bm_store(&answer, 43);
	EXPECT_EQUAL(bm_load(&answer), 43);
	bm_store(&answer, 42);
}
METAL_TEST("globals/have-their-values", globals);
