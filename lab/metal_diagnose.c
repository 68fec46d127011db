// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is concluded from runs of metal images, built in one way or in several.
 */
#include "metal_diagnose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

#define LAST_WORDS 6 /* lines of the console */

/*
 * The compilers.
 */

/* What builds have in common that break, and those that don't. */
struct tally {
	size_t broken, sound;               /* runs */
	bool optimised_sound, plain_broken; /* some optimised one is sound; some -O0 is broken */
	const char *broken_by[2], *sound_by[2]; /* compilers, the first two of each */
	bool alike; /* all that break do so in the same layer, for the same reason */
};

static void name_add(const char *names[2], const char *name)
{
	if (!names[0] || !strcmp(names[0], name))
		names[0] = name;
	else if (!names[1])
		names[1] = name;
}

static struct tally tally_make(const struct metal_trials *trials,
			       const struct metal_finding *findings)
{
	const struct metal_finding *first = NULL;
	struct tally tally = { .alike = true };
	const struct metal_build *build;
	bool plain;
	size_t i;

	for (i = 0; i < trials->n; i++) {
		build = trials->trial[i].build;
		plain = !strcmp(build->level, "0");
		if (findings[i].reason == METAL_SOUND) {
			tally.sound++;
			name_add(tally.sound_by, build->compiler);
			tally.optimised_sound |= !plain;
			continue;
		}
		tally.broken++;
		name_add(tally.broken_by, build->compiler);
		tally.plain_broken |= plain;
		first = first ? first : &findings[i];
		if (findings[i].layer != first->layer || findings[i].reason != first->reason)
			tally.alike = false;
	}
	return tally;
}

/* "gcc-O2, gcc-Os"; to be freed. */
static char *broken_names(const struct metal_trials *trials, const struct metal_finding *findings)
{
	char *text = must_strdup(""), *more;
	const char *last = "", *name;
	size_t i;

	for (i = 0; i < trials->n; i++) {
		name = trials->trial[i].build->name;
		if (findings[i].reason == METAL_SOUND || !strcmp(name, last))
			continue;
		more = format("%s%s%s", text, *text ? ", " : "", name);
		free(text);
		text = more;
		last = name;
	}
	return text;
}

static struct metal_compilers_verdict convicted(const struct metal_trials *trials,
						const struct metal_finding *findings,
						const struct tally *tally)
{
	const char *by = tally->broken_by[0];
	char *names = broken_names(trials, findings);
	bool other = tally->sound_by[0] && (strcmp(tally->sound_by[0], by) || tally->sound_by[1]);
	struct metal_compilers_verdict verdict = { METAL_COMPILERS_CONVICTED, by, NULL };

	if (other)
		verdict.words = format(
			"%s is convicted: of one and the same source, what breaks is %s, and "
			"nothing that another compiler made. Compare what it made of the function "
			"where it breaks (objdump -d IMAGE.debug), and report it; before, make sure "
			"by the tests on the host under UBSan that the source is well defined",
			by, names);
	else
		verdict = (struct metal_compilers_verdict){
			METAL_COMPILERS_UNCLEAR, NULL,
			format("of what %s made, %s breaks and the rest does not: it, or code that "
			       "C does not define; --cc all asks another compiler",
			       by, names)
		};
	free(names);
	return verdict;
}

struct metal_compilers_verdict metal_judge_compilers(const struct metal_trials *trials,
						     const struct metal_finding *findings)
{
	struct metal_compilers_verdict verdict = { METAL_COMPILERS_UNTRIED, NULL, NULL };
	struct tally tally;
	char *names;

	if (trials->builds.n < 2) {
		verdict.words = must_strdup("one build says nothing about its compiler; --matrix "
					    "tries gcc and clang at -O0, -O2 and -Os");
		return verdict;
	}
	tally = tally_make(trials, findings);
	if (!tally.broken || (!tally.sound && tally.alike)) {
		verdict.verdict = METAL_COMPILERS_CLEARED;
		verdict.words = format("cleared: all %zu builds %s", trials->builds.n,
				       tally.broken ? "break alike, so the fault is not in what a "
						      "compiler made of the source"
						    : "pass");
		return verdict;
	}
	if (tally.sound && !tally.broken_by[1])
		return convicted(trials, findings, &tally);
	names = broken_names(trials, findings);
	if (tally.sound && !tally.optimised_sound && !tally.plain_broken) {
		verdict.verdict = METAL_COMPILERS_OPTIMISED;
		verdict.words = format(
			"cleared: what %s and %s optimised breaks (%s), and nothing else. Two "
			"compilers are seldom wrong alike: the source does what C does not define. "
			"Run the tests on the host under UBSan (./dev test)",
			tally.broken_by[0], tally.broken_by[1], names);
	} else {
		verdict.verdict = METAL_COMPILERS_UNCLEAR;
		verdict.words = format("unclear: %s break%s, with no compiler or level in common",
				       names, tally.alike ? " alike" : " in different ways");
	}
	free(names);
	return verdict;
}

/*
 * Telling.
 */

static const char *const compilers_names[] = {
	[METAL_COMPILERS_UNTRIED] = "untried",   [METAL_COMPILERS_CLEARED] = "cleared",
	[METAL_COMPILERS_OPTIMISED] = "cleared", [METAL_COMPILERS_CONVICTED] = "convicted",
	[METAL_COMPILERS_UNCLEAR] = "unclear",
};

