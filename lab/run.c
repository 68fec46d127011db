// SPDX-License-Identifier: GPL-2.0-only
/*
 * blklab run: one command in a guest.
 */
#include <stdio.h>

#include "machine.h"

int verb_run(int argc, char **argv)
{
	struct machine_options options;
	struct machine_result result;
	bool json = false;
	int at, status;

	machine_defaults(&options);
	at = machine_parse(&options, argc, argv, &json);
	if (at >= 0 && at == argc)
		complain("run: which command? As in `blklab run -- uname -a`");
	if (at < 0 || at == argc) {
		machine_options_free(&options);
		return LAB_USAGE;
	}
	options.argv = argv + at;
	options.quiet = options.capture = json;
	status = machine_run(&options, &result);
	if (json) {
		json_t *object = machine_result_json(&options, &result);

		json_object_set_new(object, "stdout", json_text(result.output, result.output_size));
		json_object_set_new(object, "stderr", json_text(result.error, result.error_size));
		json_dumpf(object, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(object);
	}
	machine_result_free(&result);
	machine_options_free(&options);
	return status;
}
