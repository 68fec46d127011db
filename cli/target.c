/* SPDX-License-Identifier: GPL-2.0-only */
#include "cli/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool target_is_uri(const char *spec)
{
	return !strncmp(spec, "nbd:", 4) || !strncmp(spec, "nbds:", 5) ||
	       !strncmp(spec, "nbd+", 4) || !strncmp(spec, "nbds+", 5);
}

static bool same_place(const char *a, const char *b)
{
	struct stat x, y;

	if (!strcmp(a, b))
		return true;
	if (target_is_uri(a) || target_is_uri(b) || stat(a, &x) || stat(b, &y))
		return false;
	if (S_ISBLK(x.st_mode) && S_ISBLK(y.st_mode))
		return x.st_rdev == y.st_rdev;
	return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* The status of a served device, or NULL with errno. */
static json_t *served_status(const char *name)
{
	json_t *request = json_pack("{s:s}", "verb", "status");
	json_t *answer = control_call(name, request, NULL, NULL);

	json_decref(request);
	return answer;
}

bool target_is_served(const char *name)
{
	json_t *answer = NULL;

	if (!strchr(name, '/') && !target_is_uri(name))
		answer = served_status(name);
	json_decref(answer);
	return answer;
}

char *target_holder(const char *spec)
{
	json_t *names = control_list();
	char *holder = NULL;

	for (size_t i = 0; !holder && i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));
		json_t *answer = name ? served_status(name) : NULL;
		const json_t *status = json_object_get(answer, "result");
		const char *main = get_text(status, "main_device");
		const char *spare = get_text(status, "spare_device");

		if ((*spare && same_place(spare, spec)) || (*main && same_place(main, spec)))
			holder = strdup(name);
		json_decref(answer);
	}
	json_decref(names);
	return holder;
}

struct device *target_device(struct cli *cli, const char *spec, unsigned int flags, int *code)
{
	char *error = NULL;
	struct device *dev = device_open(spec, flags, &error, code);
	char *holder = !dev && *code == EXIT_BUSY ? target_holder(spec) : NULL;

	if (holder)
		*code = cli_fail(cli, EXIT_BUSY,
				 "%s is being served as %s; end that first (blkmend close %s)",
				 spec, holder, holder);
	else if (!dev)
		*code = cli_fail_text(cli, *code, error);
	if (holder)
		free(error);
	free(holder);
	return dev;
}

/* Open the spare itself. *holder: the server that has it, malloc'ed (nothing told then). */
static struct device *open_spare(struct cli *cli, const char *spec, unsigned int flags, int *code,
				 char **holder)
{
	char *error = NULL;
	struct device *dev = device_open(spec, flags, &error, code);

	*holder = !dev && *code == EXIT_BUSY ? target_holder(spec) : NULL;
	if (*holder)
		free(error);
	else if (!dev)
		*code = cli_fail_text(cli, *code, error);
	return dev;
}

static int open_closed(struct cli *cli, const char *spec, unsigned int need, struct target *target)
{
	unsigned int read_only = need & TARGET_WRITES ? 0 : DEVICE_READ_ONLY;
	struct remap_options options = { .flags = (need & TARGET_WRITES ? 0 : BM_READ_ONLY) |
						  (need & TARGET_FOREIGN ? BM_ACCEPT_FOREIGN : 0) };
	struct device *main = NULL, *spare;
	char *error = NULL;
	int code = 0;

	spare = open_spare(cli, spec, read_only | DEVICE_LOCK, &code, &target->served);
	if (!spare)
		return target->served ? EXIT_OK : code;
	if (need & TARGET_MAIN && !cli->main) {
		device_close(spare);
		return cli_fail(cli, EXIT_USAGE,
				"%s is not being served, so its main disk must be named too: "
				"--main DEV",
				spec);
	}
	if (cli->main) {
		main = target_device(
			cli, cli->main,
			DEVICE_LOCK | (need & TARGET_WRITES_MAIN ? 0 : DEVICE_READ_ONLY), &code);
		if (!main) {
			device_close(spare);
			return code;
		}
	}
	options.name = spec;
	target->remap = remap_open(main, spare, &options, &error, &code);
	return target->remap ? EXIT_OK : cli_fail_text(cli, code, error);
}

int target_open(struct cli *cli, const char *name, unsigned int need, struct target *target)
{
	json_t *answer = NULL;

	*target = (struct target){ 0 };
	errno = ENOENT;
	if (!strchr(name, '/') && !target_is_uri(name))
		answer = served_status(name);
	if (answer) {
		json_decref(answer);
		target->served = strdup(name);
		return target->served ? EXIT_OK : cli_fail_text(cli, EXIT_MEMORY, NULL);
	}
	if (errno == EACCES || errno == EPERM)
		return cli_fail(cli, EXIT_PERMISSION,
				"%s is served by another user; ask as that user, or as root", name);
	if (need & TARGET_SERVED)
		return cli_fail(
			cli, EXIT_DEVICE,
			"nothing of the name %s is being served; blkmend list shows what is", name);
	if (!strchr(name, '/') && !target_is_uri(name) && access(name, F_OK))
		return cli_fail(cli, EXIT_DEVICE,
				"%s is neither a served device (blkmend list shows those) nor a "
				"spare's path",
				name);
	return open_closed(cli, name, need, target);
}

void target_close(struct target *target)
{
	if (target->remap) {
		command_stop(target->remap);
		remap_close(target->remap);
	}
	free(target->served);
	*target = (struct target){ 0 };
}

int target_ask(struct cli *cli, struct target *target, json_t *request, command_progress *progress,
	       void *ctx, json_t **result)
{
	json_t *answer;
	int code;

	errno = 0;
	if (target->served)
		answer = control_call(target->served, request, progress, ctx);
	else
		answer = command_run(target->remap, request, progress, ctx);
	json_decref(request);
	if (!answer)
		return cli_fail(cli, EXIT_DEVICE,
				"%s does not answer any more (%m); blkmend list shows what is "
				"being served",
				target->served ? target->served : "the spare");
	code = cli_answer(cli, answer);
	if (code == EXIT_OK && result)
		*result = json_incref(json_object_get(answer, "result"));
	json_decref(answer);
	return code;
}
