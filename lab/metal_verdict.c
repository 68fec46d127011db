// SPDX-License-Identifier: GPL-2.0-only
/*
 * What became of a run of a metal image.
 */
#include "metal_verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hosts/metal/exit.h"

static const struct {
	const char *name;
	int exit;
} ends[] = {
	[METAL_PASSED] = { "passed", LAB_OK },
	[METAL_ALL_SKIPPED] = { "skipped", METAL_NOTHING },
	[METAL_FAILED] = { "failed", LAB_FAILED },
	[METAL_EXCEPTION] = { "exception", LAB_CRASH },
	[METAL_ASSUMPTION] = { "assumption", LAB_NO_BOOT },
	[METAL_CORRUPT] = { "heap-corrupt", LAB_CRASH },
	[METAL_UNKNOWN] = { "usage", LAB_USAGE },
	[METAL_HUNG] = { "hung", LAB_TIMEOUT },
	[METAL_TRIPLE_FAULT] = { "triple-fault", LAB_CRASH },
	[METAL_NO_QEMU] = { "no-qemu", LAB_NO_BOOT },
	[METAL_DIED] = { "died", LAB_NO_BOOT },
	[METAL_DOUBTED] = { "doubted", LAB_FAILED },
	[METAL_STOPPED] = { "stopped", 128 },
};

const char *metal_end_name(enum metal_end end)
{
	return ends[end].name;
}

static struct metal_verdict verdict(enum metal_end end, char *headline)
{
	return (struct metal_verdict){ end, ends[end].exit, headline, NULL };
}

/* " in NAME", of the function where the processor stood; to be freed. */
static char *in_function(uint64_t address, const char *image)
{
	struct metal_symbols *symbols = metal_symbols_open(image);
	char *name = metal_symbols_at(symbols, address), *text;

	text = name ? format(" in %.*s", (int)strcspn(name, "+ "), name) : must_strdup("");
	free(name);
	metal_symbols_close(symbols);
	return text;
}

/* ", after NAME had passed"; to be freed. */
static char *after(const struct metal_console *console)
{
	if (!console->tests)
		return must_strdup("");
	return format(", after test %s", console->test[console->tests - 1].name);
}

/* Names of the tests that failed, some of them. */
static char *failed_names(const struct metal_console *console)
{
	unsigned int named = 0, failed = 0;
	char *text = must_strdup(""), *more;
	size_t i;

	for (i = 0; i < console->tests; i++) {
		if (!console->test[i].why || console->test[i].skipped)
			continue;
		if (++failed > 5)
			continue;
		more = format("%s%s%s", text, named++ ? ", " : "", console->test[i].name);
		free(text);
		text = more;
	}
	if (failed <= 5)
		return text;
	more = format("%s and %u more", text, failed - 5);
	free(text);
	return more;
}

/*
 * The image ended by itself.
 */

static bool sums_agree(const struct metal_console *console)
{
	return console->summed && console->said[0] == console->passed &&
	       console->said[1] == console->failed && console->said[2] == console->skipped;
}

/* An exit code is one word; it has to agree with what was said before. */
static struct metal_verdict judge_passed(const struct metal_console *console)
{
	if (console->exception.taken)
		return verdict(METAL_DOUBTED,
			       must_strdup("the image ended as if all were well, but had told of "
					   "an exception"));
	if (!console->summed)
		return verdict(METAL_DOUBTED,
			       must_strdup("the image ended as if all were well, but did not say "
					   "how many tests passed"));
	if (!sums_agree(console) || console->failed)
		return verdict(METAL_DOUBTED,
			       format("the image says %u passed, %u failed, %u skipped, but told "
				      "of %u, %u and %u",
				      console->said[0], console->said[1], console->said[2],
				      console->passed, console->failed, console->skipped));
	if (console->passed)
		return verdict(METAL_PASSED, NULL);
	if (console->skipped)
		return verdict(METAL_ALL_SKIPPED,
			       format("nothing was tested: %s", console->test[0].why));
	return verdict(METAL_DOUBTED, must_strdup("no test ran"));
}

static struct metal_verdict judge_failed(const struct metal_console *console)
{
	struct metal_verdict result;
	char *names;

