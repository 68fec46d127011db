/* SPDX-License-Identifier: GPL-2.0-only */
#include "time.h"
#include "print.h"
#include "x86.h"

/* Intel 8254, channel 0: counts down at 1193182 Hz. */
enum { PIT_COUNT = 0x40, PIT_CONTROL = 0x43 };
enum { PIT_RATE_GENERATOR = 0x34, PIT_LATCH = 0x00, PIT_HZ = 1193182 };
enum { PIT_TICKS = PIT_HZ / 2500, PATIENCE = 100000 };

#define ASSUMED_HZ 1000000000ull

static struct {
	u64 start;
	u64 hz;
} tsc;

static u16 pit_read(void)
{
	u16 low;

	out8(PIT_CONTROL, PIT_LATCH);
	low = in8(PIT_COUNT);
	return (u16)(low | in8(PIT_COUNT) << 8);
}

/* What the TSC counts in a second, or 0 if the PIT doesn't move. */
static u64 pit_look(void)
{
	u64 start, end;
	u16 first, passed = 0;

	first = pit_read();
	start = tsc_read();
	for (u32 tries = 0; passed < PIT_TICKS && tries < PATIENCE; tries++)
		passed = (u16)(first - pit_read());
	end = tsc_read();
	return passed < PIT_TICKS ? 0 : (end - start) * PIT_HZ / passed;
}

/*
 * The median of three looks: a host that takes the processor away meanwhile spoils one, in either
 * direction.
 */
static u64 pit_measure(void)
{
	u64 low, high, hz;

	out8(PIT_CONTROL, PIT_RATE_GENERATOR);
	out8(PIT_COUNT, 0); /* 65536 */
	out8(PIT_COUNT, 0);
	low = pit_look();
	if (!low)
		return 0;
	high = pit_look();
	hz = pit_look();
	if (low > high) {
		u64 other = low;

		low = high;
		high = other;
	}
	return hz < low ? low : hz > high ? high : hz;
}

/* CPUID leaf 0x15 (SDM volume 2), or what hypervisors say in 0x40000010. */
static u64 cpuid_measure(void)
{
	struct cpuid id;

	if (cpuid_read(0).eax >= 0x15) {
		id = cpuid_read(0x15);
		if (id.eax && id.ebx && id.ecx)
			return (u64)id.ecx * id.ebx / id.eax;
	}
	if (cpuid_read(1).ecx >> 31 && cpuid_read(0x40000000).eax >= 0x40000010)
		return (u64)cpuid_read(0x40000010).eax * 1000;
	return 0;
}

void time_init(void)
{
	tsc.hz = pit_measure();
	if (!tsc.hz)
		tsc.hz = cpuid_measure();
	if (!tsc.hz) {
		printf("metal: no PIT, and no word of the CPU's: times are told as if its TSC counted 1 GHz\n");
		tsc.hz = ASSUMED_HZ;
	}
	tsc.start = tsc_read();
}

u64 time_now(void)
{
	return tsc.hz ? (u64)((unsigned __int128)(tsc_read() - tsc.start) * 1000000000 / tsc.hz)
		      : 0;
}

void time_wait(u64 nanoseconds)
{
	u64 start = time_now();

	while (time_now() - start < nanoseconds)
		cpu_relax();
}
