/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * blklab metal: run the metal image, built in one way or in several, on one machine or on several.
 */
#ifndef BLKLAB_METAL_H
#define BLKLAB_METAL_H

#include <jansson.h>

#include "metal_image.h"
#include "metal_verdict.h"

enum metal_accel { METAL_PROBE, METAL_KVM, METAL_TCG };

struct metal_options {
	struct strings machines;
	struct metal_choice choice;
	struct strings disks;
	struct strings words;
	const char *cpu;
	enum metal_accel accel;
	unsigned int memory, timeout; /* MiB, milliseconds */
	bool json, list, diagnose, no_disks;
};

/* One image on one machine. */
struct metal_trial {
	const struct metal_build *build;
	const char *machine;
	struct metal_run run;
	struct metal_verdict verdict;
};

struct metal_trials {
	struct metal_builds builds;
	struct metal_trial *trial;
	size_t n, done;
	bool kvm;
};

/* metal_options.c: argv[0] is the verb. -EINVAL, told. */
int metal_parse(struct metal_options *options, int argc, char **argv);
void metal_options_free(struct metal_options *options);
extern const char metal_help[];

/* metal_report.c */
/* "gcc-O2", or the name of the image. */
const char *metal_trial_build(const struct metal_trial *trial);
/* On stderr, of one that did not pass; its console was shown already (streamed), or is now. */
void metal_tell(const struct metal_trial *trial, bool streamed);
/* On stdout, a row for each. */
void metal_tell_head(void);
void metal_tell_row(const struct metal_trial *trial);
json_t *metal_trial_json(const struct metal_trial *trial, bool kvm);

#endif
