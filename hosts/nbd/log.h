/* SPDX-License-Identifier: GPL-2.0-only */
/* What the server tells its administrator: one line an event, to stderr, or syslog without one. */
#ifndef BLKMEND_LOG_H
#define BLKMEND_LOG_H

#include <stdbool.h>

#include "core/remap.h"

/* Find out where lines go; before, they go to stderr. After a server went into the background. */
void log_start(void);

/* May one more line be logged now? A failing disk has much to say; what is left out is counted. */
bool log_allows(void);

/* Tell of an event; any thread. */
void log_event(const char *name, const struct bm_event *event);

#endif
