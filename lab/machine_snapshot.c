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

#include "accel.h"
#include "cache.h"
#include "machine_private.h"

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

/* Everything that a saved guest depends on is in the name: another one is never taken up. */
char *machine_snapshot_path(const struct machine *machine)
{
	const struct machine_options *options = machine->options;
	unsigned long sum = crc32(0, NULL, 0);
	char *ask[] = { (char *)"qemu-system-x86_64", (char *)"--version", NULL };
	char *version = NULL, *name = must_strdup(options->kernel), *at, *path;
	size_t i;

	for (at = name; *at; at++)
		if (*at == '/')
			*at = '_';
	if (process_run(ask, &version) == 0)
		sum = crc32(sum, (const unsigned char *)version, (unsigned int)strlen(version));
	sum = add_file(sum, machine->kernel.image);
	sum = add_file(sum, machine->initramfs);
	for (i = 0; i < options->append.n; i++)
		sum = crc32(sum, (const unsigned char *)options->append.item[i],
			    (unsigned int)strlen(options->append.item[i]));
	path = cache_path("snapshots/%s-%u-%uM%s-%08lx", name, options->smp, options->memory,
			  accel_kvm() ? "-kvm" : "", sum);
	free(version);
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

static int save(struct machine *machine, const char *path)
{
	struct qmp *qmp = machine->session.qmp;
	char *temporary = format("%s.new", path), *uri = format("exec:cat > '%s'", temporary);
	/* There is no other guest to be kind to: as fast as it goes. */
	json_t *fast = json_pack("{s:I}", "max-bandwidth", (json_int_t)1 << 40);
	int err;

	err = qmp_run(qmp, "stop", NULL, NULL);
	if (!err)
		err = qmp_run(qmp, "migrate-set-parameters", fast, NULL);
	else
		json_decref(fast);
	if (!err)
		err = qmp_run(qmp, "migrate", json_pack("{s:s}", "uri", uri), NULL);
	if (!err)
		err = migration_wait(machine);
	if (!err && rename(temporary, path))
		err = -errno;
	if (err) {
		complain("saving the guest in %s: %s", path, qmp_error(qmp));
		unlink(temporary);
	}
	free(temporary);
	free(uri);
	return err;
}

int machine_snapshot_make(struct machine *machine, const char *path)
{
	int err;

	machine->restoring = false;
	err = machine_start(machine);
	if (!err)
		err = session_hello(&machine->session);
	if (!err)
		err = save(machine, path);
	machine_stop(machine);
	return err;
}

/* A guest in that file that waits for orders becomes ours. */
static int restore(struct machine *machine, const char *path)
{
	struct qmp *qmp = machine->session.qmp;
	char *uri = format("exec:cat '%s'", path);
	size_t i;
	int err;

	err = qmp_run(qmp, "migrate-incoming", json_pack("{s:s}", "uri", uri), NULL);
	if (!err)
		err = migration_wait(machine);
	for (i = 0; i < machine->shares && !err; i++)
		err = share_plug(&machine->share[i], qmp);
	if (!err)
		err = disks_plug(&machine->options->disks, qmp);
	if (!err)
		err = qmp_run(qmp, "cont", NULL, NULL);
	free(uri);
	return err;
}

int machine_restore(struct machine *machine)
{
	struct session *session = &machine->session;
	char *path = machine_snapshot_path(machine);
	int lock = cache_lock("snapshots"), err = 0;

	if (access(path, R_OK)) {
		note("making a snapshot of %s, once", machine->options->kernel);
		err = machine_snapshot_make(machine, path);
	}
	if (lock >= 0)
		close(lock);
	machine->restoring = true;
	if (!err)
		err = machine_shares(machine);
	if (!err)
		err = machine_start(machine);
	if (!err)
		err = restore(machine, path);
	session->hello = !err;
	machine->result->boot = session_now() - session->started;
	/* One that can't be taken up is of no use to anybody. */
	if (err && err != -EINTR)
		unlink(path);
	free(path);
	return err;
}
