/* SPDX-License-Identifier: GPL-2.0-only */
/* close: ask a server to end, and wait until it has; or have the kernel remove a device. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "cli/target.h"
#include "hosts/dmctl/dmctl.h"

#define CLOSE_SECONDS 60
#define FORCE_SECONDS 3  /* for requests that are under way */
#define NAPS          50 /* a second */

/* A process that has ended but has not been waited for is gone all the same. */
static bool running(pid_t pid)
{
	char path[64], state = 0;
	FILE *file;

	if (kill(pid, 0) && errno == ESRCH)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return errno != ENOENT;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(file);
	return state != 'Z' && state != 'X';
}

static int close_served(struct cli *cli, struct target *target)
{
	const struct timespec nap = { .tv_nsec = 1000000000 / NAPS };
	json_t *status = NULL;
	pid_t pid;
	int code =
		target_ask(cli, target, json_pack("{s:s}", "verb", "status"), NULL, NULL, &status);

	pid = (pid_t)get_number(status, "pid");
	json_decref(status);
	if (code == EXIT_OK)
		code = target_ask(cli, target,
				  json_pack("{s:s, s:b}", "verb", "close", "force", cli->force),
				  NULL, NULL, NULL);
	for (int i = 0; code == EXIT_OK && pid > 0 && running(pid); i++) {
		/* nbdkit waits for clients to leave. What it has acknowledged survives this. */
		if (cli->force && i == FORCE_SECONDS * NAPS)
			kill(pid, SIGKILL);
		if (i == CLOSE_SECONDS * NAPS)
			code = cli_fail(cli, EXIT_BUSY,
					"%s has been told to end, but is still there after %d s "
					"(pid %d); do clients still hold it?",
					target->served, CLOSE_SECONDS, (int)pid);
		nanosleep(&nap, NULL);
	}
	return code;
}

static int close_mapped(struct cli *cli, struct target *target, bool *gone)
{
	char *error = NULL;
	int code = EXIT_OK;

	if (!dmctl_close(target->mapped, cli->deferred, gone, &error, &code))
		return cli_fail_text(cli, code, error);
	if (!*gone && !cli->json)
		printf("%s will be closed when its last user has gone.\n", target->mapped);
	return EXIT_OK;
}

static void tell(const char *what, const char *name)
{
	json_t *json = json_pack("{s:o}", what, cli_text(name));

	cli_json(json);
	json_decref(json);
}

int verb_close(struct cli *cli)
{
	const char *name = cli->operands[0];
	struct target target;
	bool gone = true;
	int code = target_open(cli, name, TARGET_LIVE, &target);

	if (code == EXIT_OK && target.served && cli->deferred)
		code = cli_fail(cli, EXIT_USAGE,
				"--deferred is for devices in the kernel, and %s is served over "
				"NBD; leave it out",
				name);
	else if (code == EXIT_OK && target.mapped && cli->force)
		code = cli_fail(cli, EXIT_USAGE,
				"--force is for what is served over NBD, and %s is in the kernel, "
				"which lets nothing go that is in use; see --deferred",
				name);
	else if (code == EXIT_OK && target.served)
		code = close_served(cli, &target);
	else if (code == EXIT_OK)
		code = close_mapped(cli, &target, &gone);
	if (code == EXIT_OK && cli->json)
		tell(gone ? "closed" : "deferred", target.served ? target.served : target.mapped);
	target_close(&target);
	return code;
}
