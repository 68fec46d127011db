// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose fault it is, in words.
 */
#include "diagnose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For each step: whose fault it is in one word, and what of the module runs then. */
static const struct {
	const char *fault, *words, *doing;
} parts[STEPS] = {
	[STEP_LOAD] = { "initialisation", "this module's initialisation (module_init)", "loading" },
	[STEP_CREATE] = { "constructor",
			  "this module's constructor (.ctr), or in the status that it reports",
			  "creating a device" },
	[STEP_HOLD] = { "target structure", "this module's target structure",
			"holding on to its module" },
	[STEP_IO] = { "map path", "this module's map path (.map, .end_io)", "I/O" },
	[STEP_REMOVE] = { "removal",
			  "this module's removal of a device (.dtr, .presuspend, .postsuspend)",
			  "removing the device" },
	[STEP_UNLOAD] = { "unloading", "this module's unloading (module_exit)", "unloading" },
	[STEP_RIP] = { "target structure", "this module's target structure",
		       "unloading it under a live table" },
};

static bool bad(const struct diagnose_result *result)
{
	return result->end >= END_WARNED;
}

enum diagnose_step diagnosis_fault(const struct diagnosis *diagnosis)
{
	size_t i;

	/* A target that nothing holds explains what comes after; the rest is in order. */
	for (i = 0; i < STEP_RIP && !bad(&diagnosis->step[i]); i++)
		;
	return i < STEP_RIP ? (enum diagnose_step)i : STEPS;
}

static const char *end_words(const struct diagnose_result *result)
{
	switch (result->end) {
	case END_WARNED:
		return "the kernel warns while";
	case END_FAILED:
		return "an error ends";
	case END_HUNG:
		return "the kernel hangs in";
	default:
		return "the kernel dies in";
	}
}

static bool says(const struct diagnose_result *result, const char *words)
{
	size_t i;

	if ((result->why && strstr(result->why, words)) ||
	    (result->report && strstr(result->report, words)))
		return true;
	for (i = 0; i < result->said.n; i++)
		if (strstr(result->said.item[i], words))
			return true;
	return false;
}

static const char *io_hint(const struct diagnose_result *result)
{
	if (says(result, "sends bios to itself"))
		return "the map function returns DM_MAPIO_REMAPPED without bio_set_dev(): the bio "
		       "still "
		       "points at the dm device itself, so it comes back to the same function "
		       "without an "
		       "end. Call bio_set_dev(bio, dev->bdev) before returning DM_MAPIO_REMAPPED";
	if (says(result, "blk_cgroup_bio_start") || says(result, "Out of memory"))
		return "this is how a map function that returns DM_MAPIO_REMAPPED without "
		       "bio_set_dev() "
		       "often ends: look there first";
	if (result->end == END_HUNG)
		return "a bio was taken and never completed: one for which .map returns "
		       "DM_MAPIO_SUBMITTED needs bio_endio() or a submission of its own, in every "
		       "branch";
	if (says(result, "sector(s) off"))
		return "look at how .map computes bi_sector; dm_target_offset() gives the offset "
		       "in the "
		       "target";
	if (says(result, "reads back"))
		return "data does not come back as it was written: look at bi_sector and at how "
		       "bios are "
		       "split in .map";
	return NULL;
}

static const char *hint(enum diagnose_step step, const struct diagnose_result *result)
{
	if (step == STEP_LOAD && says(result, "disagrees about version of symbol"))
		return "it was built with the headers of another kernel: build it with `blklab "
		       "build`";
	if (step == STEP_LOAD && says(result, "Unknown symbol"))
		return "it uses a symbol that this kernel does not export, or needs a module that "
		       "its "
		       "`depends` does not name";
	if (step == STEP_LOAD && says(result, "Unknown rela relocation"))
		return "it holds code that was not compiled for the kernel (-mcmodel=kernel, no "
		       "PIC)";
	if (step == STEP_CREATE && result->end == END_FAILED)
		return "if the table is not what this target wants, give one with --table";
	if (step == STEP_HOLD)
		return "`.module = THIS_MODULE` is missing from struct target_type: rmmod succeeds "
		       "under a "
		       "live table, and the next I/O runs code that is gone";
	if (step == STEP_IO)
		return io_hint(result);
	if (step == STEP_UNLOAD && says(result, "still registered"))
		return "module_exit must call dm_unregister_target()";
	if (step == STEP_UNLOAD && result->end == END_DIED)
		return "if the report is about memory that is not there: something of the module "
		       "is still "
		       "registered (dm_unregister_target()), queued or running when module_exit "
		       "returns";
	return NULL;
}

