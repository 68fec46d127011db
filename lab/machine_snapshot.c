// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests that have booted already: QEMU's migration to a file and back. What can't be migrated,
 * the host's shares, and what differs from run to run, the disks, is plugged in afterwards.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "cache.h"
#include "machine_private.h"
#include "memory.h"
#include "quote.h"

#define LIMIT 60 /* seconds to write or read one */

/* Disks of any bus may be plugged in. */
void machine_snapshot_modules(struct strings *modules)
{
	static const char *const all[] = { "virtio_blk", "virtio_scsi", "sd_mod", "nvme" };
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(*all); i++)
		strings_add(modules, "%s", all[i]);
}

static unsigned long add_file(unsigned long sum, const char *path)
{
	struct stat st = { 0 };
	char *text;

	if (stat(path, &st))
		return sum;
	text = format("%s %lld %lld.%ld", path, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
		      st.st_mtim.tv_nsec);
	sum = crc32(sum, (const unsigned char *)text, (unsigned int)strlen(text));
	free(text);
	return sum;
}

/* Where a program of that name is, or the name. */
static char *program_path(const char *name)
{
	char *list = must_strdup(getenv("PATH") ? getenv("PATH") : "/usr/bin"), *rest = list;
	char *directory, *path;

	while ((directory = strsep(&rest, ":"))) {
		path = format("%s/%s", directory, name);
		if (!access(path, X_OK)) {
			free(list);
			return path;
		}
		free(path);
	}
	free(list);
	return must_strdup(name);
}

static unsigned long add_text(unsigned long sum, const char *text)
{
	return crc32(sum, (const unsigned char *)text, (unsigned int)strlen(text) + 1);
}

/* Everything that a saved guest depends on is in the name: another one is never taken up. */
static char *snapshot_path(const struct machine *machine)
{
	const struct machine_options *options = machine->options;
	unsigned long sum = crc32(0, NULL, 0);
	char *name = must_strdup(options->kernel), *qemu = program_path("qemu-system-x86_64"), *at,
	     *path;
	struct strings cpu = { 0 };
	size_t i;

	for (at = name; *at; at++)
		if (*at == '/')
			*at = '_';
	sum = add_file(sum, qemu);
	sum = add_file(sum, machine->kernel.image);
	sum = add_file(sum, machine->initramfs);
	for (i = 0; i < options->append.n; i++)
		sum = add_text(sum, options->append.item[i]);
	machine_cpu_arguments(machine, &cpu);
	for (i = 0; i < cpu.n; i++)
		sum = add_text(sum, cpu.item[i]);
	strings_free(&cpu);
	path = cache_path("snapshots/%s-%u-%uM-%08lx", name, options->smp, options->memory, sum);
	free(qemu);
	free(name);
	return path;
}

/* Wait for a migration, out or in, to end. */
static int migration_wait(struct machine *machine)
{
	double limit = session_now() + LIMIT;
	const char *status;
	json_t *answer;
	int err;

	do {
		err = qmp_run(machine->session.qmp, "query-migrate", NULL, &answer);
		if (err)
			return err;
		status = json_string_value(json_object_get(answer, "status"));
		err = -EINPROGRESS;
		if (status && !strcmp(status, "completed"))
			err = 0;
		else if (status && (!strcmp(status, "failed") || !strcmp(status, "cancelled")))
			err = -EIO;
		json_decref(answer);
		if (err == -EINPROGRESS)
			usleep(2000);
	} while (err == -EINPROGRESS && session_now() < limit);
	return err;
}

/* The memory is not part of the stream: it is in a file of ours anyway. */
static int leave_memory_out(struct qmp *qmp)
{
	return qmp_run(qmp, "migrate-set-capabilities",
		       json_pack("{s:[{s:s, s:b}]}", "capabilities", "capability",
				 "x-ignore-shared", "state", 1),
		       NULL);
}

