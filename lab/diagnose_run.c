// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guests of a diagnosis, and what is read from their logs.
 */
#include "diagnose.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test.h"
#include "test_steps.h"

static char *own_path(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	return n > 0 ? format("%.*s", (int)n, path) : must_strdup("blklab");
}

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

static enum diagnose_step step_named(const char *name)
{
	size_t i;

	for (i = 0; i < STEPS && strcmp(diagnose_step_names[i], name); i++)
		;
	return (enum diagnose_step)i;
}

/*
 * Reading.
 */

static void result_clear(struct diagnose_result *result)
{
	free(result->why);
	free(result->headline);
	free(result->report);
	strings_free(&result->said);
	*result = (struct diagnose_result){ 0 };
}

/* The worse of two guests counts. */
static struct diagnose_result *result_set(struct diagnosis *diagnosis, enum diagnose_step step,
					  enum diagnose_end end, const char *why)
{
	struct diagnose_result *result = &diagnosis->step[step];

	if (end <= result->end)
		return NULL;
	result_clear(result);
	result->end = end;
	result->why = must_strdup(why);
	return result;
}

static enum diagnose_end end_of(const char *state)
{
	if (!strcmp(state, TEST_OK))
		return END_OK;
	if (!strcmp(state, TEST_FAILED))
		return END_FAILED;
	if (!strcmp(state, TEST_HANGS))
		return END_HUNG;
	if (!strcmp(state, DIAGNOSE_NONE))
		return END_NONE;
	return END_DIED;
}

/* The kernel's own words about a step; its marks aside. */
static void said_take(struct diagnose_result *result, const json_t *step)
{
	json_t *line;
	size_t i;

	json_array_foreach(json_object_get(step, "said"), i, line)
	{
		if (result->said.n < 20)
			strings_add(&result->said, "%s", json_string_value(line));
	}
}

/* A step that has no end: the guest's own verdict says what became of it. */
static void died_take(struct diagnosis *diagnosis, enum diagnose_step step,
		      const struct machine_result *result, char *report)
{
	bool hung = result->verdict == MACHINE_TIMEOUT || result->verdict == MACHINE_HUNG;
	const char *why = result->headline ? result->headline : "the guest ended";
	struct diagnose_result *to;

	to = result_set(diagnosis, step, hung ? END_HUNG : END_DIED, why);
	if (!to)
		return;
	to->headline = must_strdup(why);
	if (report || result->report)
		to->report = must_strdup(report ? report : result->report);
}

/* Which step was being taken at that line of the log? */
static enum diagnose_step step_at(const struct klog *log, size_t line)
{
	enum diagnose_step step;
	const char *text;
	size_t i, n;
	char *name;

	for (i = line; i-- > 0;) {
		text = klog_text(log->line.item[i]);
		if (strncmp(text, TEST_MARK, strlen(TEST_MARK)) || !strstr(text, TEST_BEGINS))
			continue;
		text += strlen(TEST_MARK);
		n = strcspn(text, ":");
		name = format("%.*s", (int)n, text);
		step = step_named(name);
		free(name);
		return step;
	}
	return STEPS;
}

/* Trouble in the log, with its stack decoded by the module that is on trial. */
static void trouble_take(struct diagnosis *diagnosis, const struct machine_result *result,
			 enum klog_trouble trouble, size_t line)
{
	char *tree = must_strdup(diagnosis->module), *report;
	enum diagnose_step step = step_at(&result->log, line);
	struct diagnose_result *to;

	*strrchr(tree, '/') = 0;
	report = klog_report(&result->log, line, *tree ? tree : "/");
	if (step == STEPS) {
		diagnosis->broken = "the kernel was in trouble before the first step";
		diagnosis->trouble = klog_headline(&result->log, line);
	} else if (trouble == KLOG_WARNING) {
		to = result_set(diagnosis, step, END_WARNED, "");
		if (to) {
			to->headline = klog_headline(&result->log, line);
			to->report = must_strdup(report ? report : "");
		}
	} else {
		died_take(diagnosis, step, result, report);
	}
	free(report);
	free(tree);
}

