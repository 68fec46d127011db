/* SPDX-License-Identifier: GPL-2.0-only */
/* Cases: what sim_test and sim_proof run, each in a process of its own. */
#ifndef SIM_CASE_H
#define SIM_CASE_H

#include "player.h"

struct case_args {
	const struct script *script; /* of cases that have one */
	u64 seed;
	u64 cut;         /* 0: all */
	u64 part, parts; /* this share of the work */
	bool proof;      /* everything; else the share that ordinary tests take */
	enum plant plant;
};

typedef void case_fn(const struct case_args *args);

/* engine.c: a script, in all the ways */
case_fn case_cut, case_fault, case_fault_cut, case_alloc, case_race, case_race_listed;
/* damage.c: metadata that is not as it was written */
case_fn case_flips, case_flips_both, case_stale, case_swapped, case_supers, case_mixture;
/* bounded.c, random.c, logs.c */
case_fn case_bounded, case_random, case_log;
/* promises.c: breaker, non-medium errors, read-only */
case_fn case_breaker, case_not_medium, case_read_only, case_full;

/* 0 all is well, else failed. */
struct case_entry {
	const char *name; /* with a script: the prefix, "cut/" and so on */
	case_fn *fn;
	bool scripted;
	bool heavy_too; /* for heavy scripts as well */
	bool only_interleaved;
	bool proof_only;
	u32 parts; /* in a proof */
};

/* The name of the i-th case that there is; false: there are no more. Not while cases run. */
bool cases_name(u32 i, bool proof, char *name, size_t size);

/* With one case only, nothing is printed but its line. */
int cases_main(int argc, char **argv, bool proof);

#endif
