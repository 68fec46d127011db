// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is told of runs of metal images: to people, and to programs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "metal.h"

#define LAST_WORDS 12 /* lines of the console */

const char *metal_trial_build(const struct metal_trial *trial)
{
	const char *slash = strrchr(trial->build->image, '/');

	return trial->build->name ? trial->build->name : slash ? slash + 1 : trial->build->image;
}

void metal_tell(const struct metal_trial *trial, bool streamed)
{
	const struct metal_verdict *verdict = &trial->verdict;
	char *tail;

	if (!verdict->headline)
		return;
	complain("%s", verdict->headline);
	if (!streamed && !trial->run.console.troubled) {
		tail = metal_console_tail(&trial->run.console, LAST_WORDS);
		fputs(tail, stderr);
		free(tail);
	}
	if (verdict->report)
		fputs(verdict->report, stderr);
}

void metal_tell_head(void)
{
	printf("%-12s %-8s %-12s %4s %6s %6s %7s %8s\n", "build", "machine", "verdict", "exit",
	       "passed", "failed", "skipped", "seconds");
}

void metal_tell_row(const struct metal_trial *trial)
{
	const struct metal_console *console = &trial->run.console;

	printf("%-12s %-8s %-12s %4d %6u %6u %7u %8.2f\n", metal_trial_build(trial), trial->machine,
	       metal_end_name(trial->verdict.end), trial->verdict.exit, console->passed,
	       console->failed, console->skipped, trial->run.seconds);
	fflush(stdout);
}

/*
 * JSON.
 */

static json_t *text_of(const char *text)
{
	return text ? json_text(text, strlen(text)) : json_null();
}

static json_t *test_json(const struct metal_test *test)
{
	json_t *json = json_pack("{s:o, s:s}", "name", text_of(test->name), "result",
				 !test->why      ? "passed"
				 : test->skipped ? "skipped"
						 : "failed");

	if (test->why)
		json_object_set_new(json, "why", text_of(test->why));
	else
		json_object_set_new(json, "microseconds",
				    json_integer((json_int_t)test->microseconds));
	return json;
}

static json_t *tests_json(const struct metal_console *console)
{
	json_t *tests = json_array();
	size_t i;

	for (i = 0; i < console->tests; i++)
		json_array_append_new(tests, test_json(&console->test[i]));
	return tests;
}

static json_t *layers_json(const struct metal_console *console)
{
	json_t *layers = json_array();
	size_t i;

	for (i = 0; i < METAL_LAYERS; i++)
		if (console->proved[i])
			json_array_append_new(layers, json_string(metal_layer_names[i]));
	return layers;
}

json_t *metal_trial_json(const struct metal_trial *trial, bool kvm)
{
	const struct metal_console *console = &trial->run.console;
	const struct metal_verdict *verdict = &trial->verdict;
	json_t *json = json_pack("{s:s?, s:s, s:s, s:s, s:s, s:i, s:o, s:o}", "build",
				 trial->build->name, "image", trial->build->image, "machine",
				 trial->machine, "accel", kvm ? "kvm" : "tcg", "verdict",
				 metal_end_name(verdict->end), "exit", verdict->exit, "headline",
				 text_of(verdict->headline), "report", text_of(verdict->report));

	json_object_set_new(json, "passed", json_integer(console->passed));
	json_object_set_new(json, "failed", json_integer(console->failed));
	json_object_set_new(json, "skipped", json_integer(console->skipped));
	json_object_set_new(json, "tests", tests_json(console));
	json_object_set_new(json, "layers", layers_json(console));
	json_object_set_new(json, "console",
			    json_text(console->data ? console->data : "", console->size));
	json_object_set_new(json, "seconds", json_real(trial->run.seconds));
	return json;
}
