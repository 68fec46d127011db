/* SPDX-License-Identifier: GPL-2.0-only */
/* Code made at run time: written, then executed, never both. */
#include "test.h"
#include "executable.h"
#include "paging.h"

typedef u64 made(u64 a, u64 b);

/* lea (%rdi,%rsi,2), %rax; ret */
static const u8 code_of_sum[] = { 0x48, 0x8d, 0x04, 0x77, 0xc3 };

static made *function_at(void *code)
{
	made *function;

	memcpy(&function, &code, sizeof(function));
	return function;
}

static void *code_make(void)
{
	u8 *code = executable_alloc(sizeof(code_of_sum));

	EXPECT(code != NULL);
	EXPECT_EQUAL((u64)code % PAGE_SIZE, 0);
	memcpy(code, code_of_sum, sizeof(code_of_sum));
	return code;
}

static void code_run(void *code)
{
	function_at(code)(1, 2);
}

static void code_write(void *code)
{
	*(volatile u8 *)code = 0xc3;
}

static void runs(void)
{
	void *code = code_make();

	EXPECT_EQUAL(executable_seal(code, sizeof(code_of_sum)), 0);
	EXPECT_EQUAL(function_at(code)(1000, 21), 1042);
	executable_free(code, sizeof(code_of_sum));
}
METAL_TEST("executable/made-code-runs", runs);

static void never_both(void)
{
	void *code = code_make();
	struct trap trap;

	EXPECT_EXCEPTION(&trap, EXCEPTION_PAGE, code_run, code);
	EXPECT_EQUAL(trap.error, PAGE_ERROR_PRESENT | PAGE_ERROR_FETCH);
	EXPECT_EQUAL(executable_seal(code, sizeof(code_of_sum)), 0);
	EXPECT_EXCEPTION(&trap, EXCEPTION_PAGE, code_write, code);
	EXPECT_EQUAL(trap.error, PAGE_ERROR_PRESENT | PAGE_ERROR_WRITE);
	EXPECT_EQUAL(trap.address, (u64)code);
	EXPECT_EQUAL(executable_unseal(code, sizeof(code_of_sum)), 0);
	code_write(code);
	EXPECT_EXCEPTION(&trap, EXCEPTION_PAGE, code_run, code);
	executable_free(code, sizeof(code_of_sum));
}
METAL_TEST("executable/never-written-and-executed", never_both);

static void changed_code_runs(void)
{
	u8 *code = code_make();

	EXPECT_EQUAL(executable_seal(code, sizeof(code_of_sum)), 0);
	EXPECT_EQUAL(function_at(code)(1, 2), 5);
	EXPECT_EQUAL(executable_unseal(code, sizeof(code_of_sum)), 0);
	code[3] = 0x37; /* (%rdi,%rsi,1) */
	EXPECT_EQUAL(executable_seal(code, sizeof(code_of_sum)), 0);
	EXPECT_EQUAL(function_at(code)(1, 2), 3);
	executable_free(code, sizeof(code_of_sum));
}
METAL_TEST("executable/changed-code-runs", changed_code_runs);
