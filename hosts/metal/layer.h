/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Layers of an image, each proved before what stands on it is used: "layer NAME" is printed as each
 * holds. What blklab metal --diagnose reads.
 */
#ifndef BLKMEND_METAL_LAYER_H
#define BLKMEND_METAL_LAYER_H

#include "core/port.h"
#include "start_info.h"

/* Prints that it holds. */
void layer_holds(const char *name);

/*
 * Prints "metal: layer NAME broken: ..." and ends the run with this value of exit.h. Any context.
 */
__attribute__((noreturn, format(printf, 3, 4))) void
layer_broken(const char *name, unsigned int value, const char *format, ...);

/* From the console to malloc(): all that tests can rely on. */
void layers_prove(const struct start_info *start);

#endif
