/* SPDX-License-Identifier: GPL-2.0-only */
/* Disks of the lab in a QEMU that is paused: its own requests reach them as a guest's would. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "lab/disk.h"
#include "lab/writelog.h"

static struct disks disks;
static struct qmp *qmp;
static char directory[64];
static int pid, said; /* QEMU, and what it said */

static void start(bool plug, const char *const spec[])
{
	struct strings arguments = { 0 };
	int sockets[2];

	strcpy(directory, "/tmp/test_lab_disk.XXXXXX");
	assert_non_null(mkdtemp(directory));
	for (; *spec; spec++) {
		char *whole = format(*spec, directory);

		assert_int_equal(disks_add(&disks, whole), 0);
		free(whole);
	}
	assert_int_equal(disks_prepare(&disks, directory), 0);
	strings_add(&arguments, "qemu-system-x86_64");
	strings_add(&arguments, "-S");
	strings_add(&arguments, "-nodefaults");
	strings_add(&arguments, "-display");
	strings_add(&arguments, "none");
	strings_add(&arguments, "-chardev");
	strings_add(&arguments, "socket,id=qmp,fd=0");
	strings_add(&arguments, "-mon");
	strings_add(&arguments, "qmp,mode=control");
	if (!plug)
		disks_arguments(&disks, &arguments);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	said = memfd_create("said", MFD_CLOEXEC);
	pid = process_start(arguments.item, (int[]){ sockets[1], said, said });
	close(sockets[1]);
	strings_free(&arguments);
	qmp = qmp_open(sockets[0]);
	assert_non_null(qmp);
	if (plug)
		assert_int_equal(disks_plug(&disks, qmp), 0);
}

static int teardown(void **state)
{
	if (qmp)
		qmp_run(qmp, "quit", NULL, NULL);
	qmp_close(qmp);
	qmp = NULL;
	if (pid > 0)
		waitpid(pid, NULL, 0);
	close(said);
	disks_free(&disks);
	return remove_tree(directory);
}

/* Does a request of the device, in the words of qemu-io, succeed? */
static bool works(const char *name, const char *request)
{
	const struct disk *disk = disks.disk;
	char *line, *output, text[512] = { 0 };
	off_t before = lseek(said, 0, SEEK_END);

	for (; strcmp(disk->name, name); disk++)
		;
	/* The one has its device inside of another. */
	line = format("qemu-io -d /machine/peripheral/device-%s%s \"%s\"", name,
		      disk->bus == DISK_VIRTIO ? "/virtio-backend" : "", request);
	output = qmp_human(qmp, line);
	assert_string_equal(output, "");
	free(output);
	assert_true(pread(said, text, sizeof(text) - 1, before) >= 0);
	if (!strstr(text, "failed") && !strstr(text, "bytes at offset") && strcmp(request, "flush"))
		fail_msg("%s: '%s'", line, text);
	free(line);
	return !strstr(text, "failed");
}

static void request(const char *line)
{
	char *answer = disks_request(&disks, qmp, line);

	assert_string_equal(answer, "ok\n");
	free(answer);
}

/* Sector 1000 begins at byte 512000. */
static void bad_sectors_fail_alone(const char *name)
{
	assert_true(works(name, "read 511488 512"));
	assert_false(works(name, "read 512000 512"));
	assert_false(works(name, "read 515584 512"));
	assert_true(works(name, "read 516096 512"));
	assert_false(works(name, "read 511488 4096"));
	assert_false(works(name, "read 0 1M"));
	assert_true(works(name, "write 511488 512"));
	assert_false(works(name, "write 512000 512"));
	assert_false(works(name, "write 515584 1024"));
	assert_false(works(name, "write -z 515584 1024"));
	assert_true(works(name, "write 516096 4096"));
	assert_true(works(name, "write -z 516096 4096"));
	assert_true(works(name, "flush"));
	assert_true(works(name, "discard 512000 1M"));
}

static const char *const three[] = { "size=8M,name=v,bad=1000-1007",
				     "size=8M,name=s,bad=1000-1007,bus=scsi",
				     "size=8M,name=n,bad=1000-1007,bus=nvme", NULL };

static void bad_sectors_fail_and_their_neighbours_do_not(void **state)
{
	start(false, three);
	bad_sectors_fail_alone("v");
	bad_sectors_fail_alone("s");
	bad_sectors_fail_alone("n");
}

