/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The functions that compilers emit calls to, whatever -ffreestanding says (GCC manual,
 * "Standards"). String instructions: small, and what processors know how to do quickly; by words,
 * since an emulator takes each step by itself.
 */
#include "string.h"

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	size_t words = size / 8, bytes = size % 8;
	void *at = to;

	__asm__ volatile("rep movsq\n\tmov %3, %2\n\trep movsb"
			 : "+D"(at), "+S"(from), "+c"(words)
			 : "r"(bytes)
			 : "memory");
	return to;
}

static void copy_down(u8 *to, const u8 *from, size_t size)
{
	to += size - 1;
	from += size - 1;
	__asm__ volatile("std; rep movsb; cld" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

void *memmove(void *to, const void *from, size_t size)
{
	if ((uintptr_t)to - (uintptr_t)from >= size)
		return memcpy(to, from, size);
	copy_down(to, from, size);
	return to;
}

void *memset(void *to, int byte, size_t size)
{
	size_t words = size / 8, bytes = size % 8;
	void *at = to;

	__asm__ volatile("rep stosq\n\tmov %2, %1\n\trep stosb"
			 : "+D"(at), "+c"(words)
			 : "r"(bytes), "a"((u8)byte * 0x0101010101010101ull)
			 : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const u8 *x = a, *y = b;

	for (size_t i = 0; i < size; i++) {
		if (x[i] != y[i])
			return x[i] - y[i];
	}
	return 0;
}

int bcmp(const void *a, const void *b, size_t size)
{
	return memcmp(a, b, size);
}

size_t strlen(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (a[i] != b[i] || !a[i])
			return (u8)a[i] - (u8)b[i];
	}
	return 0;
}
