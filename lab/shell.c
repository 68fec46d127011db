// SPDX-License-Identifier: GPL-2.0-only
/*
 * blklab shell: a terminal in a guest.
 */
#include <stdlib.h>
#include <unistd.h>

#include "machine.h"

int verb_shell(int argc, char **argv)
{
	char *shell = getenv("SHELL");
	char *command[] = { shell && *shell == '/' ? shell : (char *)"/bin/sh", NULL };
	struct machine_options options;
	struct machine_result result;
	bool json = false;
	int at, status;

	machine_defaults(&options);
	options.timeout = 0;
	at = machine_parse(&options, argc, argv, &json);
	if (at >= 0 && !isatty(STDIN_FILENO)) {
		complain("shell: stdin is no terminal; `blklab run` carries what is piped in");
		at = -1;
	}
	if (at < 0) {
		machine_options_free(&options);
		return LAB_USAGE;
	}
	options.argv = at < argc ? argv + at : command;
	options.terminal = true;
	status = machine_run(&options, &result);
	machine_result_free(&result);
	machine_options_free(&options);
	return status;
}
