/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs cases, each in a process of its own, several at a time.
 *
 *	[--list] [--case NAME] [--seed S] [--cut N] [--part P/Q] [--jobs J] [--plant N]
 */
#include "case.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct case_entry entries[] = {
	{ .name = "cut", .fn = case_cut, .scripted = true, .heavy_too = true },
	{ .name = "fault", .fn = case_fault, .scripted = true },
	{ .name = "fault-cut",
	  .fn = case_fault_cut,
	  .scripted = true,
	  .proof_only = true,
	  .parts = 4 },
	{ .name = "alloc", .fn = case_alloc, .scripted = true, .heavy_too = true },
	{ .name = "race",
	  .fn = case_race,
	  .scripted = true,
	  .heavy_too = true,
	  .only_interleaved = true,
	  .parts = 2 },
	{ .name = "race-listed",
	  .fn = case_race_listed,
	  .scripted = true,
	  .only_interleaved = true },
	{ .name = "flips", .fn = case_flips, .parts = 4 },
	{ .name = "flips-both", .fn = case_flips_both, .parts = 2 },
	{ .name = "stale", .fn = case_stale },
	{ .name = "swapped", .fn = case_swapped },
	{ .name = "supers", .fn = case_supers },
	{ .name = "mixture", .fn = case_mixture },
	{ .name = "bounded", .fn = case_bounded, .parts = 20 },
	{ .name = "random", .fn = case_random, .parts = 8 },
	{ .name = "log", .fn = case_log, .parts = 4 },
	{ .name = "breaker", .fn = case_breaker },
	{ .name = "not-medium", .fn = case_not_medium },
	{ .name = "read-only", .fn = case_read_only },
	{ .name = "full", .fn = case_full },
};

/* With AddressSanitizer: to keep all that is freed would take as long as the tests themselves. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=8";
}

#define ENTRIES  (sizeof(entries) / sizeof(*entries))
#define JOBS_MAX 4096

struct job {
	char name[64];
	const struct case_entry *entry;
	struct case_args args;
	struct report *report;
	pid_t pid;
	bool last; /* of its case: prints the sum */
	u32 group;
	u64 started; /* microseconds */
};

static struct job jobs[JOBS_MAX];
static u32 njobs, ngroups, passed, failed;
static struct report sums[JOBS_MAX];
static u32 parts_left[JOBS_MAX];
static u64 time_of[JOBS_MAX]; /* microseconds */
static struct report total;

/* Microseconds. */
static u64 clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000 + (u64)t.tv_nsec / 1000;
}

static void jobs_add(const struct case_entry *entry, const struct script *script,
		     const struct case_args *like)
{
	u32 parts = like->proof && entry->parts > 1 ? entry->parts : 1;

	if (entry->scripted && (script->heavy && !entry->heavy_too))
		return;
	if (entry->only_interleaved && !script->interleaved)
		return;
	if (entry->proof_only && !like->proof)
		return;
	for (u32 part = 0; part < parts; part++) {
		struct job *job = &jobs[njobs++];

		job->entry = entry;
		job->args = *like;
		job->args.script = script;
		job->args.part = part;
		job->args.parts = parts;
		job->group = ngroups;
		snprintf(job->name, sizeof(job->name), "%s%s%s", entry->name, script ? "/" : "",
			 script ? script->name : "");
	}
	parts_left[ngroups++] = parts;
}

static bool wanted(const char *pattern, const struct case_entry *entry, const struct script *script)
{
	char name[64];

	if (pattern == NULL || strcmp(pattern, entry->name) == 0)
		return true;
	snprintf(name, sizeof(name), "%s%s%s", entry->name, script ? "/" : "",
		 script ? script->name : "");
	return strcmp(pattern, name) == 0;
}

static void jobs_make(const char *pattern, const struct case_args *like)
{
	for (u32 e = 0; e < ENTRIES; e++) {
		if (!entries[e].scripted && wanted(pattern, &entries[e], NULL))
			jobs_add(&entries[e], NULL, like);
		for (u32 s = 0; entries[e].scripted && s < scripts_count; s++)
			if (wanted(pattern, &entries[e], &scripts[s]))
				jobs_add(&entries[e], &scripts[s], like);
	}
}