static int save_state(struct machine *machine, const char *path)
{
	struct qmp *qmp = machine->session.qmp;
	char *place = quote_shell(path), *uri = format("exec:cat > %s", place);
	int err;

	err = qmp_run(qmp, "stop", NULL, NULL);
	if (!err)
		err = leave_memory_out(qmp);
	if (!err)
		err = qmp_run(qmp, "migrate", json_pack("{s:s}", "uri", uri), NULL);
	if (!err)
		err = migration_wait(machine);
	if (err)
		complain("saving the guest in %s: %s", path, qmp_error(qmp));
	free(uri);
	free(place);
	return err;
}

/* The memory first: where there is a state, there is the memory that belongs to it. */
static int save(struct machine *machine, const char *path)
{
	char *state = format("%s.new", path), *memory = format("%s.memory", path);
	char *memory_new = format("%s.new", memory);
	int err = save_state(machine, state);

	machine_stop(machine);
	if (!err) {
		err = memory_save(machine->memory, memory_new);
		if (!err && (rename(memory_new, memory) || rename(state, path)))
			err = -errno;
		if (err)
			complain("saving the guest in %s: %s", path, strerror(-err));
	}
	if (err)
		unlink(state);
	free(state);
	free(memory);
	free(memory_new);
	return err;
}

static int memory_new(struct machine *machine)
{
	if (machine->memory >= 0)
		close(machine->memory);
	machine->memory = memory_make(machine->options->memory);
	if (machine->memory < 0)
		complain("no memory for a guest: %s", strerror(-machine->memory));
	return machine->memory < 0 ? machine->memory : 0;
}

static int snapshot_make(struct machine *machine, const char *path)
{
	int err = memory_new(machine);

	machine->restoring = false;
	if (!err)
		err = machine_start(machine);
	if (!err)
		err = session_hello(&machine->session);
	if (!err)
		return save(machine, path);
	machine_stop(machine);
	return err;
}

/* A guest in those files that waits for orders becomes ours. */
static int take_up(struct machine *machine, const char *path)
{
	struct qmp *qmp = machine->session.qmp;
	char *place = quote_shell(path), *uri = format("exec:cat %s", place);
	int err;

	err = leave_memory_out(qmp);
	if (!err)
		err = qmp_run(qmp, "migrate-incoming", json_pack("{s:s}", "uri", uri), NULL);
	if (!err)
		err = migration_wait(machine);
	free(uri);
	free(place);
	return err;
}

static int plug(struct machine *machine)
{
	struct qmp *qmp = machine->session.qmp;
	size_t i;
	int err = 0;

	for (i = 0; i < machine->shares && !err; i++)
		err = share_plug(&machine->share[i], qmp);
	if (!err)
		err = disks_plug(&machine->options->disks, qmp);
	return err ? err : qmp_run(qmp, "cont", NULL, NULL);
}

static int memory_take(struct machine *machine, const char *path)
{
	char *memory = format("%s.memory", path);
	int err = memory_new(machine);

	if (!err)
		err = memory_load(machine->memory, memory);
	if (err)
		complain("%s: %s", memory, strerror(-err));
	free(memory);
	return err;
}

int machine_restore(struct machine *machine)
{
	struct session *session = &machine->session;
	char *path = snapshot_path(machine);
	int lock = cache_lock("snapshots"), err = 0;

	if (access(path, R_OK)) {
		note("making a snapshot of %s, once", machine->options->kernel);
		err = snapshot_make(machine, path);
	}
	machine->restoring = true;
	if (!err)
		err = machine_shares(machine);
	if (!err)
		err = memory_take(machine, path);
	if (!err)
		err = machine_start(machine);
	if (!err) {
		err = take_up(machine, path);
		/* One that can't be taken up is of no use to anybody. */
		if (err)
			unlink(path);
	}
	if (lock >= 0)
		close(lock);
	if (!err)
		err = plug(machine);
	session->hello = !err;
	machine->result->boot = session_now() - session->started;
	free(path);
	return err;
}
