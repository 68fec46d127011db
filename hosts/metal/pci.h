/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI's configuration space by the ports 0xcf8 and 0xcfc (PCI Local Bus
 * Specification 3.0, 3.2.2.3.2), as pc and q35 have it. Addresses were given out by the firmware.
 */
#ifndef METAL_PCI_H
#define METAL_PCI_H

#include "core/port.h"

/* A function: bus << 16 | device << 11 | function << 8, as the ports take it. */
typedef u32 pci_function;

u8 pci_get8(pci_function function, u32 at);
u16 pci_get16(pci_function function, u32 at);
u32 pci_get32(pci_function function, u32 at);
void pci_set16(pci_function function, u32 at, u16 value);

/* Does anything answer on those ports? */
bool pci_is_there(void);

/* Call back for every function behind every bridge, until that answers false. */
void pci_walk(bool (*each)(void *ctx, pci_function function), void *ctx);

/* The capability of this ID after `after` (0: the first): where, or 0. */
u32 pci_capability(pci_function function, u8 id, u32 after);

/* What base address register 0 to 5 says; *io: ports, not memory. 0: nothing, or not assigned. */
u64 pci_base(pci_function function, u32 number, bool *io);

/* Let it answer on its ports and addresses, and read and write memory by itself. */
void pci_enable(pci_function function);

#endif
