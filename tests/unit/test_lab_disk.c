/* SPDX-License-Identifier: GPL-2.0-only */
/* Disks of the lab: what people may write of one, and where it fails. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "lab/disk.h"
#include "lab/disk_fault.h"

static struct disks disks;

/* What was said on stderr while `spec` was added. */
static char *add(const char *spec, int expected)
{
	int said = memfd_create("said", MFD_CLOEXEC), kept = dup(STDERR_FILENO), err;
	char *text = calloc(1, 2048);

	dup2(said, STDERR_FILENO);
	err = disks_add(&disks, spec);
	fflush(stderr);
	dup2(kept, STDERR_FILENO);
	assert_true(pread(said, text, 2047, 0) >= 0);
	close(said);
	close(kept);
	if (err != expected)
		fail_msg("'%s' gives %d: %s", spec, err, text);
	return text;
}

static void accept(const char *spec)
{
	char *text = add(spec, 0);

	assert_string_equal(text, "");
	free(text);
}

static void refuse(const char *spec, const char *phrase)
{
	size_t n = disks.n;
	char *text = add(spec, -EINVAL);

	if (!strstr(text, phrase))
		fail_msg("'%s' says '%s', not '%s'", spec, text, phrase);
	assert_int_equal(disks.n, n);
	free(text);
}

static int teardown(void **state)
{
	disks_free(&disks);
	return 0;
}

static void every_part_of_a_disk_is_understood(void **state)
{
	struct disk *disk;

	accept("size=64M,name=main,bad=1000-1007:r,bad=5,slow=10M,log=/x/log,serial=S-1,bs=4096,"
	       "bus=scsi,file=/x/image");
	accept("file=here,ro,name=other,bus=nvme");
	disk = disks_find(&disks, "main");
	assert_non_null(disk);
	assert_int_equal(disk->size, 64 << 20);
	assert_string_equal(disk->serial, "S-1");
	assert_string_equal(disk->log, "/x/log");
	assert_string_equal(disk->slow, "10M");
	assert_string_equal(disk->file, "/x/image");
	assert_int_equal(disk->block_size, 4096);
	assert_int_equal(disk->bus, DISK_SCSI);
	assert_false(disk->read_only);
	assert_int_equal(disk->faults, 2);
	assert_int_equal(disk->fault[0].first, 5);
	assert_int_equal(disk->fault[0].last, 5);
	assert_true(disk->fault[0].read && disk->fault[0].write);
	assert_int_equal(disk->fault[1].last, 1007);
	assert_true(disk->fault[1].read && !disk->fault[1].write);
	disk = disks_find(&disks, "other");
	assert_true(disk->read_only);
	assert_int_equal(disk->file[0], '/');
	assert_int_equal(disk->block_size, 512);
	assert_null(disks_find(&disks, "third"));
}

static void a_disk_without_a_name_has_one_and_a_serial(void **state)
{
	accept("size=1M");
	accept("size=1M,name=a");
	accept("size=1M,name=aa");
	assert_string_equal(disks.disk[0].name, "disk0");
	assert_int_equal(strlen(disks.disk[1].serial), 20);
	assert_null(strstr(disks.disk[2].serial, disks.disk[1].serial));
}

static void a_typo_is_named_and_what_is_right_is_said(void **state)
{
	refuse("", "there is no ''");
	refuse("siz=64M", "there is no 'siz'; what there is: size=");
	refuse("64M", "there is no '64M'");
	refuse("size=64M,", "there is no ''");
	refuse("size", "'size' lacks its value");
	refuse("size=", "'size' lacks its value");
	refuse("size=64X", "size '64X' should be");
	refuse("size=0", "size '0' should be");
	refuse("size=-1", "size '-1' should be");
	refuse("size=1M,size=2M", "'size' is given twice");
	refuse("size=1M,ro=yes", "'ro' takes no value");
	refuse("size=1M,name=a b", "name 'a b' should be");
	refuse("size=1M,name=aaaaaaaaaaaaaaaaaaaaa", "should be 1 to 20");
	refuse("size=1M,serial=a b", "serial 'a b' should be");
	refuse("size=1M,bs=1024", "bs '1024' should be 512 or 4096");
	refuse("size=1M,bus=ide", "bus 'ide' should be virtio, scsi or nvme");
	refuse("size=1M,slow=fast", "slow 'fast' should be");
	refuse("size=1M,slow=0", "slow '0' should be");
	refuse("size=1M,bad=x", "bad 'x' should be sectors");
	refuse("size=1M,bad=1-", "bad '1-' should be sectors");
	refuse("size=1M,bad=1:", "bad '1:' should be sectors");
	refuse("size=1M,bad=1:x", "bad '1:x' should be sectors");
	refuse("size=1M,bad=-1", "bad '-1' should be sectors");
	refuse("size=1M,bad=99999999999999999999", "should be sectors");
	refuse("size=1M,bad=9-3", "bad '9-3' ends before it begins");
}

