/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a run has counted, where it is, and how it ends when a promise is broken. The report lies
 * in memory shared with the parent, so that it outlives a crash of the core.
 */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include "core/port.h"

enum count {
	COUNT_RUNS,       /* sequences run from the start */
	COUNT_OPERATIONS, /* requests and operations */
	COUNT_CUTS,       /* points at which the power was cut */
	COUNT_STATES,     /* durable states recovered from */
	COUNT_SECOND,     /* of these, after a second cut inside recovery */
	COUNT_FAULTS,     /* places of an I/O error */
	COUNT_ALLOCS,     /* places of an allocation failure */
	COUNT_FLIPS,      /* damaged images */
	COUNT_READS,      /* sectors compared with the model */
	COUNT_KINDS,
};

struct report {
	u64 count[COUNT_KINDS];
	u64 sampled; /* cuts with too many states: only some were tried */
	volatile int failed;
	char message[600];
	char where[300];  /* how to run this again */
	char detail[200]; /* what is being tried; "" nothing special */
	u64 where_seed;   /* seed of the run under way, 0: the case's */
	u64 where_cut;    /* number of the cut under way, 0: none */
	u64 done, total;  /* progress in a case */
};

extern struct report *report;
extern const char *const count_names[COUNT_KINDS];

/* With BM_TRACE in the environment, tell what happens. */
void report_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A promise is broken: say so and leave the run. */
_Noreturn void report_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void report_where(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
