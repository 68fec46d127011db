// SPDX-License-Identifier: GPL-2.0-only
/*
 * Building kernels with checks, for a QEMU guest.
 */
#include "debug_kernel.h"

#include <errno.h>
#include <string.h>

#include "kernel_options.h"
#include "lab.h"
#include "recipe.h"

const char *const debug_kernel_kinds[] = { "kasan", "kcsan", "lockdep", NULL };

/* Each check slows an emulated processor a lot, so a kernel has one, and what costs little. */
static const char *const options_of_kasan[] = {
	options_base,         options_qemu,   "LOCALVERSION=\"-blklab-kasan\"",
	options_block,        options_checks, options_kasan,
	"DEBUG_ATOMIC_SLEEP", options_inject, NULL,
};
static const char *const options_of_kcsan[] = {
	options_base,   options_qemu,   "LOCALVERSION=\"-blklab-kcsan\"",
	options_block,  options_checks, options_kcsan,
	options_inject, NULL,
};
static const char *const options_of_lockdep[] = {
	options_base,   options_qemu,   "LOCALVERSION=\"-blklab-lockdep\"",
	options_block,  options_checks, options_locks,
	options_inject, NULL,
};

static const struct recipe recipes[] = {
	{ "Linux 6.12 with KASAN", "debug/debug-kasan", "x86_64", "vmlinux", options_of_kasan, 2100,
	  480 },
	{ "Linux 6.12 with KCSAN", "debug/debug-kcsan", "x86_64", "vmlinux", options_of_kcsan, 2100,
	  420 },
	{ "Linux 6.12 with lockdep", "debug/debug-lockdep", "x86_64", "vmlinux", options_of_lockdep,
	  2100, 360 },
};

int debug_kernel_build(const char *kind, bool again)
{
	const char *name = strncmp(kind, "debug-", 6) ? kind : kind + 6;
	size_t i;

	for (i = 0; debug_kernel_kinds[i]; i++)
		if (!strcmp(name, debug_kernel_kinds[i]))
			return recipe_make(&recipes[i], again);
	complain("there is no debug kernel '%s': there are kasan, kcsan and lockdep", name);
	return -EINVAL;
}
