// SPDX-License-Identifier: GPL-2.0-only
/*
 * Building User Mode Linux; and the verb for it.
 */
#include "uml.h"

#include <string.h>

#include "kernel_options.h"
#include "lab.h"
#include "recipe.h"

/*
 * A process of the host: its lines, its disks, its way to the host's files. With KASAN and lockdep
 * its usual stacks of 16 KiB overflow in honest code.
 */
static const char options_machine[] =
	"LOCALVERSION=\"-blklab-uml\" MCONSOLE SSL NULL_CHAN CON_ZERO_CHAN=\"null\" "
	"CON_CHAN=\"null\" SSL_CHAN=\"null\" EARLY_PRINTK HOSTFS BLK_DEV_UBD "
	"FRAME_POINTER FRAME_WARN=2048 KERNEL_STACK_ORDER=4";

static const char *const options[] = {
	options_base,  options_block, options_machine, options_checks,
	options_kasan, options_locks, options_inject,  NULL,
};

static const struct recipe recipe = {
	.what = "User Mode Linux 6.12",
	.directory = "uml",
	.arch = "um",
	.image = "linux",
	.options = options,
	.lines = 1400,
	.seconds = 360,
};

int uml_build(bool again)
{
	return recipe_make(&recipe, again);
}

int verb_uml(int argc, char **argv)
{
	bool again = argc == 2 && !strcmp(argv[1], "--rebuild");

	if (argc > 2 || (argc == 2 && !again)) {
		complain("uml: '%s'? it takes --rebuild and nothing else; to run something, "
			 "`blklab run --kernel uml -- COMMAND`",
			 argv[again ? 2 : 1]);
		return LAB_USAGE;
	}
	if (uml_build(again))
		return LAB_FAILED;
	note("User Mode Linux is ready: `blklab run --kernel uml -- COMMAND`");
	return LAB_OK;
}