static void plugged_disks_are_as_those_from_the_start(void **state)
{
	start(true, three);
	bad_sectors_fail_alone("v");
	bad_sectors_fail_alone("s");
	bad_sectors_fail_alone("n");
}

static void reads_and_writes_fail_apart(void **state)
{
	start(false, (const char *const[]){ "size=8M,name=s,bad=8:r,bad=16:w,bus=scsi", NULL });
	assert_true(works("s", "write 4096 512"));
	assert_false(works("s", "read 4096 512"));
	assert_false(works("s", "write 8192 512"));
	assert_true(works("s", "read 8192 512"));
}

/* Each chain has something else below or above what is changed. */
static void faults_change_while_it_runs(void **state)
{
	static const char *const names[] = { "plain", "slow", "logged", "large" };
	char *line;
	size_t i, n;

	start(false, (const char *const[]){
			     "size=8M,name=plain,bus=scsi", "size=8M,name=slow,slow=100M,bus=scsi",
			     "size=8M,name=logged,log=%s/log,slow=10000iops,bus=scsi",
			     "size=8M,name=large,bs=4096,bus=scsi", NULL });
	for (i = 0; i < 4; i++) {
		for (n = 0; n < 3; n++) {
			assert_true(works(names[i], "read 8192 4096"));
			line = format("fault %s add 16-17:r 20", names[i]);
			request(line);
			free(line);
			assert_false(works(names[i], "read 8192 4096"));
			assert_true(works(names[i], "read 12288 4096"));
			line = format("fault %s remove 16-18 20", names[i]);
			request(line);
			free(line);
		}
		line = format("fault %s add 0-16383", names[i]);
		request(line);
		free(line);
		assert_false(works(names[i], "read 4M 4096"));
		assert_true(works(names[i], "flush"));
		line = format("fault %s clear", names[i]);
		request(line);
		free(line);
		assert_true(works(names[i], "write 4M 4096"));
	}
}

static void ten_thousand_bad_sectors_are_no_trouble(void **state)
{
	char *line = strdup("fault s add"), *longer;
	unsigned int i;

	start(false, (const char *const[]){ "size=64M,name=s,bus=scsi", NULL });
	for (i = 0; i < 10000; i++) {
		assert_true(asprintf(&longer, "%s %u", line, 3 * i) > 0);
		free(line);
		line = longer;
	}
	request(line);
	free(line);
	assert_false(works("s", "read 15358464 512")); /* 29997 */
	assert_true(works("s", "read 15358976 512"));
	assert_true(works("s", "write 15358976 512"));
	assert_false(works("s", "write 0 512"));
}

static void the_log_has_what_reached_the_medium_and_no_more(void **state)
{
	struct writelog log;
	char *path;

	start(false, (const char *const[]){ "size=8M,name=s,bus=scsi,bad=100,log=%s/log", NULL });
	assert_true(works("s", "write 4096 1024"));
	assert_false(works("s", "write 51200 512"));
	assert_true(works("s", "flush"));
	assert_true(works("s", "write -z 8192 4096"));
	assert_true(works("s", "discard 1M 1M"));
	path = format("%s/log", directory);
	assert_int_equal(writelog_open(&log, path), 0);
	assert_int_equal(log.n, 4);
	assert_int_equal(log.entry[0].offset, 4096);
	assert_int_equal(log.entry[0].size, 1024);
	assert_int_equal(log.entry[1].flags, WRITELOG_FLUSH);
	assert_int_equal(log.entry[2].size, 4096);
	assert_int_equal(log.entry[3].flags, WRITELOG_DISCARD);
	assert_int_equal(writelog_unflushed(&log, 4), 2);
	writelog_close(&log);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(bad_sectors_fail_and_their_neighbours_do_not, teardown),
		cmocka_unit_test_teardown(plugged_disks_are_as_those_from_the_start, teardown),
		cmocka_unit_test_teardown(reads_and_writes_fail_apart, teardown),
		cmocka_unit_test_teardown(faults_change_while_it_runs, teardown),
		cmocka_unit_test_teardown(ten_thousand_bad_sectors_are_no_trouble, teardown),
		cmocka_unit_test_teardown(the_log_has_what_reached_the_medium_and_no_more,
					  teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
