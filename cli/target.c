/* SPDX-License-Identifier: GPL-2.0-only */
#include "cli/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hosts/dmctl/dmctl.h"
#include "hosts/posix/mapped.h"

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

bool target_is_live(const char *name)
{
	bool mapped;
	char *found = target_is_served(name) ? strdup(name) : dmctl_find(name);

	if (!found)
		found = target_holder(name, &mapped);
	free(found);
	return found;
}

const char *target_host(const struct target *target)
{
	return target->served ? "nbd" : target->mapped ? "dm" : "none";
}

char *target_holder(const char *spec, bool *mapped)
{
	char *holder = dmctl_holder(spec);
	json_t *names;

	*mapped = holder;
	if (holder)
		return holder;
	names = control_list();

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
	bool mapped;
	char *holder = !dev && *code == EXIT_BUSY ? target_holder(spec, &mapped) : NULL;

	if (holder)
		*code = cli_fail(cli, EXIT_BUSY, "%s is %s %s; end that first (blkmend close %s)",
				 spec, mapped ? "open in the kernel, for" : "being served as",
				 holder, holder);
	else if (!dev)
		*code = cli_fail_text(cli, *code, error);
	if (holder)
		free(error);
	free(holder);
	return dev;
}

/*
 * Open the spare itself. If somebody has it, he is asked instead: *target says whom (nothing told
 * then). The kernel is looked for first, since it keeps nobody from reading.
 */
static struct device *open_spare(struct cli *cli, const char *spec, unsigned int flags, int *code,
				 struct target *target)
{
	struct device *dev = NULL;
	char *error = NULL, *holder;
	bool mapped;

	target->mapped = dmctl_holder(spec);
	if (target->mapped)
		return NULL;
	dev = device_open(spec, flags, &error, code);
	holder = !dev && *code == EXIT_BUSY ? target_holder(spec, &mapped) : NULL;
	if (holder)
		*(mapped ? &target->mapped : &target->served) = holder;
	if (holder)
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

	spare = open_spare(cli, spec, read_only | DEVICE_LOCK, &code, target);
	if (!spare)
		return target->served || target->mapped ? EXIT_OK : code;
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

static bool is_name(const char *name)
{
	return !strchr(name, '/') && !target_is_uri(name);
}

/* A device that is served, or in the kernel. EXIT_OK, or told; target stays empty if there is none.
 */
static int open_live(struct cli *cli, const char *name, struct target *target)
{
	json_t *answer = NULL;
	int err;

	errno = ENOENT;
	if (is_name(name))
		answer = served_status(name);
	err = errno;
	if (!answer && (target->mapped = dmctl_find(name)))
		return EXIT_OK;
	if (answer) {
		json_decref(answer);
		if (mapped_exists(name))
			cli_note("%s is served, and the kernel has one of that name too: this is "
				 "the served one (the other is /dev/mapper/%s)",
				 name, name);
		target->served = strdup(name);
		return target->served ? EXIT_OK : cli_fail_text(cli, EXIT_MEMORY, NULL);
	}
	if (err == EACCES || err == EPERM)
		return cli_fail(cli, EXIT_PERMISSION,
				"%s is served by another user; ask as that user, or as root", name);
	if (is_name(name) && errno == EACCES && mapped_exists(name))
		return cli_fail(cli, EXIT_PERMISSION,
				"%s is a device in the kernel, and only root may ask about it: use "
				"sudo",
				name);
	return EXIT_OK;
}

int target_open(struct cli *cli, const char *name, unsigned int need, struct target *target)
{
	int code;

	*target = (struct target){ 0 };
	code = open_live(cli, name, target);
	if (code != EXIT_OK || target->served || target->mapped)
		return code;
	if (need & TARGET_LIVE)
		return cli_fail(
			cli, EXIT_DEVICE,
			"nothing of the name %s is being served, or is in the kernel; blkmend list "
			"shows what is",
			name);
	if (is_name(name) && access(name, F_OK))
		return cli_fail(cli, EXIT_DEVICE,
				"%s is neither a served device or one in the kernel (blkmend list "
				"shows those) nor a spare's path",
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
	free(target->mapped);
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
	else if (target->mapped)
		answer = dmctl_call(target->mapped, request, progress, ctx);
	else
		answer = command_run(target->remap, request, progress, ctx);
	json_decref(request);
	if (!answer)
		return cli_fail(cli, EXIT_DEVICE,
				"%s does not answer any more (%m); blkmend list shows what is "
				"there",
				target->served   ? target->served
				: target->mapped ? target->mapped
						 : "the spare");
	code = cli_answer(cli, answer);
	if (code == EXIT_OK && result)
		*result = json_incref(json_object_get(answer, "result"));
	json_decref(answer);
	return code;
}