static void what_makes_no_sense_together_is_refused(void **state)
{
	refuse("name=a", "how large?");
	refuse("size=513", "no multiple of 512");
	refuse("size=512,bs=4096", "no multiple of 4096");
	refuse("size=1M,bad=2048",
	       "sector 2048 is beyond the end of disk 'disk0', whose last one is 2047");
	refuse("size=1G,bad=0-70000", "bad blocks");
	refuse("size=1M,ro,log=l", "log= records writes");
	refuse("size=1M,bus=nvme,log=l", "FUA");
	accept("size=1M,name=a,file=/x/f,log=/x/l,serial=abc");
	refuse("size=1M,name=a", "another disk is called 'a'");
	refuse("size=1M,name=b,serial=xabc", "can't be told from disk 'a'");
	refuse("size=1M,name=b,file=/x/f", "disk 'a' has the file /x/f already");
	refuse("size=1M,name=b,log=/x/l", "disk 'a' has the log /x/l already");
}

static void a_whole_disk_may_be_bad_however_large(void **state)
{
	accept("size=4G,bad=0-8388607");
	assert_true(disk_fault_everywhere(disks.disk, true));
	accept("size=4G,name=x,bad=0-8388607:r,bad=100-199:w");
	assert_true(disk_fault_everywhere(&disks.disk[1], false));
	assert_false(disk_fault_everywhere(&disks.disk[1], true));
}

static void change(bool adding, const char *text)
{
	struct disk_fault fault;
	char *error;

	assert_int_equal(disk_fault_parse(text, &fault, &error), 0);
	if (adding)
		disk_fault_add(disks.disk, &fault);
	else
		disk_fault_remove(disks.disk, &fault);
}

static void expect_faults(const char *expected)
{
	char *answer = disks_request(&disks, NULL, "fault a list");

	assert_string_equal(answer, expected);
	free(answer);
}

static void faults_merge_and_split(void **state)
{
	accept("size=1M,name=a");
	expect_faults("ok\n");
	change(true, "10-19");
	change(true, "20-29");
	expect_faults("ok\n10-29:rw\n");
	change(true, "5-12:r");
	expect_faults("ok\n5-9:r\n10-29:rw\n");
	change(false, "15-16:w");
	expect_faults("ok\n5-9:r\n10-14:rw\n15-16:r\n17-29:rw\n");
	change(true, "0-40:w");
	expect_faults("ok\n0-4:w\n5-29:rw\n30-40:w\n");
	change(false, "6");
	expect_faults("ok\n0-4:w\n5-5:rw\n7-29:rw\n30-40:w\n");
	change(false, "0-2047");
	expect_faults("ok\n");
}

