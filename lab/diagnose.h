/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Diagnosis of a device-mapper module: which step it dies at, and whose fault that is. The
 * steps are taken in the guest, by blklab again, which marks each in the kernel log as `test`
 * does; so marks stand in order with what the kernel said, and outlive the guest.
 */
#ifndef BLKLAB_DIAGNOSE_H
#define BLKLAB_DIAGNOSE_H

#include <jansson.h>

#include "machine.h"

#define DIAGNOSE_GUEST "--in-guest" /* first argument of `diagnose` there */
#define DIAGNOSE_DISK  "scratch"    /* /dev/lab/scratch */
#define DIAGNOSE_NONE  "none"       /* state of a step that this module has not */

enum diagnose_step {
	STEP_LOAD,
	STEP_CREATE, /* a device, with dmsetup; its table and status are read */
	STEP_HOLD,   /* does the live table keep the module from being unloaded? */
	STEP_IO,     /* written, read back, compared; flush, discard, zeroes */
	STEP_REMOVE,
	STEP_UNLOAD,
	STEP_RIP, /* unload under a live table: only where nothing holds the module */
	STEPS,
};

extern const char *const diagnose_step_names[];

/* In the guest: MODULE.ko, TABLE, and a letter '0' + enum diagnose_step for each step to take. */
int diagnose_guest(int argc, char **argv);

/* What became of a step, the worst of all guests in which it was tried. */
enum diagnose_end {
	END_UNTRIED,
	END_OK,
	END_NONE,   /* there is nothing to try: no target */
	END_WARNED, /* it went well, but the kernel warned */
	END_FAILED, /* with an error, or data that is wrong */
	END_HUNG,
	END_DIED,
};

struct diagnose_result {
	enum diagnose_end end;
	char *why;           /* the error, or where it hung */
	char *headline;      /* of the kernel's report; or NULL */
	char *report;        /* with the stack decoded; or NULL */
	struct strings said; /* by the kernel, meanwhile */
};

struct diagnosis {
	char *module; /* path */
	struct diagnose_result step[STEPS];
	const char *broken; /* why nothing can be concluded, or NULL */
	char *trouble;      /* of the guest itself, in words */
};

/* What is asked for. */
struct diagnose_request {
	struct machine_options *options;
	struct strings depends; /* modules of the kernel's that go before it */
	const char *table;      /* %s: sectors of the disk, %d: the disk, %t: the module's target */
};

/*
 * Take all steps, in fresh guests where one dies, so that no death hides another. LAB_OK (whatever
 * was found), or the exit status of blklab if the guests are to blame: diagnosis->broken.
 */
int diagnose_run(const struct diagnose_request *request, const char *module,
		 struct diagnosis *diagnosis);
void diagnosis_free(struct diagnosis *diagnosis);

/* The first step that did not go well, in the order of importance; STEPS: all did. */
enum diagnose_step diagnosis_fault(const struct diagnosis *diagnosis);

/* Whose fault it is. `fault` is one word or two for programs, the rest is for people. */
struct verdict {
	const char *fault;
	char *words;
	char *hint; /* or NULL */
};

/* `control` may be NULL: then the module has no fault. */
struct verdict diagnosis_judge(const struct diagnosis *diagnosis, const struct diagnosis *control);

void diagnosis_tell(const struct diagnosis *diagnosis, const char *name);
json_t *diagnosis_json(const struct diagnosis *diagnosis);

/* diagnose_io.c: verified I/O on a device. NULL, or what went wrong, to be freed. */
char *diagnose_io(const char *device);

/* diagnose_trace.c: does a device send bios to itself? */
int diagnose_trace_open(void);
bool diagnose_trace_loops(int fd);

#endif
