/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * blklab metal --diagnose: which layer of an image is the first to break, what the likely reason
 * is, and whether a compiler is to blame.
 */
#ifndef BLKLAB_METAL_DIAGNOSE_H
#define BLKLAB_METAL_DIAGNOSE_H

#include "metal.h"

enum metal_reason {
	METAL_SOUND,
	METAL_REASON_MACHINE,   /* it lacks what the image needs */
	METAL_REASON_MODE32,    /* 64-bit code was run in 32-bit mode */
	METAL_REASON_SSE,       /* an SSE instruction, where SSE is not enabled */
	METAL_REASON_BSS,       /* not zeroed */
	METAL_REASON_PAGE,      /* a page table entry is missing or wrong */
	METAL_REASON_NULL,      /* a null pointer was used */
	METAL_REASON_STACK,     /* it overflowed */
	METAL_REASON_PROTECTED, /* what is read-only was written, or data executed */
	METAL_REASON_HEAP,      /* a free list is corrupt */
	METAL_REASON_EXCEPTION,
	METAL_REASON_TEST, /* a test failed */
	METAL_REASON_HANG,
	METAL_REASON_TRIPLE,
	METAL_REASON_LAB, /* nothing can be said: QEMU, or a run that was interrupted */
};

/* Of one run. */
struct metal_finding {
	enum metal_reason reason;
	enum metal_layer layer; /* METAL_LAYERS: none of them */
	char *words;            /* what is known */
	const char *hint;       /* what to do; or NULL */
};

struct metal_finding metal_find(const struct metal_trial *trial);
void metal_finding_free(struct metal_finding *finding);
const char *metal_reason_name(enum metal_reason reason);

/* Of all runs together: are the compilers cleared, or is one convicted? */
enum metal_compilers {
	METAL_COMPILERS_UNTRIED,   /* one build only */
	METAL_COMPILERS_CLEARED,   /* all builds fare alike */
	METAL_COMPILERS_OPTIMISED, /* those of all compilers break that are optimised: our code */
	METAL_COMPILERS_CONVICTED, /* those of one compiler break, and the other's do not */
	METAL_COMPILERS_UNCLEAR,
};

struct metal_compilers_verdict {
	enum metal_compilers verdict;
	const char *compiler; /* which is convicted */
	char *words;
};

/* findings[i] is of trials->trial[i]. */
struct metal_compilers_verdict metal_judge_compilers(const struct metal_trials *trials,
						     const struct metal_finding *findings);

/* Print all of it, for people or as JSON. An exit status: LAB_OK if all are sound. */
int metal_diagnose(const struct metal_trials *trials, bool json);

#endif
