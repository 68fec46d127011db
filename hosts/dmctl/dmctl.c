/* SPDX-License-Identifier: GPL-2.0-only */
/* Which devices there are, and what is asked of them. */
#include "hosts/dmctl/dmctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hosts/dmctl/mapper.h"
#include "hosts/posix/command_verbs.h"

static bool list_one(void *ctx, const char *name)
{
	if (mapper_is_ours(name))
		json_array_append_new(ctx, command_text(name));
	return false;
}

json_t *dmctl_list(void)
{
	json_t *names = json_array();

	if (!mapper_available())
		mapper_each(list_one, names);
	return names;
}

char *dmctl_find(const char *name)
{
	char *found = NULL;
	struct stat st;
	int err = mapper_available();

	errno = ENOENT;
	if (err) {
		errno = err == -EACCES ? EACCES : ENOENT;
		return NULL;
	}
	if (!strchr(name, '/'))
		found = strdup(name);
	else if (!stat(name, &st) && S_ISBLK(st.st_mode))
		found = mapper_name(st.st_rdev);
	if (found && !mapper_is_ours(found)) {
		free(found);
		found = NULL;
	}
	if (!found)
		errno = ENOENT;
	return found;
}

struct search {
	dev_t rdev;
	char *name;
};

static bool search_one(void *ctx, const char *name)
{
	struct search *search = ctx;

	if (mapper_uses(name, search->rdev) && mapper_is_ours(name))
		search->name = strdup(name);
	return search->name;
}

char *dmctl_holder(const char *path)
{
	struct search search = { 0 };
	struct stat st;

	if (stat(path, &st) || !S_ISBLK(st.st_mode) || mapper_available())
		return NULL;
	search.rdev = st.st_rdev;
	mapper_each(search_one, &search);
	return search.name;
}

struct device {
	const char *name;
};

static int send_to_kernel(void *ctx, const char *message, char **answer)
{
	const struct device *device = ctx;

	return mapper_message(device->name, message, answer);
}

json_t *dmctl_call(const char *name, json_t *request, command_progress *progress, void *ctx)
{
	struct device device = { name };

	return dmctl_ask(name, send_to_kernel, &device, request, progress, ctx);
}