	if (console->found_broken)
		return verdict(METAL_FAILED,
			       format("layer %s is broken: %s", metal_layer_names[console->broken],
				      console->broken_why));
	names = failed_names(console);
	result = verdict(METAL_FAILED,
			 console->failed ? format("%u of %zu tests failed: %s", console->failed,
						  console->tests, names)
					 : must_strdup("the image says that a test failed, but not "
						       "which"));
	free(names);
	return result;
}

static struct metal_verdict judge_exception(const struct metal_console *console, const char *image)
{
	const struct metal_exception *exception = &console->exception;
	char *in, *since;
	struct metal_verdict result;

	if (!exception->taken)
		return verdict(METAL_EXCEPTION,
			       must_strdup("the image met an exception, and did not say which"));
	in = exception->knows_rip ? in_function(exception->rip, image) : must_strdup("");
	since = after(console);
	result = verdict(METAL_EXCEPTION, format("exception %u (%s)%s%s", exception->vector,
						 exception->name, in, since));
	free(in);
	free(since);
	return result;
}

static struct metal_verdict judge_corrupt(const struct metal_console *console)
{
	const char *what = console->corruption   ? console->corruption
			   : console->broken_why ? console->broken_why
						 : "the image does not say how";
	char *since = after(console);
	struct metal_verdict result =
		verdict(METAL_CORRUPT, format("the heap is corrupt: %s%s", what, since));

	free(since);
	return result;
}

static struct metal_verdict judge_unknown(const struct metal_console *console)
{
	size_t n = console->line.n;
	const char *why = n ? console->line.item[n - 1] : "it gives no reason";

	if (!strncmp(why, "metal: ", 7))
		why += 7;
	return verdict(METAL_UNKNOWN, format("the image refuses what it was asked for: %s", why));
}

/* QEMU refuses with 1, which no image can end with: exit.h begins at 0x10. */
static struct metal_verdict judge_died(const struct metal_run *run)
{
	const char *said = run->said && *run->said ? run->said : "it gives no reason\n";
	int length = (int)strlen(said) - (said[strlen(said) - 1] == '\n');

	if (run->status == 127 && !run->console.size)
		return verdict(METAL_NO_QEMU,
			       must_strdup("there is no qemu-system-x86_64; `./dev setup` installs "
					   "it (package qemu-system-x86)"));
	if (run->status == 1 && !run->console.size)
		return verdict(METAL_NO_QEMU, format("QEMU did not start: %.*s", length, said));
	if (run->status > 128)
		return verdict(METAL_DIED, format("QEMU was killed by signal %d (%s)",
						  run->status - 128, strsignal(run->status - 128)));
	return verdict(METAL_DIED,
		       format("QEMU ended with %d, which is none of the image's ways to end: %.*s",
			      run->status, length, said));
}

static struct metal_verdict judge_ended(const struct metal_run *run, const char *image)
{
	const struct metal_console *console = &run->console;

	switch (run->status) {
	case METAL_EXIT_STATUS(METAL_EXIT_PASSED):
		return judge_passed(console);
	case METAL_EXIT_STATUS(METAL_EXIT_FAILED):
		return judge_failed(console);
	case METAL_EXIT_STATUS(METAL_EXIT_EXCEPTION):
		return judge_exception(console, image);
	case METAL_EXIT_STATUS(METAL_EXIT_ASSUMPTION):
		return verdict(
			METAL_ASSUMPTION,
			format("the image can't run here: %s",
			       console->assumption ? console->assumption : "it gives no reason"));
	case METAL_EXIT_STATUS(METAL_EXIT_HEAP):
		return judge_corrupt(console);
	case METAL_EXIT_STATUS(METAL_EXIT_USAGE):
		return judge_unknown(console);
	}
	return judge_died(run);
}

/*
 * It did not.
 */

static struct metal_verdict judge_hung(const struct metal_run *run, const char *image)
{
	char *in = run->cpu.known ? in_function(run->cpu.rip, image) : must_strdup("");
	char *since = after(&run->console);
	struct metal_verdict result = verdict(
		METAL_HUNG, format("the image hung%s%s: the time limit is over after %.1f s", in,
				   since, run->seconds));