static void steps_take(struct diagnosis *diagnosis, const struct machine_result *result)
{
	json_t *steps = test_steps(&result->log), *one;
	struct diagnose_result *to;
	enum klog_trouble trouble;
	enum diagnose_step step;
	enum diagnose_end end;
	size_t i, line = 0;

	if (!json_array_size(steps)) {
		diagnosis->broken = "no step began in the guest";
		diagnosis->trouble = must_strdup(result->headline ? result->headline : "");
	}
	trouble = klog_search(&result->log, &line);
	if (trouble != KLOG_FINE)
		trouble_take(diagnosis, result, trouble, line);
	json_array_foreach(steps, i, one)
	{
		step = step_named(text_of(one, "step"));
		end = end_of(text_of(one, "result"));
		if (step == STEPS)
			continue;
		if (end == END_DIED && trouble < KLOG_OOPS)
			died_take(diagnosis, step, result, NULL);
		to = end == END_DIED ? NULL : result_set(diagnosis, step, end, text_of(one, "why"));
		if (to && end == END_FAILED)
			said_take(to, one);
	}
	json_decref(steps);
}

/*
 * Guests.
 */

static void options_set(const struct diagnose_request *request, struct machine_options *options)
{
	size_t i;

	*options = *request->options;
	options->quiet = true;
	options->capture = true;
	options->in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	options->out = options->err = -1;
	options->allow_warn = false;
	options->modules = (struct strings){ 0 };
	strings_add(&options->modules, "dm-mod");
	for (i = 0; i < request->depends.n; i++)
		strings_add(&options->modules, "%s", request->depends.item[i]);
	for (i = 0; i < request->options->modules.n; i++)
		strings_add(&options->modules, "%s", request->options->modules.item[i]);
}

/* LAB_OK, or blklab's exit status where it was not the module that the guest stopped at. */
static int guest_take(struct diagnosis *diagnosis, const struct machine_result *result)
{
	if (result->verdict == MACHINE_STOPPED)
		return result->exit;
	if (result->verdict == MACHINE_NO_BOOT) {
		diagnosis->broken = "a guest could not be started";
		diagnosis->trouble = must_strdup(result->headline ? result->headline : "");
		return LAB_NO_BOOT;
	}
	steps_take(diagnosis, result);
	if (lab_verbose && result->error && *result->error)
		fputs(result->error, stderr);
	return diagnosis->broken ? LAB_NO_BOOT : LAB_OK;
}

static int guest_run(const struct diagnose_request *request, struct diagnosis *diagnosis,
		     const char *steps)
{
	struct machine_options options;
	struct machine_result result;
	struct strings argv = { 0 };
	char *self = own_path();
	int status;

	strings_add(&argv, "%s", self);
	strings_add(&argv, "diagnose");
	strings_add(&argv, DIAGNOSE_GUEST);
	strings_add(&argv, "%s", diagnosis->module);
	strings_add(&argv, "%s", request->table);
	strings_add(&argv, "%s", steps);
	options_set(request, &options);
	options.argv = argv.item;
	machine_run(&options, &result);
	status = guest_take(diagnosis, &result);
	machine_result_free(&result);
	close(options.in);
	strings_free(&options.modules);
	strings_free(&argv);
	free(self);
	return status;
}

static bool fatal(const struct diagnosis *diagnosis, enum diagnose_step step)
{
	return diagnosis->step[step].end >= END_HUNG;
}

static bool untried(const struct diagnosis *diagnosis, enum diagnose_step step)
{
	return diagnosis->step[step].end == END_UNTRIED;
}

int diagnose_run(const struct diagnose_request *request, const char *module,
		 struct diagnosis *diagnosis)
{
	const struct diagnose_result *step = diagnosis->step;
	int status;

	*diagnosis = (struct diagnosis){ .module = must_strdup(module) };
	status = guest_run(request, diagnosis, "012345");
	/* What the guest did not live to see is tried without the step that it died of. */
	if (!status && (fatal(diagnosis, STEP_HOLD) || fatal(diagnosis, STEP_IO)))
		status = guest_run(request, diagnosis, "0145");
	if (!status && !fatal(diagnosis, STEP_LOAD) && untried(diagnosis, STEP_UNLOAD) &&
	    step[STEP_LOAD].end != END_FAILED)
		status = guest_run(request, diagnosis, "05");
	if (!status && step[STEP_HOLD].end == END_FAILED)
		status = guest_run(request, diagnosis, "016");
	return status;
}

void diagnosis_free(struct diagnosis *diagnosis)
{
	size_t i;

	for (i = 0; i < STEPS; i++)
		result_clear(&diagnosis->step[i]);
	free(diagnosis->module);
	free(diagnosis->trouble);
}
