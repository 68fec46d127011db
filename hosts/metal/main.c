/* SPDX-License-Identifier: GPL-2.0-only */
#include "exit.h"
#include "layer.h"
#include "test.h"

/* Called by boot.S. */
void metal_main(const struct start_info *start);

void metal_main(const struct start_info *start)
{
	layers_prove(start);
	metal_exit(tests_run());
}