	free(in);
	free(since);
	return result;
}

static struct metal_verdict judge_still(const struct metal_run *run, const char *image)
{
	char *in = run->cpu.known ? in_function(run->cpu.rip, image) : must_strdup("");
	char *since = after(&run->console);
	struct metal_verdict result;

	if (!strcmp(run->state, "guest-reset"))
		result = verdict(METAL_TRIPLE_FAULT,
				 format("a triple fault%s%s: an exception came, and so did others "
					"while it was to be handled",
					in, since));
	else if (!strcmp(run->state, "guest-shutdown"))
		result = verdict(METAL_DIED, format("the image switched the machine off%s%s, which "
						    "is none of its ways to end",
						    in, since));
	else
		result = verdict(METAL_DIED, format("QEMU stopped the machine (%s)%s%s", run->state,
						    in, since));
	free(in);
	free(since);
	return result;
}

/*
 * "  at NAME+0xOFFSET", or a bare address where the image does not know it: where that is in the
 * source; to be freed. NULL: that is not known. Of what was called, the call is meant, and not what
 * comes after it.
 */
static char *frame_line(struct metal_symbols *symbols, const char *line, bool innermost)
{
	const char *at = strstr(line, " at ");
	size_t length = at ? strcspn(at + 4, "+, ") : 0;
	uint64_t address;
	char *name, *end;
	bool found;

	if (!length || strspn(line, " ") != (size_t)(at + 1 - line))
		return NULL;
	at += 4;
	address = strtoull(at, &end, 16);
	if (!strncmp(at, "0x", 2) && end == at + length)
		return metal_symbols_at(symbols, address - !innermost);
	name = format("%.*s", (int)length, at);
	found = at[length] == '+' && metal_symbols_find(symbols, name, &address);
	free(name);
	return found ? metal_symbols_line(symbols, address + strtoull(at + length + 1, NULL, 16) -
							   !innermost)
		     : NULL;
}

/* What was told of an exception or of the heap, decoded. */
static char *trouble_report(const struct metal_console *console, const char *image)
{
	struct metal_symbols *symbols = metal_symbols_open(image);
	bool innermost = true;
	size_t size = 0, i;
	char *text, *line;
	FILE *file = open_memstream(&text, &size);

	for (i = console->trouble; file && i < console->line.n; i++) {
		line = symbols ? frame_line(symbols, console->line.item[i], innermost) : NULL;
		innermost = innermost && !line;
		fprintf(file, "%s%s%s\n", console->line.item[i], line ? "  <- " : "",
			line ? line : "");
		free(line);
	}
	metal_symbols_close(symbols);
	if (!file || fclose(file))
		return NULL;
	return text;
}

struct metal_verdict metal_judge(const struct metal_run *run, const char *image)
{
	struct metal_verdict result;

	switch (run->halt) {
	case METAL_NOT_STARTED:
		result = verdict(METAL_NO_QEMU, must_strdup("it could not be started"));
		break;
	case METAL_TIMED_OUT:
		result = judge_hung(run, image);
		break;
	case METAL_STOOD_STILL:
		result = judge_still(run, image);
		break;
	case METAL_INTERRUPTED:
		return verdict(METAL_STOPPED, must_strdup("stopped"));
	default:
		result = judge_ended(run, image);
	}
	/* Success is none if not all of it was shown. */
	if (run->deaf && result.exit == LAB_OK)
		result.exit = LAB_FAILED;
	if (run->console.troubled)
		result.report = trouble_report(&run->console, image);
	else if (run->where)
		result.report = must_strdup(run->where);
	return result;
}

struct metal_verdict metal_judge_list(const struct metal_run *run, const char *image)
{
	if (run->halt == METAL_ENDED && run->status == METAL_EXIT_STATUS(METAL_EXIT_PASSED) &&
	    run->console.line.n)
		return verdict(METAL_PASSED, NULL);
	return metal_judge(run, image);
}

void metal_verdict_free(struct metal_verdict *verdict)
{
	free(verdict->headline);
	free(verdict->report);
	*verdict = (struct metal_verdict){ 0 };
}