static const char *layer_name(const struct metal_finding *finding)
{
	return finding->layer < METAL_LAYERS ? metal_layer_names[finding->layer] : "none";
}

static void layers_tell(const struct metal_console *console, const struct metal_finding *finding)
{
	size_t i;

	for (i = 0; i < METAL_LAYERS; i++)
		printf("  %-10s %s\n", metal_layer_names[i],
		       i == finding->layer          ? "broken"
		       : console->proved[i]         ? "proved"
		       : i > (size_t)finding->layer ? "not reached"
						    : "not tried");
}

static void trial_tell(const struct metal_trial *trial, const struct metal_finding *finding)
{
	const struct metal_console *console = &trial->run.console;
	char *tail;

	printf("%s on %s: %s, %u passed, %u failed, %u skipped\n", metal_trial_build(trial),
	       trial->machine, metal_end_name(trial->verdict.end), console->passed, console->failed,
	       console->skipped);
	layers_tell(console, finding);
	if (finding->reason == METAL_SOUND)
		return;
	if (!console->troubled) {
		tail = metal_console_tail(console, LAST_WORDS);
		printf("%s%s", *tail ? "  last words:\n" : "  it said nothing\n", tail);
		free(tail);
	}
	if (trial->verdict.report)
		printf("%s%s", console->troubled ? "" : "  where it stood:\n",
		       trial->verdict.report);
}

/* The first that is broken: the lowest layer of all. */
static size_t worst(const struct metal_trials *trials, const struct metal_finding *findings)
{
	size_t i, at = trials->n;

	for (i = 0; i < trials->n; i++)
		if (findings[i].reason != METAL_SOUND &&
		    (at == trials->n || findings[i].layer < findings[at].layer))
			at = i;
	return at;
}

/* An image that has less than all of it proves less. */
static char *no_fault(const struct metal_trials *trials)
{
	const struct metal_console *console = &trials->trial[0].run.console;
	char *text = must_strdup(""), *more;
	size_t i, n = 0;

	for (i = 0; i < METAL_LAYERS; i++) {
		if (!console->proved[i])
			continue;
		more = format("%s%s%s", text, n++ ? ", " : "", metal_layer_names[i]);
		free(text);
		text = more;
	}
	more = format("no fault found: %s %s proved, and every test that ran passed",
		      n == METAL_LAYERS ? "every layer" : text,
		      n == METAL_LAYERS || n == 1 ? "was" : "were");
	free(text);
	return more;
}

static char *conclusion(const struct metal_trials *trials, const struct metal_finding *finding)
{
	if (!finding)
		return no_fault(trials);
	if (finding->reason == METAL_REASON_LAB)
		return format("nothing can be said of the image: %s", finding->words);
	if (finding->layer == METAL_LAYERS)
		return format("no layer of the image is at fault (%s): %s",
			      metal_reason_name(finding->reason), finding->words);
	return format("the first layer to break is %s (%s): %s", layer_name(finding),
		      metal_reason_name(finding->reason), finding->words);
}

static void tell(const struct metal_trials *trials, const struct metal_finding *findings,
		 const struct metal_finding *found, const char *words,
		 const struct metal_compilers_verdict *compilers)
{
	size_t i;

	for (i = 0; i < trials->n; i++)
		trial_tell(&trials->trial[i], &findings[i]);
	printf("%s\n", words);
	if (found && found->hint)
		printf("hint: %s\n", found->hint);
	printf("compilers: %s\n", compilers->words);
}

static void tell_json(const struct metal_trials *trials, const struct metal_finding *findings,
		      const struct metal_finding *found, const char *words,
		      const struct metal_compilers_verdict *compilers)
{
	json_t *runs = json_array(), *one, *all;
	size_t i;

	for (i = 0; i < trials->n; i++) {
		one = metal_trial_json(&trials->trial[i], trials->kvm);
		json_object_set_new(one, "broken", json_string(layer_name(&findings[i])));
		json_object_set_new(one, "reason",
				    json_string(metal_reason_name(findings[i].reason)));
		json_array_append_new(runs, one);
	}
	all = json_pack("{s:o, s:s, s:s, s:o, s:s?, s:{s:s, s:s?, s:s}}", "runs", runs, "layer",
			found ? layer_name(found) : "none", "reason",
			metal_reason_name(found ? found->reason : METAL_SOUND), "conclusion",
			json_text(words, strlen(words)), "hint", found ? found->hint : NULL,
			"compilers", "verdict", compilers_names[compilers->verdict], "compiler",
			compilers->compiler, "words", compilers->words);
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}

int metal_diagnose(const struct metal_trials *trials, bool json)
{
	struct metal_finding *findings = must_calloc(trials->n, sizeof(*findings)), *found;
	struct metal_compilers_verdict compilers;
	char *words;
	size_t i, at;

	for (i = 0; i < trials->n; i++)
		findings[i] = metal_find(&trials->trial[i]);
	compilers = metal_judge_compilers(trials, findings);
	at = worst(trials, findings);
	found = at < trials->n ? &findings[at] : NULL;
	words = conclusion(trials, found);
	(json ? tell_json : tell)(trials, findings, found, words, &compilers);
	for (i = 0; i < trials->n; i++)
		metal_finding_free(&findings[i]);
	free(findings);
	free(words);
	free(compilers.words);
	return found ? found->reason == METAL_REASON_LAB ? LAB_NO_BOOT : LAB_FAILED : LAB_OK;
}
