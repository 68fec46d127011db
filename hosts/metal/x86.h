/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instructions that C has no words for, and the numbers of Intel's manual (SDM volumes 3 and 4)
 * that go with them. Assembly includes it too.
 */
#ifndef BLKMEND_METAL_X86_H
#define BLKMEND_METAL_X86_H

#define CR0_PE (1 << 0)
#define CR0_MP (1 << 1)
#define CR0_EM (1 << 2)
#define CR0_TS (1 << 3)
#define CR0_NE (1 << 5)
#define CR0_WP (1 << 16)
#define CR0_AM (1 << 18)
#define CR0_CD (1 << 30)
#define CR0_PG (1 << 31)

#define CR4_PAE    (1 << 5)
#define CR4_OSFXSR (1 << 9)

#define MSR_EFER 0xc0000080
#define EFER_LME (1 << 8)
#define EFER_LMA (1 << 10)
#define EFER_NXE (1 << 11)

#define SELECTOR_CODE   0x08
#define SELECTOR_DATA   0x10
#define SELECTOR_ABSENT 0x18 /* a segment that is not present, for tests */
#define SELECTOR_TSS    0x20

#ifndef __ASSEMBLER__
#include "core/port.h"

static inline void out8(u16 port, u8 value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out16(u16 port, u16 value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out32(u16 port, u32 value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline u8 in8(u16 port)
{
	u8 value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline u16 in16(u16 port)
{
	u16 value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline u32 in32(u16 port)
{
	u32 value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline u64 msr_read(u32 number)
{
	u32 low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
	return (u64)high << 32 | low;
}

static inline u64 tsc_read(void)
{
	u32 low, high;

	/* lfence: not before what comes first in the program */
	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (u64)high << 32 | low;
}

struct cpuid {
	u32 eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid_read(u32 leaf)
{
	struct cpuid id;

	__asm__ volatile("cpuid"
			 : "=a"(id.eax), "=b"(id.ebx), "=c"(id.ecx), "=d"(id.edx)
			 : "a"(leaf), "c"(0));
	return id;
}

#define CONTROL_REGISTER(name)                                                                     \
	static inline u64 name##_read(void)                                                        \
	{                                                                                          \
		u64 value;                                                                         \
                                                                                                   \
		__asm__ volatile("mov %%" #name ", %0" : "=r"(value));                             \
		return value;                                                                      \
	}                                                                                          \
	static inline void name##_write(u64 value)                                                 \
	{                                                                                          \
		__asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory");                    \
	}

CONTROL_REGISTER(cr0)
CONTROL_REGISTER(cr2)
CONTROL_REGISTER(cr3)
CONTROL_REGISTER(cr4)

/* Forget what was known of the page that holds this address. */
static inline void tlb_drop(u64 address)
{
	__asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

/* For loops that wait. */
static inline void cpu_relax(void)
{
	__asm__ volatile("pause" : : : "memory");
}
#endif

#endif
