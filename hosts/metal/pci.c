// SPDX-License-Identifier: GPL-2.0-only
#include "hosts/metal/pci.h"

#include "hosts/metal/x86.h"

#define ADDRESS 0xcf8
#define DATA    0xcfc
#define ENABLE  0x80000000u

enum registers { /* 6.1 */
		 VENDOR = 0x00,
		 COMMAND = 0x04,
		 STATUS = 0x06,
		 HEADER_TYPE = 0x0e,
		 BASE = 0x10,
		 SECONDARY_BUS = 0x19,
		 CAPABILITIES = 0x34,
};

enum { COMMAND_IO = 1, COMMAND_MEMORY = 2, COMMAND_MASTER = 4, COMMAND_NO_INTERRUPT = 0x400 };
enum { STATUS_CAPABILITIES = 0x10 };
enum { HEADER_BRIDGE = 1, HEADER_MANY = 0x80 };

/* ---- registers ---- */

static u16 select(pci_function function, u32 at)
{
	out32(ADDRESS, ENABLE | function | (at & 0xfc));
	return (u16)(DATA + (at & 3));
}

u8 pci_get8(pci_function function, u32 at)
{
	return in8(select(function, at));
}

u16 pci_get16(pci_function function, u32 at)
{
	return in16(select(function, at));
}

u32 pci_get32(pci_function function, u32 at)
{
	return in32(select(function, at));
}

void pci_set16(pci_function function, u32 at, u16 value)
{
	out16(select(function, at), value);
}

/* ---- finding ---- */

static bool walk_bus(u32 bus, bool (*each)(void *, pci_function), void *ctx);

static bool walk_function(pci_function f, bool (*each)(void *, pci_function), void *ctx)
{
	u32 below;

	if ((pci_get8(f, HEADER_TYPE) & ~HEADER_MANY) != HEADER_BRIDGE)
		return each(ctx, f);
	/* Numbers grow on the way down, so that no bus is its own. */
	below = pci_get8(f, SECONDARY_BUS);
	return below <= f >> 16 || walk_bus(below, each, ctx);
}

static bool walk_bus(u32 bus, bool (*each)(void *, pci_function), void *ctx)
{
	for (u32 device = 0; device < 32; device++)
		for (u32 i = 0; i < 8; i++) {
			pci_function f = bus << 16 | device << 11 | i << 8;

			if (pci_get16(f, VENDOR) == 0xffff) {
				if (!i)
					break;
				continue;
			}
			if (!walk_function(f, each, ctx))
				return false;
			if (!i && !(pci_get8(f, HEADER_TYPE) & HEADER_MANY))
				break;
		}
	return true;
}

bool pci_is_there(void)
{
	out32(ADDRESS, ENABLE);
	return in32(ADDRESS) == ENABLE;
}

void pci_walk(bool (*each)(void *ctx, pci_function function), void *ctx)
{
	if (pci_is_there())
		walk_bus(0, each, ctx);
}

u32 pci_capability(pci_function function, u8 id, u32 after)
{
	u32 at;

	if (!(pci_get16(function, STATUS) & STATUS_CAPABILITIES))
		return 0;
	at = pci_get8(function, after ? after + 1 : CAPABILITIES) & 0xfc;
	for (u32 i = 0; at && i < 64; i++) {
		if (pci_get8(function, at) == id)
			return at;
		at = pci_get8(function, at + 1) & 0xfc;
	}
	return 0;
}

u64 pci_base(pci_function function, u32 number, bool *io)
{
	u32 low = pci_get32(function, BASE + 4 * number);

	*io = low & 1;
	if (*io)
		return low & ~3u;
	if ((low & 6) == 4 && number < 5)
		return (u64)pci_get32(function, BASE + 4 * number + 4) << 32 | (low & ~15u);
	return low & ~15u;
}

void pci_enable(pci_function function)
{
	u16 command = pci_get16(function, COMMAND);

	pci_set16(function, COMMAND,
		  (u16)(command | COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER |
			COMMAND_NO_INTERRUPT));
}
