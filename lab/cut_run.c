// SPDX-License-Identifier: GPL-2.0-only
/*
 * A command that tests disks after power cuts, in a guest for each.
 */
#include "cut.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"
#include "machine.h"
#include "quote.h"

static volatile sig_atomic_t stopped; /* the signal that did */

static void stop(int signal)
{
	stopped = signal;
}

/* While a guest runs, signals are the machine's. */
static void stop_catch(void)
{
	struct sigaction action = { .sa_handler = stop };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

struct runs {
	const struct cut_options *options;
	const struct writelog *log;
	const struct writelog_cut *cut; /* the one that is tried */
	size_t n, tried, survived;
	const char *image;
	json_t *failed;
};

static void words_append(struct strings *words, const struct strings *more, size_t from)
{
	size_t i;

	for (i = from; i < more->n; i++)
		strings_add(words, "%s", more->item[i]);
}

/* What makes that cut once more, and the same run. */
static char *again(const struct runs *runs)
{
	static const char *const modes[] = { [CUT_REORDER] = "--reorder", [CUT_TEAR] = "--tear" };
	struct strings words = { 0 };
	char *line = must_strdup("blklab cut"), *longer, *word;
	size_t i;

	strings_add(&words, "%s", runs->options->log);
	words_append(&words, &runs->options->again, 0);
	strings_add(&words, "--at");
	strings_add(&words, "%zu", runs->cut->point);
	if (runs->cut->mode != CUT_PREFIX) {
		strings_add(&words, "%s", modes[runs->cut->mode]);
		strings_add(&words, "%llu", (unsigned long long)runs->cut->seed);
	}
	words_append(&words, &runs->options->guest, 1);
	for (i = 0; i < words.n; i++) {
		word = quote_shell(words.item[i]);
		longer = format("%s %s", line, word);
		free(line);
		free(word);
		line = longer;
	}
	strings_free(&words);
	return line;
}

static char *reason_make(const struct machine_result *result)
{
	if (result->verdict == MACHINE_ENDED)
		return format("the command ended with status %d", result->status);
	if (result->headline)
		return must_strdup(result->headline);
	return format("blklab run would exit with %d", result->exit);
}

static void failed_tell(struct runs *runs, const struct machine_result *result)
{
	char *reason = reason_make(result), *line = again(runs);

	runs->failed = json_pack(
		"{s:I, s:I, s:s, s:I, s:i, s:s, s:s}", "at", (json_int_t)runs->cut->point,
		"unflushed", (json_int_t)writelog_unflushed(runs->log, runs->cut->point), "mode",
		runs->cut->mode == CUT_TEAR      ? "tear"
		: runs->cut->mode == CUT_REORDER ? "reorder"
						 : "prefix",
		"seed", (json_int_t)runs->cut->seed, "exit", result->exit, "reason", reason,
		"again", line);
	if (result->output && !runs->options->json)
		fputs(result->output, stdout);
	fflush(stdout);
	if (result->error && !runs->options->json)
		fputs(result->error, stderr);
	if (result->report)
		fprintf(stderr, "%s\n", result->report);
	complain("cut at entry %zu of %zu, %zu writes after the last flush: %s", runs->cut->point,
		 runs->log->n, writelog_unflushed(runs->log, runs->cut->point), reason);
	note("once more: %s", line);
	free(reason);
	free(line);
}

/* The exit status that ends all, or LAB_OK. */
static int judge(struct runs *runs, const struct machine_result *result)
{
	if (result->exit == LAB_OK) {
		runs->tried++;
		runs->survived++;
		return LAB_OK;
	}
	if (result->verdict == MACHINE_STOPPED)
		return result->exit;
	/* That is the lab's trouble, and says nothing of the disk. */
	if (result->exit == LAB_NO_BOOT && result->verdict != MACHINE_ENDED) {
		if (!result->told)
			complain("%s", result->headline ? result->headline
							: "the guest could not be started");
		return LAB_NO_BOOT;
	}
	runs->tried++;
	failed_tell(runs, result);
	return LAB_FAILED;
}

/* What the words for the guest say. -errno, told. */
static int guest_options(const struct runs *runs, struct machine_options *machine)
{
	const struct strings *words = &runs->options->guest;
	char *spec = format("name=cut,file=%s,bs=%u", runs->image, runs->options->block);
	bool json = false;
	int at, err;

	machine_defaults(machine);
	at = machine_parse(machine, (int)words->n, words->item, &json);
	err = at < 0 ? at : 0;
	if (!err && (at == (int)words->n || strcmp(words->item[at - 1], "--"))) {
		complain("cut: a command comes after --, as in `-- e2fsck -fn /dev/lab/cut`");
		err = -1;
	}
	if (!err)
		err = disks_add(&machine->disks, spec);
	free(spec);
	machine->argv = words->item + (at < 0 ? 0 : at);
	machine->in = -1;
	machine->quiet = true;
	machine->capture = runs->n > 1 || runs->options->json;
	return err;
}

static int try_one(struct runs *runs)
{
	struct machine_options machine;
	struct machine_result result;
	int status;

	if (cut_image(runs->options, runs->log, runs->cut, runs->image))
		return LAB_FAILED;
	if (stopped)
		return 128 + stopped;
	if (guest_options(runs, &machine)) {
		machine_options_free(&machine);
		return LAB_USAGE;
	}
	machine_run(&machine, &result);
	status = judge(runs, &result);
	machine_result_free(&result);
	machine_options_free(&machine);
	return stopped ? 128 + stopped : status;
}

static void runs_tell(const struct runs *runs)
{
	json_t *all;

	if (!runs->options->json) {
		printf("cuts: %zu, tried: %zu, survived: %zu\n", runs->n, runs->tried,
		       runs->survived);
		return;
	}
	all = json_pack("{s:s, s:I, s:I, s:I, s:I, s:O}", "log", runs->options->log, "entries",
			(json_int_t)runs->log->n, "cuts", (json_int_t)runs->n, "tried",
			(json_int_t)runs->tried, "survived", (json_int_t)runs->survived, "failed",
			runs->failed ? runs->failed : json_null());

	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}

int cut_run(const struct cut_options *options, const struct writelog *log,
	    const struct writelog_cut *cut, size_t n)
{
	struct runs runs = { options, log, cut, n };
	char *directory = runtime_make("cut"), *image;
	int status = LAB_OK;

	if (!directory)
		return LAB_FAILED;
	stop_catch();
	image = options->to ? must_strdup(options->to) : format("%s/cut.image", directory);
	runs.image = image;
	for (; runs.cut < cut + n && status == LAB_OK; runs.cut++) {
		progress("cut %zu of %zu, at entry %zu", runs.tried + 1, n, runs.cut->point);
		status = try_one(&runs);
	}
	progress("%s", "");
	if (status != LAB_USAGE)
		runs_tell(&runs);
	json_decref(runs.failed);
	runtime_remove(directory);
	free(image);
	return status;
}
