/* SPDX-License-Identifier: GPL-2.0-only */
/* scrub: the work is done where the device is open; here it is started, followed and told about. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/number.h"
#include "cli/target.h"

typedef unsigned long long ull;

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
	interrupted = 1;
}

static void catch_interrupt(void)
{
	struct sigaction action = { .sa_handler = on_interrupt };

	sigaction(SIGINT, &action, NULL);
}

static bool tell_or_stop(void *ctx, json_t *progress)
{
	return progress_tell(ctx, progress) && !interrupted;
}

static json_t *request_for(struct cli *cli, const char *action, uint64_t rate)
{
	json_t *request = json_pack("{s:s, s:s}", "verb", "scrub", "action", action);

	if (cli->rate)
		json_object_set_new(request, "rate", json_integer((json_int_t)rate));
	return request;
}

/* Look every now and then until it is over, or the user has seen enough. */
static int follow(struct cli *cli, struct target *target, json_t **state)
{
	const struct timespec nap = { .tv_nsec = 250000000 };
	struct progress progress;
	int code = EXIT_OK;

	catch_interrupt();
	progress_begin(&progress, cli, "scrub");
	while (code == EXIT_OK && !interrupted) {
		json_decref(*state);
		*state = NULL;
		code = target_ask(cli, target, request_for(cli, "status", 0), NULL, NULL, state);
		if (code != EXIT_OK)
			break;
		progress_tell(&progress, *state);
		if (strcmp(get_text(*state, "state"), "running"))
			break;
		nanosleep(&nap, NULL);
	}
	progress_end(&progress);
	if (interrupted)
		cli_note("the scrub goes on in the %s; blkmend scrub %s stop ends it",
			 target->mapped ? "kernel" : "server", cli->operands[0]);
	return code;
}

static void print_state(struct cli *cli, const json_t *s)
{
	ull at = get_number(s, "position"), total = get_number(s, "total");
	const char *state = get_text(s, "state");
	long long pending = (long long)get_number(s, "new_pending");
	long long mapped = (long long)get_number(s, "new_mapped");

	if (cli->json || cli->progress_json) {
		json_dumpf(s, stdout, cli->json ? JSON_INDENT(2) : JSON_COMPACT);
		putchar('\n');
		return;
	}
	printf("scrub of %s: %s", cli->operands[0], state);
	if (!strcmp(state, "idle")) {
		putchar('\n');
		return;
	}
	printf(", %llu of %llu sectors read (%llu %%)\n", at, total,
	       total ? at * 100 / total : 100);
	if (pending > 0)
		printf("  %lld sectors more can't be read; blkmend export %s --unreadable lists "
		       "them\n",
		       pending, cli->operands[0]);
	if (pending < 0)
		printf("  %lld sectors could be read again\n", -pending);
	if (mapped > 0)
		printf("  %lld sectors more live on the spare\n", mapped);
	if (*get_text(s, "error"))
		printf("  it ended early: %s\n", get_text(s, "error"));
}

static int run(struct cli *cli, struct target *target, uint64_t rate, json_t **state)
{
	struct progress progress;
	int code;

	catch_interrupt();
	progress_begin(&progress, cli, "scrub");
	code = target_ask(cli, target, request_for(cli, "run", rate), tell_or_stop, &progress,
			  state);
	progress_end(&progress);
	return code;
}

static int act(struct cli *cli, struct target *target, const char *action, uint64_t rate,
	       json_t **state)
{
	bool watched = cli->progress_json || (isatty(STDERR_FILENO) && !cli->json);
	int code;

	if (target->remap && !strcmp(action, "start"))
		return run(cli, target, rate, state);
	if (target->remap && strcmp(action, "status"))
		return cli_fail(cli, EXIT_USAGE, "%s is not being served, so no scrub is under way",
				cli->operands[0]);
	code = target_ask(cli, target, request_for(cli, action, rate), NULL, NULL, state);
	if (code == EXIT_OK && !strcmp(action, "start") && watched && !cli->detach)
		code = follow(cli, target, state);
	return code;
}

int verb_scrub(struct cli *cli)
{
	const char *action = cli->operands[1];
	bool start = !strcmp(action, "start");
	struct target target;
	json_t *state = NULL;
	uint64_t rate = 0;
	int code;

	if (!start && strcmp(action, "pause") && strcmp(action, "stop") && strcmp(action, "status"))
		return cli_fail(cli, EXIT_USAGE,
				"a scrub can be told start, pause, stop or status, not '%s'",
				action);
	if (cli->rate && number_size(cli->rate, &rate))
		return cli_fail(cli, EXIT_USAGE,
				"--rate '%s' is no size; write 50M, or 0 for no "
				"limit",
				cli->rate);
	code = target_open(cli, cli->operands[0], start ? TARGET_WRITES | TARGET_MAIN : 0, &target);
	if (code == EXIT_OK)
		code = act(cli, &target, action, rate, &state);
	target_close(&target);
	if (code == EXIT_OK && state)
		print_state(cli, state);
	json_decref(state);
	return code;
}
