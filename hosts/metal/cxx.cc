/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What C++ needs beside C (Itanium C++ ABI, 2.8 and 3.3): new and delete upon malloc(), and what
 * constructors of static objects call. Without exceptions: a new that finds no memory ends the run.
 */
#include <new>
#include <stddef.h>
#include <stdint.h>

extern "C" {
#include "exit.h"
#include "malloc.h"
#include "print.h"

int __cxa_atexit(void (*destructor)(void *), void *object, void *handle);
void __cxa_pure_virtual();
int __cxa_guard_acquire(uint64_t *guard);
void __cxa_guard_release(uint64_t *guard);
void __cxa_guard_abort(uint64_t *guard);
void *__dso_handle;
}

const std::nothrow_t std::nothrow{};

__attribute__((noreturn)) static void end(const char *what)
{
	printf("metal: C++: %s\n", what);
	metal_exit(METAL_EXIT_FAILED);
}

static void *wanted(void *memory)
{
	if (!memory)
		end("new: no memory is left");
	return memory;
}

void *operator new(size_t size)
{
	return wanted(malloc(size));
}

void *operator new[](size_t size)
{
	return wanted(malloc(size));
}

void *operator new(size_t size, const std::nothrow_t &) noexcept
{
	return malloc(size);
}

void *operator new[](size_t size, const std::nothrow_t &) noexcept
{
	return malloc(size);
}

void *operator new(size_t size, std::align_val_t alignment)
{
	return wanted(aligned_alloc((size_t)alignment, size));
}

void *operator new[](size_t size, std::align_val_t alignment)
{
	return wanted(aligned_alloc((size_t)alignment, size));
}

void operator delete(void *memory) noexcept
{
	free(memory);
}

void operator delete[](void *memory) noexcept
{
	free(memory);
}

void operator delete(void *memory, size_t) noexcept
{
	free(memory);
}

void operator delete[](void *memory, size_t) noexcept
{
	free(memory);
}

void operator delete(void *memory, std::align_val_t) noexcept
{
	free(memory);
}

void operator delete[](void *memory, std::align_val_t) noexcept
{
	free(memory);
}

void operator delete(void *memory, size_t, std::align_val_t) noexcept
{
	free(memory);
}

void operator delete[](void *memory, size_t, std::align_val_t) noexcept
{
	free(memory);
}

/* A run ends by leaving the machine, so objects with static storage are never destroyed. */
int __cxa_atexit(void (*)(void *), void *, void *)
{
	return 0;
}

void __cxa_pure_virtual()
{
	end("a function was called that is only declared (pure virtual)");
}

/* One processor, and no threads: what remains is that a static in a function is made once. */
int __cxa_guard_acquire(uint64_t *guard)
{
	return !*reinterpret_cast<char *>(guard);
}

void __cxa_guard_release(uint64_t *guard)
{
	*reinterpret_cast<char *>(guard) = 1;
}

void __cxa_guard_abort(uint64_t *)
{
}
