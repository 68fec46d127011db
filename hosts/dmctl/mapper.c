/* SPDX-License-Identifier: GPL-2.0-only */
#include "hosts/dmctl/mapper.h"

#include <errno.h>
#include <fcntl.h>
#include <libdevmapper.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* The words for people are ours. */
static void be_silent(int level, const char *file, int line, int errno_or_class, const char *format,
		      ...)
{
}

static struct dm_task *task_create(int type)
{
	dm_log_with_errno_init(be_silent);
	return dm_task_create(type);
}

/* Run a task that was prepared (or not, for want of memory); 0 or a negative errno. */
static int task_run(struct dm_task *task, bool prepared)
{
	int err = -ENOMEM;

	if (prepared) {
		errno = 0;
		err = 0;
		if (!dm_task_run(task)) {
			err = -dm_task_get_errno(task);
			err = err ? err : errno ? -errno : -EIO;
		}
	}
	return err;
}

static struct dm_task *task_for(int type, const char *name)
{
	struct dm_task *task = task_create(type);

	if (task && !dm_task_set_name(task, name)) {
		dm_task_destroy(task);
		return NULL;
	}
	return task;
}

static void task_free(struct dm_task *task)
{
	if (task)
		dm_task_destroy(task);
}

/* Looking at /dev/mapper/control could load the module, if there is one: not for a mere question.
 */
static bool in_kernel(void)
{
	FILE *file = fopen("/proc/misc", "re");
	char name[64];
	bool found = false;

	while (file && !found && fscanf(file, "%*u %63s", name) == 1)
		found = !strcmp(name, "device-mapper");
	if (file)
		fclose(file);
	return found;
}

int mapper_available(void)
{
	int fd, err;

	if (!in_kernel())
		return -ENODEV;
	fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		close(fd);
		return 0;
	}
	err = errno;
	/* Its node is made by libdevmapper where nobody else does. */
	if (err == EACCES || err == EPERM || geteuid())
		return -EACCES;
	return err == ENOENT ? 0 : -ENODEV;
}

int mapper_info(const char *name, struct mapper_info *info)
{
	struct dm_task *task = task_for(DM_DEVICE_INFO, name);
	struct dm_info dm;
	int err = task_run(task, task);

	if (!err && !dm_task_get_info(task, &dm))
		err = -EIO;
	if (!err && !dm.exists)
		err = -ENXIO;
	if (!err)
		*info = (struct mapper_info){
			.rdev = makedev(dm.major, dm.minor),
			.open_count = dm.open_count,
			.suspended = dm.suspended,
			.read_only = dm.read_only,
		};
	task_free(task);
	return err;
}

bool mapper_is_ours(const char *name)
{
	struct dm_task *task = task_for(DM_DEVICE_TABLE, name);
	char *type = NULL, *parameters;
	uint64_t start, length;
	bool ours = false;

	if (!task_run(task, task)) {
		dm_get_next_target(task, NULL, &start, &length, &type, &parameters);
		ours = type && !strcmp(type, MAPPER_TARGET);
	}
	task_free(task);
	return ours;
}

char *mapper_name(dev_t rdev)
{
	struct dm_task *task = task_create(DM_DEVICE_INFO);
	char *name = NULL;
	struct dm_info dm;

	if (!task_run(task, task && dm_task_set_major(task, (int)major(rdev)) &&
				    dm_task_set_minor(task, (int)minor(rdev))) &&
	    dm_task_get_info(task, &dm) && dm.exists)
		name = strdup(dm_task_get_name(task));
	task_free(task);
	return name;
}

int mapper_each(bool (*fn)(void *ctx, const char *name), void *ctx)
{
	struct dm_task *task = task_create(DM_DEVICE_LIST);
	const struct dm_names *names;
	int err = task_run(task, task);

	names = err ? NULL : dm_task_get_names(task);
	while (names && names->dev && !fn(ctx, names->name) && names->next)
		names = (const void *)((const char *)names + names->next);
	task_free(task);
	return err;
}

bool mapper_uses(const char *name, dev_t rdev)
{
	struct dm_task *task = task_for(DM_DEVICE_DEPS, name);
	const struct dm_deps *deps = task_run(task, task) ? NULL : dm_task_get_deps(task);
	bool uses = false;

	for (uint32_t i = 0; deps && i < deps->count; i++)
		uses |= deps->device[i] == rdev;
	task_free(task);
	return uses;
}

int mapper_message(const char *name, const char *message, char **answer)
{
	struct dm_task *task = task_for(DM_DEVICE_TARGET_MSG, name);
	int err = task_run(task, task && dm_task_set_sector(task, 0) &&
					 dm_task_set_message(task, message));
	const char *text = err ? NULL : dm_task_get_message_response(task);

	*answer = err ? NULL : strdup(text ? text : "");
	task_free(task);
	return err ? err : *answer ? 0 : -ENOMEM;
}

bool mapper_has_target(void)
{
	struct dm_task *task = task_create(DM_DEVICE_LIST_VERSIONS);
	const struct dm_versions *v = task_run(task, task) ? NULL : dm_task_get_versions(task);
	bool found = false;

	for (; v; v = v->next ? (const void *)((const char *)v + v->next) : NULL)
		found |= !strcmp(v->name, MAPPER_TARGET);
	task_free(task);
	return found;
}

/*
 * Run it, and wait for udev, or do what udev would do where there is none. The flags are what
 * libdevmapper tells udev and itself.
 */
static int task_settle(struct dm_task *task, bool prepared, uint16_t flags)
{
	uint32_t cookie = 0;
	int err = -ENOMEM;

	if (prepared && dm_task_set_cookie(task, &cookie, flags)) {
		err = task_run(task, true);
		dm_udev_wait(cookie);
	}
	task_free(task);
	return err;
}

int mapper_create(const char *name, const char *uuid, uint64_t sectors, const char *parameters,
		  bool read_only)
{
	struct mapper_info info;
	struct dm_task *task;

	if (!mapper_info(name, &info))
		return -EEXIST;
	task = task_for(DM_DEVICE_CREATE, name);
	return task_settle(task,
			   task && dm_task_set_uuid(task, uuid) &&
				   (!read_only || dm_task_set_ro(task)) &&
				   dm_task_add_target(task, 0, sectors, MAPPER_TARGET, parameters),
			   0);
}

int mapper_remove(const char *name, bool deferred)
{
	struct dm_task *task = task_for(DM_DEVICE_REMOVE, name);

	/* As long as it is there its node is to stay: udev takes that away in the end. */
	if (deferred)
		return task_settle(task, task && dm_task_deferred_remove(task),
				   DM_UDEV_DISABLE_LIBRARY_FALLBACK);
	return task_settle(task, task && dm_task_retry_remove(task), 0);
}
