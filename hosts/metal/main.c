/* SPDX-License-Identifier: GPL-2.0-only */
#include "exit.h"
#include "layer.h"
#include "test.h"

/* Called by boot.S. */
void metal_main(const struct start_info *start);

extern void (*const init_array_start[])(void);
extern void (*const init_array_end[])(void);

/* Of static objects of C++, and C functions that are marked as constructors. */
static void constructors_run(void)
{
	for (void (*const *run)(void) = init_array_start; run < init_array_end; run++)
		(*run)();
}

void metal_main(const struct start_info *start)
{
	layers_prove(start);
	constructors_run();
	metal_exit(tests_run());
}
