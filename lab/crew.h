/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Several guests at once, as many as memory and processors allow: a process of ours for each.
 */
#ifndef BLKLAB_CREW_H
#define BLKLAB_CREW_H

#include <jansson.h>

#include "machine.h"

struct crew_job {
	int out, err; /* files that what the command wrote goes to; closed by crew_free() */
	int answer;   /* file of what the process has to say */
	int pid;
	bool done;
	json_t *result; /* what work() answered; NULL: its process died */
	double seconds;
};

struct crew {
	struct crew_job *job;
	size_t n;
	bool stopped; /* by a signal to us: not all of them have been done */
};

/*
 * Do work(context, i, &job[i]) for i from 0 to n-1, each in a process of its own, which may
 * write to job->out and job->err; what it answers comes back in job->result. `guest` says how
 * large each is. told(), if not NULL, is called in this process for each that is done, in order of
 * i.
 */
void crew_run(struct crew *crew, size_t n, const struct machine_options *guest,
	      json_t *(*work)(void *context, size_t i, struct crew_job *job),
	      void (*told)(void *context, size_t i, struct crew_job *job), void *context);
void crew_free(struct crew *crew);

/* All that was written to such a file; to be freed. */
char *crew_text(int fd, size_t *size);

/*
 * Take "all" or "6.1,7.2" apart; a name that is none of a kernel is left for kernel_find() to say
 * so. -EINVAL, told.
 */
int crew_kernels(const char *text, struct strings *kernels);

#endif
