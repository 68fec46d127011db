// SPDX-License-Identifier: GPL-2.0-only
/*
 * blklab matrix: a command on every kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crew.h"

struct matrix {
	struct machine_options options;
	struct strings kernels;
	bool json;
};

static const char *text_of(const json_t *result, const char *key)
{
	const char *text = json_string_value(json_object_get(result, key));

	return text ? text : "";
}

static int exit_of(const struct crew_job *job)
{
	json_t *number = json_object_get(job->result, "exit");

	return json_is_integer(number) ? (int)json_integer_value(number) : LAB_FAILED;
}

/* In a process of its own. */
static json_t *work(void *context, size_t i, struct crew_job *job)
{
	struct matrix *matrix = context;
	struct machine_options *options = &matrix->options;
	struct machine_result result;
	json_t *answer;

	options->kernel = matrix->kernels.item[i];
	options->name = options->kernel;
	options->in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	options->out = job->out;
	options->err = job->err;
	options->quiet = true;
	dup2(job->err, STDERR_FILENO); /* what the lab has to say belongs to this kernel too */
	machine_run(options, &result);
	answer = machine_result_json(options, &result);
	machine_result_free(&result);
	return answer;
}

static void say(const char *what, const char *text, size_t size)
{
	if (!size)
		return;
	printf("---- %s\n", what);
	fwrite(text, 1, size, stdout);
	if (text[size - 1] != '\n')
		putchar('\n');
}

/* What is there to see of one that failed. */
static void tell_failed(const struct matrix *matrix, size_t i, struct crew_job *job)
{
	const char *headline = text_of(job->result, "headline");
	const char *report = text_of(job->result, "report");
	const char *log = text_of(job->result, "log");
	size_t out_size, err_size;
	char *out = crew_text(job->out, &out_size), *err = crew_text(job->err, &err_size);

	printf("\n==== %s: ", matrix->kernels.item[i]);
	if (*headline)
		printf("%s\n", headline);
	else
		printf("the command ended with %d\n", exit_of(job));
	say("stdout", out, out_size);
	say("stderr", err, err_size);
	say("the kernel's report", report, strlen(report));
	if (*log)
		printf("---- the kernel log is in %s\n", log);
	free(out);
	free(err);
}

static void tell_row(const struct matrix *matrix, size_t i, const struct crew_job *job)
{
	const char *verdict = text_of(job->result, "verdict");
	const char *release = text_of(job->result, "release");

	if (!job->done)
		printf("%-12s %-28s %-8s\n", matrix->kernels.item[i], "-", "not run");
	else
		printf("%-12s %-28s %-8s %4d %8.1f\n", matrix->kernels.item[i],
		       *release ? release : "-", *verdict ? verdict : "lost", exit_of(job),
		       job->seconds);
}

/* JSON holds no bytes that aren't text: those are shown as '?'. */
static json_t *json_of(int fd)
{
	size_t size, i;
	char *text = crew_text(fd, &size);
	json_t *json = json_stringn(text, size);

	for (i = 0; !json && i < size; i++)
		if ((unsigned char)text[i] >= 0x80)
			text[i] = '?';
	if (!json)
		json = json_stringn(text, size);
	free(text);
	return json;
}

static void tell_json(const struct matrix *matrix, const struct crew *crew)
{
	json_t *all = json_array(), *one;
	size_t i;

	for (i = 0; i < crew->n; i++) {
		struct crew_job *job = &crew->job[i];

		one = job->result ? json_incref(job->result)
				  : json_pack("{s:s, s:s}", "kernel", matrix->kernels.item[i],
					      "verdict", job->done ? "lost" : "not run");
		if (job->done) {
			json_object_set_new(one, "stdout", json_of(job->out));
			json_object_set_new(one, "stderr", json_of(job->err));
		}
		json_array_append_new(all, one);
	}
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}

static void tell(const struct matrix *matrix, struct crew *crew)
{
	size_t i;

	printf("%-12s %-28s %-8s %4s %8s\n", "kernel", "release", "verdict", "exit", "seconds");
	for (i = 0; i < crew->n; i++)
		tell_row(matrix, i, &crew->job[i]);
	for (i = 0; i < crew->n; i++)
		if (crew->job[i].done && exit_of(&crew->job[i]))
			tell_failed(matrix, i, &crew->job[i]);
}

/* Kernels are fetched one after the other, before anything runs: no time of a guest goes into it.
 */
static int fetch(const struct matrix *matrix)
{
	struct kernel kernel;
	size_t i;
	int err;

	for (i = 0; i < matrix->kernels.n; i++) {
		err = kernel_find(matrix->kernels.item[i], &kernel);
		if (err)
			return err;
		kernel_free(&kernel);
	}
	return 0;
}

static int matrix_run(struct matrix *matrix)
{
	struct crew crew;
	int status = LAB_OK;
	size_t i;

	if (fetch(matrix))
		return LAB_NO_BOOT;
	crew_run(&crew, matrix->kernels.n, &matrix->options, work, NULL, matrix);
	if (matrix->json)
		tell_json(matrix, &crew);
	else
		tell(matrix, &crew);
	for (i = 0; i < crew.n; i++)
		if (!crew.job[i].done || exit_of(&crew.job[i]))
			status = LAB_FAILED;
	if (crew.stopped)
		status = 130;
	crew_free(&crew);
	return status;
}

int verb_matrix(int argc, char **argv)
{
	struct matrix matrix = { 0 };
	int at, status = LAB_USAGE;

	machine_defaults(&matrix.options);
	matrix.options.kernel = "all";
	at = machine_parse(&matrix.options, argc, argv, &matrix.json);
	if (at >= 0 && at == argc)
		complain("matrix: which command? As in `blklab matrix -- uname -r`");
	matrix.options.argv = argv + at;
	if (at >= 0 && at < argc && !crew_kernels(matrix.options.kernel, &matrix.kernels))
		status = matrix_run(&matrix);
	strings_free(&matrix.kernels);
	machine_options_free(&matrix.options);
	return status;
}
