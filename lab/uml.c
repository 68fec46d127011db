// SPDX-License-Identifier: GPL-2.0-only
/*
 * Building User Mode Linux; and the verb for it.
 */
#include "uml.h"

#include <string.h>

#include "kernel_options.h"
#include "lab.h"
#include "recipe.h"

/* A process of the host: its lines, its disks, its way to the host's files. */
static const char options_machine[] =
	"MCONSOLE SSL NULL_CHAN CON_ZERO_CHAN=\"null\" CON_CHAN=\"null\" SSL_CHAN=\"null\" "
	"EARLY_PRINTK HOSTFS BLK_DEV_UBD";

/* With KASAN and lockdep its usual stacks of 16 KiB overflow in honest code. */
static const char options_stack[] = "FRAME_POINTER FRAME_WARN=2048 KERNEL_STACK_ORDER=4";

static const char *const options_checked[] = {
	options_base,
	options_block,
	"LOCALVERSION=\"-blklab-uml\"",
	options_machine,
	options_stack,
	options_checks,
	options_kasan,
	options_locks,
	options_inject,
	NULL,
};

static const char *const options_plain[] = {
	options_base, options_block, "LOCALVERSION=\"-blklab-uml-plain\"", options_machine, NULL,
};

static const struct recipe recipes[] = {
	{ "User Mode Linux 6.12", "uml", "um", "linux", options_checked, 1400, 360 },
	{ "User Mode Linux 6.12 without checks", "uml-plain", "um", "linux", options_plain, 1300,
	  240 },
};

bool uml_is(const char *name)
{
	return !strcmp(name, "uml") || !strcmp(name, "uml-plain");
}

int uml_build(const char *name, bool again)
{
	return recipe_make(&recipes[strcmp(name, "uml") != 0], again);
}

int verb_uml(int argc, char **argv)
{
	const char *name = "uml";
	bool again = false;
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--plain")) {
			name = "uml-plain";
		} else if (!strcmp(argv[i], "--rebuild")) {
			again = true;
		} else {
			complain("uml: '%s'? it takes --plain and --rebuild and nothing else; to "
				 "run something, `blklab run --kernel uml -- COMMAND`",
				 argv[i]);
			return LAB_USAGE;
		}
	}
	if (uml_build(name, again))
		return LAB_FAILED;
	note("User Mode Linux is ready: `blklab run --kernel %s -- COMMAND`", name);
	return LAB_OK;
}