static const char *reason(const struct diagnose_result *result)
{
	return result->headline ? result->headline : result->why ? result->why : "";
}

static struct verdict blame_kernel(const struct diagnose_result *result, enum diagnose_step step)
{
	return (struct verdict){
		.fault = "kernel",
		.words = format("fault in the kernel, or in the headers that modules are built "
				"against: %s %s (%s), and the control module, which does next to "
				"nothing, fares no better at the same step",
				end_words(result), parts[step].doing, reason(result)),
	};
}

struct verdict diagnosis_judge(const struct diagnosis *diagnosis, const struct diagnosis *control)
{
	enum diagnose_step step = diagnosis_fault(diagnosis);
	const struct diagnose_result *result = &diagnosis->step[step];
	const char *more;

	if (step == STEPS && diagnosis->step[STEP_CREATE].end == END_NONE)
		return (struct verdict){
			.fault = "no target",
			.words = must_strdup(
				"no fault found in loading and unloading; it registers no "
				"device-mapper target, so that is all there was to try"),
		};
	if (step == STEPS)
		return (struct verdict){
			.fault = "none",
			.words = must_strdup(
				"no fault found: loading, a device, verified I/O, removal and "
				"unloading went well, and the kernel log is clean"),
		};
	if (control && bad(&control->step[step]))
		return blame_kernel(result, step);
	more = hint(step, result);
	return (struct verdict){
		.fault = parts[step].fault,
		.words = format("fault in %s: %s %s (%s)%s", parts[step].words, end_words(result),
				parts[step].doing, reason(result),
				control ? "; the control module, built for the same kernel, has no "
					  "trouble there"
					: ""),
		.hint = more ? must_strdup(more) : NULL,
	};
}

/*
 * Telling.
 */

static const char *const end_names[] = {
	[END_UNTRIED] = "not tried", [END_OK] = "ok",         [END_NONE] = "nothing to try",
	[END_WARNED] = "warned",     [END_FAILED] = "failed", [END_HUNG] = "hangs",
	[END_DIED] = "died",
};

static void indent(const char *text)
{
	const char *end;

	for (; *text; text = *end ? end + 1 : end) {
		end = text + strcspn(text, "\n");
		printf("           %.*s\n", (int)(end - text), text);
	}
}

static void step_tell(enum diagnose_step step, const struct diagnose_result *result)
{
	const char *more = result->headline ? result->headline : result->why;
	size_t i;

	printf("  %-8s %s%s%s\n", diagnose_step_names[step], end_names[result->end],
	       more && *more ? ": " : "", more ? more : "");
	for (i = 0; i < result->said.n; i++)
		indent(result->said.item[i]);
	if (result->report)
		indent(result->report);
}

void diagnosis_tell(const struct diagnosis *diagnosis, const char *name)
{
	size_t i;

	printf("%s\n", name);
	for (i = 0; i < STEPS; i++)
		if (i != STEP_RIP || diagnosis->step[i].end != END_UNTRIED)
			step_tell((enum diagnose_step)i, &diagnosis->step[i]);
	fflush(stdout);
}

static json_t *result_json(enum diagnose_step step, const struct diagnose_result *result)
{
	json_t *said = json_array();
	size_t i;

	for (i = 0; i < result->said.n; i++)
		json_array_append_new(said, json_string(result->said.item[i]));
	return json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:o}", "step", diagnose_step_names[step],
			 "result", end_names[result->end], "why", result->why, "headline",
			 result->headline, "report", result->report, "said", said);
}

json_t *diagnosis_json(const struct diagnosis *diagnosis)
{
	json_t *steps = json_array();
	size_t i;

	for (i = 0; i < STEPS; i++)
		if (i != STEP_RIP || diagnosis->step[i].end != END_UNTRIED)
			json_array_append_new(
				steps, result_json((enum diagnose_step)i, &diagnosis->step[i]));
	return json_pack("{s:s, s:o}", "module", diagnosis->module, "steps", steps);
}