static void job_start(struct job *job)
{
	job->report = mmap(NULL, sizeof(*job->report), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (job->report == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	memset(job->report, 0, sizeof(*job->report));
	fflush(NULL);
	job->pid = fork();
	if (job->pid == 0) {
		report = job->report;
		job->entry->fn(&job->args);
		exit(0);
	}
}

static void job_explain(const struct job *job, const char *program, int status)
{
	const struct report *r = job->report;

	if (r->failed)
		printf("  %s\n", r->message);
	else if (WIFSIGNALED(status))
		printf("  killed by signal %d\n", WTERMSIG(status));
	else
		printf("  ended with status %d\n", WEXITSTATUS(status));
	if (r->detail[0] != 0)
		printf("  when: %s\n", r->detail);
	printf("  again: %s --case %s --seed %llu --part %llu/%llu", program, job->name,
	       (unsigned long long)(r->where_seed ? r->where_seed : job->args.seed),
	       (unsigned long long)job->args.part, (unsigned long long)job->args.parts);
	if (r->where_cut != 0)
		printf(" --cut %llu", (unsigned long long)r->where_cut);
	printf("\n");
}

static void print_counts(const struct report *r)
{
	for (u32 i = 0; i < COUNT_KINDS; i++)
		if (r->count[i] != 0)
			printf(" %llu %s,", (unsigned long long)r->count[i], count_names[i]);
	if (r->sampled != 0)
		printf(" %llu sampled,", (unsigned long long)r->sampled);
}

static void job_ended(struct job *job, int status, const char *program)
{
	struct report *sum = &sums[job->group];
	bool bad = !WIFEXITED(status) || WEXITSTATUS(status) != 0 || job->report->failed;

	for (u32 i = 0; i < COUNT_KINDS; i++) {
		sum->count[i] += job->report->count[i];
		total.count[i] += job->report->count[i];
	}
	sum->sampled += job->report->sampled;
	total.sampled += job->report->sampled;
	time_of[job->group] += clock_now() - job->started;
	if (bad) {
		printf("FAIL %s\n", job->name);
		job_explain(job, program, status);
		sum->failed = 1;
	}
	munmap(job->report, sizeof(*job->report));
	if (--parts_left[job->group] > 0)
		return;
	if (sum->failed) {
		failed++;
	} else {
		passed++;
		printf("ok   %-32s", job->name);
		print_counts(sum);
		printf(" %llu.%llu s\n", (unsigned long long)time_of[job->group] / 1000000,
		       (unsigned long long)time_of[job->group] / 100000 % 10);
	}
	fflush(stdout);
}

static void jobs_run(u32 width, const char *program)
{
	u32 next = 0, running = 0;

	while (next < njobs || running > 0) {
		int status;
		pid_t pid;

		while (next < njobs && running < width) {
			jobs[next].started = clock_now();
			job_start(&jobs[next++]);
			running++;
		}
		pid = wait(&status);
		for (u32 i = 0; i < next; i++)
			if (jobs[i].pid == pid) {
				jobs[i].pid = 0;
				job_ended(&jobs[i], status, program);
				running--;
			}
	}
}

static u64 number(const char *text)
{
	return text ? strtoull(text, NULL, 0) : 0;
}

bool cases_name(u32 i, bool proof, char *name, size_t size)
{
	const struct case_args like = { .proof = proof };

	njobs = ngroups = 0;
	jobs_make(NULL, &like);
	for (u32 j = 0; j < njobs; j++)
		if (jobs[j].group == i) {
			snprintf(name, size, "%s", jobs[j].name);
			return true;
		}
	return false;
}

int cases_main(int argc, char **argv, bool proof)
{
	struct case_args like = { .seed = number(getenv("BM_SEED")), .proof = proof };
	const char *pattern = NULL, *part = NULL;
	u32 width = proof ? (u32)sysconf(_SC_NPROCESSORS_ONLN) : 1;

	/* A core is made and unmade a million times: keep the memory. */
	mallopt(M_TRIM_THRESHOLD, 256 << 20);
	mallopt(M_MMAP_THRESHOLD, 64 << 20);
	njobs = ngroups = passed = failed = 0;
	memset(&total, 0, sizeof(total));
	memset(sums, 0, sizeof(sums));
	memset(time_of, 0, sizeof(time_of));
	if (like.seed == 0)
		like.seed = proof ? (u64)time(NULL) * 1000 : 1000;
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--case") == 0)
			pattern = argv[i + 1];
		else if (strcmp(argv[i], "--seed") == 0)
			like.seed = number(argv[i + 1]);
		else if (strcmp(argv[i], "--cut") == 0)
			like.cut = number(argv[i + 1]);
		else if (strcmp(argv[i], "--jobs") == 0)
			width = (u32)number(argv[i + 1]);
		else if (strcmp(argv[i], "--plant") == 0)
			like.plant = (enum plant)number(argv[i + 1]);
		else if (strcmp(argv[i], "--part") == 0)
			part = argv[i + 1];
	}
	jobs_make(pattern, &like);
	for (u32 i = 0; i < njobs; i++) {
		if (argc == 2 && strcmp(argv[1], "--list") == 0)
			printf("%s %llu/%llu\n", jobs[i].name,
			       (unsigned long long)jobs[i].args.part,
			       (unsigned long long)jobs[i].args.parts);
	}
	if (argc == 2 && strcmp(argv[1], "--list") == 0)
		return 0;
	for (u32 i = 0; part != NULL && i < njobs; i++) {
		jobs[i].args.part = number(part);
		jobs[i].args.parts = number(strchr(part, '/') ? strchr(part, '/') + 1 : "1");
		parts_left[jobs[i].group] = 1;
		njobs = 1;
	}
	if (ngroups > 1)
		printf("seed %llu\n", (unsigned long long)like.seed);
	jobs_run(width, argv[0]);
	if (ngroups > 1) {
		printf("total:");
		print_counts(&total);
		printf("\n%u passed, %u failed\n", passed, failed);
	}
	return failed != 0 || passed == 0;
}
