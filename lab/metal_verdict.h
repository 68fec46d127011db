/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What became of a run of a metal image: made of what it said, and of how QEMU ended.
 */
#ifndef BLKLAB_METAL_VERDICT_H
#define BLKLAB_METAL_VERDICT_H

#include "metal_machine.h"

enum metal_end {
	METAL_PASSED,      /* all tests that were asked for, one at least */
	METAL_ALL_SKIPPED, /* there was nothing to test them with */
	METAL_FAILED,      /* a test failed, or a layer is broken */
	METAL_EXCEPTION,   /* of the processor, which no test provoked */
	METAL_ASSUMPTION,  /* the machine lacks what the image needs */
	METAL_CORRUPT,     /* the heap */
	METAL_UNKNOWN,     /* a test or a word that the image does not know */
	METAL_HUNG,        /* the time limit is over */
	METAL_TRIPLE_FAULT,
	METAL_NO_QEMU, /* it could not be started, or refused what it was told */
	METAL_DIED,    /* QEMU ended in a way that is not the image's */
	METAL_DOUBTED, /* it ended as if all were well, but did not say so */
	METAL_STOPPED, /* by a signal to us */
};

#define METAL_NOTHING 77 /* the exit status of METAL_ALL_SKIPPED, as tests have it */

struct metal_verdict {
	enum metal_end end;
	int exit;       /* of blklab */
	char *headline; /* NULL: passed */
	char *report; /* an exception as it was told, with source lines; or where it stands; or NULL
		       */
};

/* `image` is where its symbols are from. */
struct metal_verdict metal_judge(const struct metal_run *run, const char *image);
/* Of a run of the words "list": METAL_PASSED if it came to its end. */
struct metal_verdict metal_judge_list(const struct metal_run *run, const char *image);
void metal_verdict_free(struct metal_verdict *verdict);
/* "passed", "triple-fault" ... */
const char *metal_end_name(enum metal_end end);

#endif