/* The same changes to an array of sectors. */
static void faults_are_those_of_a_plain_array(void **state)
{
	bool read[64] = { 0 }, write[64] = { 0 }, adding;
	const struct disk_fault *fault;
	struct disk_fault one;
	unsigned int i, n;

	accept("size=1M,name=a");
	srand(1);
	for (n = 0; n < 20000; n++) {
		one.first = (unsigned int)rand() % 64;
		one.last = one.first + (unsigned int)rand() % (64 - (unsigned int)one.first) % 9;
		one.read = rand() & 1;
		one.write = !one.read || rand() & 1;
		adding = rand() & 1;
		for (i = (unsigned int)one.first; i <= one.last; i++) {
			read[i] = one.read ? adding : read[i];
			write[i] = one.write ? adding : write[i];
		}
		if (adding)
			disk_fault_add(disks.disk, &one);
		else
			disk_fault_remove(disks.disk, &one);
		for (i = 0, fault = disks.disk->fault; i < 64; i++) {
			while (fault < disks.disk->fault + disks.disk->faults && fault->last < i)
				fault++;
			bool in =
				fault < disks.disk->fault + disks.disk->faults && fault->first <= i;

			assert_int_equal(in && fault->read, read[i]);
			assert_int_equal(in && fault->write, write[i]);
		}
		for (i = 1; i < disks.disk->faults; i++) {
			fault = &disks.disk->fault[i];
			assert_true(fault[-1].last < fault->first);
			assert_true(fault[-1].last + 1 < fault->first ||
				    fault[-1].read != fault->read ||
				    fault[-1].write != fault->write);
		}
	}
}

static void ask(const char *request, const char *phrase)
{
	char *answer = disks_request(&disks, NULL, request);

	if (!strstr(answer, phrase) || strncmp(answer, "error: ", 7))
		fail_msg("'%s' answers '%s', not '%s'", request, answer, phrase);
	assert_int_equal(answer[strlen(answer) - 1], '\n');
	free(answer);
}

static void a_request_that_makes_no_sense_changes_nothing(void **state)
{
	accept("size=1M,name=a,bad=7");
	accept("size=1M,name=b");
	ask("", "a request is: fault NAME");
	ask("fault", "a request is: fault NAME");
	ask("fault a", "a request is: fault NAME");
	ask("frob a list", "a request is: fault NAME");
	ask("fault c list", "there is no disk 'c'; what there is: a, b");
	ask("fault a frob", "there is no 'frob'");
	ask("fault a add", "add what?");
	ask("fault a add 1-2 x", "'x' should be sectors");
	ask("fault a add 8 2048", "sector 2048 is beyond the end");
	ask("fault a remove 7 9-8", "ends before it begins");
	expect_faults("ok\n7-7:rw\n");
}

static void a_long_list_comes_in_parts_that_lack_nothing(void **state)
{
	char *answer, *at, *request = strdup("fault a list");
	unsigned int i, n = 0, parts = 0, first, last;
	struct disk_fault one = { .read = true };

	accept("size=64M,name=a");
	for (i = 0; i < 20000; i++) {
		one.first = one.last = 3 * i;
		disk_fault_add(disks.disk, &one);
	}
	while (request) {
		answer = disks_request(&disks, NULL, request);
		assert_true(strlen(answer) < 65000);
		free(request);
		request = NULL;
		parts++;
		for (at = strchr(answer, '\n') + 1; *at; at = strchr(at, '\n') + 1) {
			if (sscanf(at, "more %u", &first) == 1) {
				assert_true(asprintf(&request, "fault a list %u", first) > 0);
				continue;
			}
			assert_int_equal(sscanf(at, "%u-%u:r", &first, &last), 2);
			assert_int_equal(first, 3 * n++);
		}
		free(answer);
	}
	assert_int_equal(n, 20000);
	assert_true(parts > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(every_part_of_a_disk_is_understood, teardown),
		cmocka_unit_test_teardown(a_disk_without_a_name_has_one_and_a_serial, teardown),
		cmocka_unit_test_teardown(a_typo_is_named_and_what_is_right_is_said, teardown),
		cmocka_unit_test_teardown(what_makes_no_sense_together_is_refused, teardown),
		cmocka_unit_test_teardown(a_whole_disk_may_be_bad_however_large, teardown),
		cmocka_unit_test_teardown(faults_merge_and_split, teardown),
		cmocka_unit_test_teardown(faults_are_those_of_a_plain_array, teardown),
		cmocka_unit_test_teardown(a_request_that_makes_no_sense_changes_nothing, teardown),
		cmocka_unit_test_teardown(a_long_list_comes_in_parts_that_lack_nothing, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
