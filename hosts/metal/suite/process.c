// SPDX-License-Identifier: GPL-2.0-only
#include "process.h"
#include "suite.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "hosts/metal/heap.h"

#define HEAP_SIZE (96ull << 20) /* of a child */
#define PAGE      4096ull
#define PIECES    32

/* image.lds */
extern u8 data_start[], bss_end[];

struct piece {
	u64 start, end;
};

/* In order. The child's end brings the parent's back, like all other variables. */
static struct piece pieces[PIECES];
static u32 npieces;
static u64 memory_start, memory_end;

/* Where fork() was called: what a function must leave as it was (psABI 3.2.1). */
struct registers {
	u64 rip, rsp, rbx, rbp, r12, r13, r14, r15;
};

struct registers process_registers;
static u8 *aside; /* the parent's variables; NULL: this is no child */
static pid_t last, ended;
static int ended_status;

/* ---- memory ---- */

void process_memory(u64 start, u64 size)
{
	memory_start = start;
	memory_end = start + size;
	npieces = 0;
}

void *mmap(void *address, size_t size, int protection, int flags, int file, long offset)
{
	u64 start = memory_start, whole = (size + PAGE - 1) & ~(PAGE - 1);
	u32 i = 0;

	while (i < npieces && pieces[i].start - start < whole)
		start = pieces[i++].end;
	if (npieces == PIECES || memory_end - start < whole)
		return MAP_FAILED;
	memmove(&pieces[i + 1], &pieces[i], (npieces++ - i) * sizeof(*pieces));
	pieces[i] = (struct piece){ start, start + whole };
	return (void *)(uintptr_t)start;
}

int munmap(void *address, size_t size)
{
	for (u32 i = 0; i < npieces; i++)
		if (pieces[i].start == (uintptr_t)address) {
			memmove(&pieces[i], &pieces[i + 1], (--npieces - i) * sizeof(*pieces));
			return 0;
		}
	return -1;
}

/* ---- life ---- */

/* Called by fork() with its own return address on top of the stack: returns to its caller. */
pid_t process_begin(void);

__attribute__((naked)) pid_t fork(void)
{
	__asm__("mov (%rsp), %rax\n\t"
		"lea 8(%rsp), %rdx\n\t"
		"mov $process_registers, %ecx\n\t"
		"mov %rax, (%rcx)\n\t"
		"mov %rdx, 8(%rcx)\n\t"
		"mov %rbx, 16(%rcx)\n\t"
		"mov %rbp, 24(%rcx)\n\t"
		"mov %r12, 32(%rcx)\n\t"
		"mov %r13, 40(%rcx)\n\t"
		"mov %r14, 48(%rcx)\n\t"
		"mov %r15, 56(%rcx)\n\t"
		"jmp process_begin");
}

__attribute__((naked, noreturn)) static void fork_again(pid_t pid)
{
	__asm__("mov %edi, %eax\n\t"
		"mov $process_registers, %ecx\n\t"
		"mov 8(%rcx), %rsp\n\t"
		"mov 16(%rcx), %rbx\n\t"
		"mov 24(%rcx), %rbp\n\t"
		"mov 32(%rcx), %r12\n\t"
		"mov 40(%rcx), %r13\n\t"
		"mov 48(%rcx), %r14\n\t"
		"mov 56(%rcx), %r15\n\t"
		"jmp *(%rcx)");
}

pid_t process_begin(void)
{
	size_t size = (size_t)(bss_end - data_start);
	void *copy, *memory;

	if (aside)
		return -1;
	copy = mmap(NULL, size, 0, 0, -1, 0);
	if (copy == MAP_FAILED)
		return -1;
	memcpy(copy, data_start, size);
	memory = mmap(NULL, HEAP_SIZE, 0, 0, -1, 0);
	if (memory == MAP_FAILED) {
		munmap(copy, size);
		return -1;
	}
	malloc_use(freelist_init(memory, HEAP_SIZE));
	aside = copy;
	return 0;
}

bool process_end(int status)
{
	u8 *copy = aside;

	if (!copy)
		return false;
	memcpy(data_start, copy, (size_t)(bss_end - data_start));
	munmap(copy, 0);
	ended = ++last;
	ended_status = status;
	fork_again(ended);
}

void _exit(int status)
{
	process_end(status << 8);
	suite_leave("exit(%d) outside of any process", status);
}

void exit(int status)
{
	_exit(status);
}

void abort(void)
{
	process_end(6); /* SIGABRT */
	suite_leave("abort()");
}

pid_t waitpid(pid_t pid, int *status, int options)
{
	pid_t one = ended;

	if (!one || (pid > 0 && pid != one))
		return -1;
	*status = ended_status;
	ended = 0;
	return one;
}

pid_t wait(int *status)
{
	return waitpid(-1, status, 0);
}
