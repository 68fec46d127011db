/* SPDX-License-Identifier: GPL-2.0-only */
/* One power cut, with one of the states it may leave. */
#ifndef SIM_POWER_H
#define SIM_POWER_H

#include "host.h"

/*
 * The core is gone with all it was doing; each sector holds one of its possible contents, drawn
 * with *random; the model knows.
 */
void power_cut(struct host *host, u64 *random);

/* After power_cut() and opening: read all through the core; what is seen is certain from now on. */
void power_look(struct host *host);

#endif
