// SPDX-License-Identifier: GPL-2.0-only
/* lab/deb.c on packages that are made up. Each test is a promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab/deb.h"
#include "lab/lab.h"

static char directory[] = "/tmp/test_lab_deb.XXXXXX";

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(directory));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return remove_tree(directory);
}

static char *below(const char *name)
{
	return format("%s/%s", directory, name);
}

static void archive_add(struct archive *archive, const char *name, const void *data, size_t size)
{
	struct archive_entry *entry = archive_entry_new();

	archive_entry_set_pathname(entry, name);
	archive_entry_set_mode(entry, S_IFREG | 0644);
	archive_entry_set_size(entry, (la_int64_t)size);
	assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
	assert_int_equal(archive_write_data(archive, data, size), size);
	archive_entry_free(entry);
}

static char *make_deb(void)
{
	struct archive *tar = archive_write_new(), *ar = archive_write_new();
	char *path = below("made-up.deb"), *data = must_calloc(1, 1 << 20);
	size_t size = 0;

	archive_write_set_format_pax_restricted(tar);
	archive_write_add_filter_xz(tar);
	assert_int_equal(archive_write_open_memory(tar, data, 1 << 20, &size), ARCHIVE_OK);
	archive_add(tar, "./boot/config-1", "CONFIG_A=y\n", 11);
	archive_add(tar, "./usr/share/doc/x", "words\n", 6);
	assert_int_equal(archive_write_free(tar), ARCHIVE_OK);
	archive_write_set_format_ar_svr4(ar);
	assert_int_equal(archive_write_open_filename(ar, path), ARCHIVE_OK);
	archive_add(ar, "debian-binary", "2.0\n", 4);
	archive_add(ar, "data.tar.xz", data, size);
	assert_int_equal(archive_write_free(ar), ARCHIVE_OK);
	free(data);
	return path;
}

static char *only_boot(const char *path, void *context)
{
	return strncmp(path, "boot/", 5) ? NULL : format("%s/%s", (char *)context, path + 5);
}

static void package_gives_what_is_wanted_of_it(void **state)
{
	char *deb = make_deb(), *to = below("deb"), *path, *text;

	(void)state;
	assert_int_equal(deb_unpack(deb, only_boot, to), 0);
	path = format("%s/config-1", to);
	text = file_read(path, NULL);
	assert_non_null(text);
	assert_string_equal(text, "CONFIG_A=y\n");
	free(text);
	free(path);
	path = format("%s/usr", to);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(deb_unpack_all(deb, to), 0);
	assert_int_equal(access(path, F_OK), 0);
	free(path);
	free(to);
	free(deb);
}

static void damaged_package_is_an_error(void **state)
{
	char *deb = make_deb(), *to = below("deb2"), *data;
	size_t size;

	(void)state;
	data = file_read(deb, &size);
	assert_int_equal(file_write(deb, data, size - 60), 0);
	assert_int_equal(deb_unpack_all(deb, to), -EIO);
	assert_int_equal(file_write(deb, "<html>404</html>", 16), 0);
	assert_int_equal(deb_unpack_all(deb, to), -EIO);
	free(data);
	free(to);
	free(deb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(package_gives_what_is_wanted_of_it),
		cmocka_unit_test(damaged_package_is_an_error),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
