// SPDX-License-Identifier: GPL-2.0-only
/*
 * blklab metal: run the metal image.
 */
#include "metal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accel.h"
#include "machine.h"
#include "metal_diagnose.h"

/*
 * What metal-test has tests for, by name. Ends with NULL.
 */
static const char *const test_disks[] = {
	"name=scratch,size=8M,bad=8000-8007:rw",
	"name=main,size=4M,bad=1000-1007:rw,bad=3000-3003:rw,bad=2001:w",
	"name=spare,size=2M,bad=458:w",
	"name=power,size=2304K,bad=100-103:w,bad=700-702:rw",
	"name=readonly,size=1M,ro",
	"name=slow,size=1M,slow=1iops",
	NULL,
};

static void disks_default(struct metal_options *options)
{
	size_t i;

	if (options->disks.n || options->no_disks || options->list ||
	    strcmp(options->choice.image, METAL_IMAGE_DEFAULT))
		return;
	for (i = 0; test_disks[i]; i++)
		strings_add(&options->disks, "%s", test_disks[i]);
}

static bool uses_kvm(const struct metal_options *options)
{
	return options->accel == METAL_KVM || (options->accel == METAL_PROBE && accel_kvm());
}

/*
 * Running.
 */

static void trial_run(const struct metal_options *options, struct metal_trials *trials,
		      struct metal_trial *trial, int out)
{
	const struct strings list = { (char *[]){ (char *)"list" }, 1 };
	struct metal_request request = {
		.image = trial->build->image,
		.machine = trial->machine,
		.cpu = options->cpu,
		.kvm = trials->kvm,
		.memory = options->memory,
		.timeout = options->timeout,
		.words = options->list ? &list : &options->words,
		.disks = &options->disks,
		.out = out,
	};

	metal_machine_run(&request, &trial->run);
	trial->verdict = options->list ? metal_judge_list(&trial->run, request.image)
				       : metal_judge(&trial->run, request.image);
	trials->done++;
}

static int trials_make(const struct metal_options *options, struct metal_trials *trials)
{
	size_t i, n;
	int err = metal_builds_make(&options->choice, &trials->builds);

	if (err)
		return err;
	trials->n = trials->builds.n * options->machines.n;
	trials->trial = must_calloc(trials->n, sizeof(*trials->trial));
	for (i = 0; i < trials->builds.n; i++)
		for (n = 0; n < options->machines.n; n++)
			trials->trial[i * options->machines.n + n] =
				(struct metal_trial){ .build = &trials->builds.build[i],
						      .machine = options->machines.item[n] };
	trials->kvm = uses_kvm(options);
	return 0;
}

static void trials_free(struct metal_trials *trials)
{
	size_t i;

	for (i = 0; i < trials->done; i++) {
		metal_run_free(&trials->trial[i].run);
		metal_verdict_free(&trials->trial[i].verdict);
	}
	free(trials->trial);
	metal_builds_free(&trials->builds);
}

/*
 * One, whose console is shown as it comes.
 */

static int run_one(const struct metal_options *options, struct metal_trials *trials)
{
	struct metal_trial *trial = &trials->trial[0];
	const struct metal_console *console;

	fflush(stdout);
	trial_run(options, trials, trial, STDOUT_FILENO);
	/* What was said last may lack its end; what is told of it begins a line of its own. */
	console = &trial->run.console;
	if (console->size && console->data[console->size - 1] != '\n' && !trial->run.deaf) {
		putchar('\n');
		fflush(stdout);
	}
	metal_tell(trial, true);
	return trial->verdict.exit;
}

/*
 * Several: a table.
 */

/* Those that passed agree; of the others the first decides. */
static int exit_of(const struct metal_trials *trials)
{
	int status = LAB_OK;
	size_t i;

	for (i = 0; i < trials->done; i++)
		if (status == LAB_OK || status == METAL_NOTHING)
			status = trials->trial[i].verdict.exit ?: status;
	return status;
}

static void run_quietly(const struct metal_options *options, struct metal_trials *trials,
			void (*told)(const struct metal_trial *trial))
{
	size_t i;

	for (i = 0; i < trials->n; i++) {
		progress("%s on %s", metal_trial_build(&trials->trial[i]),
			 trials->trial[i].machine);
		trial_run(options, trials, &trials->trial[i], -1);
		progress("%s", "");
		if (told)
			told(&trials->trial[i]);
	}
}

static int run_table(const struct metal_options *options, struct metal_trials *trials)
{
	const struct metal_trial *trial;
	size_t i;

	metal_tell_head();
	run_quietly(options, trials, metal_tell_row);
	for (i = 0; i < trials->n; i++) {
		trial = &trials->trial[i];
		if (!trial->verdict.exit)
			continue;
		fprintf(stderr, "\n==== %s on %s\n", metal_trial_build(trial), trial->machine);
		metal_tell(trial, false);
	}
	return exit_of(trials);
}

static int run_json(const struct metal_options *options, struct metal_trials *trials)
{
	json_t *all = json_array();
	size_t i;

	run_quietly(options, trials, NULL);
	for (i = 0; i < trials->n; i++)
		json_array_append_new(all, metal_trial_json(&trials->trial[i], trials->kvm));
	json_dumpf(trials->n == 1 ? json_array_get(all, 0) : all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
	return exit_of(trials);
}

/*
 * A list of the tests.
 */

static int run_list(const struct metal_options *options, struct metal_trials *trials)
{
	struct metal_trial *trial = &trials->trial[0];
	json_t *names = json_array();
	const char *line;
	size_t i;

	trial_run(options, trials, trial, -1);
	for (i = 0; i < trial->run.console.line.n; i++) {
		line = trial->run.console.line.item[i];
		if (strpbrk(line, " :"))
			continue; /* progress */
		if (!options->json)
			puts(line);
		json_array_append_new(names, json_text(line, strlen(line)));
	}
	if (options->json && trial->verdict.end == METAL_PASSED) {
		json_dumpf(names, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(names);
	metal_tell(trial, false);
	return trial->verdict.exit;
}

static int run(const struct metal_options *options, struct metal_trials *trials)
{
	if (options->list)
		return run_list(options, trials);
	if (options->diagnose) {
		run_quietly(options, trials, NULL);
		return metal_diagnose(trials, options->json);
	}
	if (options->json)
		return run_json(options, trials);
	return trials->n == 1 ? run_one(options, trials) : run_table(options, trials);
}

int verb_metal(int argc, char **argv)
{
	struct metal_trials trials = { 0 };
	struct metal_options options;
	int status = LAB_USAGE;

	/* QEMU's heap in large pages, where it asks for them: a sixteenth of a short run. */
	setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1:glibc.malloc.top_pad=16777216", 0);
	if (!metal_parse(&options, argc, argv)) {
		disks_default(&options);
		status = trials_make(&options, &trials) ? LAB_NO_BOOT : run(&options, &trials);
	}
	trials_free(&trials);
	metal_options_free(&options);
	return status;
}
