/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From boot.S on: each layer is set up and proved, then the tests run on what stands.
 */
#include "console.h"
#include "exception.h"
#include "exit.h"
#include "options.h"
#include "print.h"
#include "start_info.h"
#include "test.h"
#include "time.h"

void metal_main(const struct start_info *start);

void metal_main(const struct start_info *start)
{
	console_init();
	exceptions_init();
	options_init(start->command_line ? (const char *)start->command_line : "");
	options_check();
	time_init();
	printf("layer boot\n");
	metal_exit(tests_run());
}
