// SPDX-License-Identifier: GPL-2.0-only
/*
 * blklab gdb: a debugger on a guest's kernel.
 */
#include "machine.h"

int verb_gdb(int argc, char **argv)
{
	char *nothing[] = { (char *)"sleep", (char *)"infinity", NULL };
	struct machine_options options;
	struct machine_result result;
	bool json = false;
	int at, status;

	machine_defaults(&options);
	options.timeout = 0;
	at = machine_parse(&options, argc, argv, &json);
	if (at >= 0 && options.snapshot) {
		complain("gdb: --snapshot and gdb don't go together");
		at = -1;
	}
	if (at < 0) {
		machine_options_free(&options);
		return LAB_USAGE;
	}
	options.argv = at < argc ? argv + at : nothing;
	options.gdb = true;
	options.in = -1;
	status = machine_run(&options, &result);
	machine_result_free(&result);
	machine_options_free(&options);
	return status;
}
