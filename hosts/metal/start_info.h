/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the loader tells by PVH (xen/include/public/arch-x86/hvm/start_info.h, version 1).
 */
#ifndef BLKMEND_METAL_START_INFO_H
#define BLKMEND_METAL_START_INFO_H

#include "core/port.h"

#define MEMORY_RAM 1 /* memory_range.kind, as in E820 */

struct start_info {
	u32 magic, version, flags, modules;
	u64 module_list, command_line, rsdp, memory_map;
	u32 memory_ranges, reserved;
};

struct memory_range {
	u64 start, size;
	u32 kind, reserved;
};

#endif
