// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several guests at once.
 */
#include "crew.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OVERHEAD 300 /* MiB that QEMU and virtiofsd take beside the guest's memory */

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* MemAvailable in MiB; what can't be told is taken for enough. */
static unsigned long memory_free(void)
{
	char *text = file_read("/proc/meminfo", NULL), *at;
	unsigned long kib = ~0ul;

	at = text ? strstr(text, "MemAvailable:") : NULL;
	if (at)
		kib = strtoul(at + 13, NULL, 10);
	free(text);
	return kib >> 10;
}

/* How many guests at once: one in any case. */
static size_t crew_size(const struct machine_options *guest)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	size_t by_cores = cores > 0 ? (size_t)cores / (guest->smp ? guest->smp : 1) : 1;
	size_t by_memory = memory_free() / (guest->memory + OVERHEAD);
	size_t most = by_cores < by_memory ? by_cores : by_memory;

	return most ? most : 1;
}

static int file_make(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0) {
		complain("no file in memory: %s", strerror(errno));
		exit(LAB_FAILED);
	}
	return fd;
}

static _Noreturn void work_in_child(struct crew_job *job, size_t i, void *context,
				    json_t *(*work)(void *, size_t, struct crew_job *))
{
	sigset_t none;
	json_t *answer;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* A ^C reaches all of a terminal's processes: it is the crew's to pass on, once. */
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	answer = work(context, i, job);
	if (answer)
		json_dumpfd(answer, job->answer, 0);
	fflush(NULL);
	_exit(0);
}

static void job_start(struct crew_job *job, size_t i, void *context,
		      json_t *(*work)(void *, size_t, struct crew_job *))
{
	job->out = file_make("stdout");
	job->err = file_make("stderr");
	job->answer = file_make("answer");
	job->seconds = now();
	fflush(NULL);
	job->pid = fork();
	if (!job->pid)
		work_in_child(job, i, context, work);
	if (job->pid < 0) {
		complain("no process: %s", strerror(errno));
		job->done = true;
	}
}

static void job_end(struct crew_job *job)
{
	size_t size;
	char *text = crew_text(job->answer, &size);

	job->result = json_loadb(text, size, 0, NULL);
	job->seconds = now() - job->seconds;
	job->done = true;
	free(text);
}

static struct crew_job *crew_find(struct crew *crew, int pid)
{
	size_t i;

	for (i = 0; i < crew->n; i++)
		if (crew->job[i].pid == pid && !crew->job[i].done)
			return &crew->job[i];
	return NULL;
}

static void crew_signal(struct crew *crew, int number)
{
	size_t i;

	for (i = 0; i < crew->n; i++)
		if (crew->job[i].pid > 0 && !crew->job[i].done)
			kill(crew->job[i].pid, number);
}

/* Wait until something ends: a number of processes, or us. */
static size_t crew_wait(struct crew *crew, int signals)
{
	struct signalfd_siginfo info;
	struct crew_job *job;
	size_t ended = 0;
	int pid;

	if (read(signals, &info, sizeof(info)) == sizeof(info) && info.ssi_signo != SIGCHLD) {
		crew->stopped = true;
		crew_signal(crew, SIGTERM);
	}
	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
		job = crew_find(crew, pid);
		if (!job)
			continue;
		job_end(job);
		ended++;
	}
	return ended;
}

void crew_run(struct crew *crew, size_t n, const struct machine_options *guest,
	      json_t *(*work)(void *context, size_t i, struct crew_job *job),
	      void (*told)(void *context, size_t i, struct crew_job *job), void *context)
{
	size_t most = crew_size(guest), running = 0, next = 0, shown = 0;
	sigset_t set, before;
	int signals;

	*crew = (struct crew){ .job = must_calloc(n, sizeof(*crew->job)), .n = n };
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &before);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	while (running || (next < n && !crew->stopped)) {
		while (next < n && running < most && !crew->stopped) {
			job_start(&crew->job[next], next, context, work);
			running += !crew->job[next++].done;
		}
		if (running)
			running -= crew_wait(crew, signals);
		for (; told && shown < next && crew->job[shown].done; shown++)
			told(context, shown, &crew->job[shown]);
	}
	close(signals);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

void crew_free(struct crew *crew)
{
	size_t i;

	for (i = 0; i < crew->n; i++) {
		if (!crew->job[i].pid)
			continue; /* never begun */
		close(crew->job[i].out);
		close(crew->job[i].err);
		close(crew->job[i].answer);
		json_decref(crew->job[i].result);
	}
	free(crew->job);
	*crew = (struct crew){ 0 };
}

char *crew_text(int fd, size_t *size)
{
	off_t end = lseek(fd, 0, SEEK_END), at = 0;
	size_t all = end > 0 ? (size_t)end : 0;
	char *text = must_calloc(all + 1, 1);
	ssize_t n;

	while ((size_t)at < all && (n = pread(fd, text + at, all - (size_t)at, at)) > 0)
		at += n;
	if (size)
		*size = (size_t)at;
	return text;
}

int crew_kernels(const char *text, struct strings *kernels)
{
	char *copy = must_strdup(text), *rest = copy, *name;
	size_t i;

	if (!strcmp(text, "all"))
		for (i = 0; kernel_names[i]; i++)
			strings_add(kernels, "%s", kernel_names[i]);
	while (strcmp(text, "all") && (name = strsep(&rest, ",")))
		if (*name)
			strings_add(kernels, "%s", name);
	free(copy);
	if (kernels->n)
		return 0;
	complain("no kernel is named: as in 6.1,7.2, or all");
	return -EINVAL;
}
