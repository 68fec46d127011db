// SPDX-License-Identifier: GPL-2.0-only
/*
 * blklab kernels: which there are, and which of them are here.
 */
#include <dirent.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"
#include "kernel.h"
#include "lab.h"
#include "size.h"
#include "stock.h"

/* One of our own; `place` is its directory in the cache, and is freed. */
static void row_add(json_t *rows, const char *name, char *place, const char *image)
{
	char *file = format("%s/%s", place, image), *release;
	bool there = !access(file, R_OK);
	size_t n;

	free(file);
	file = format("%s/release", place);
	release = there ? file_read(file, &n) : NULL;
	if (release)
		release[strcspn(release, "\n")] = 0;
	json_array_append_new(rows, json_pack("{s:s s:b s:s? s:I s:s?}", "name", name, "here",
					      there, "release", release, "bytes",
					      (json_int_t)(there ? size_tree(place) : 0), "path",
					      there ? place : NULL));
	free(release);
	free(file);
	free(place);
}

static int is_debug(const struct dirent *entry)
{
	return !strncmp(entry->d_name, "debug", 5);
}

static json_t *rows_make(void)
{
	char *debug = format("%s/debug", cache_dir()), *image;
	static const char *const umls[] = { "uml", "uml-plain", NULL };
	json_t *rows = json_array();
	struct dirent **entry;
	int n, i;

	for (i = 0; kernel_names[i]; i++)
		row_add(rows, kernel_names[i], stock_directory(kernel_names[i]), "vmlinuz");
	for (i = 0; umls[i]; i++) {
		image = format("%s/%s/linux", cache_dir(), umls[i]);
		if (!access(image, R_OK))
			row_add(rows, umls[i], format("%s/%s", cache_dir(), umls[i]), "linux");
		free(image);
	}
	n = scandir(debug, &entry, is_debug, alphasort);
	for (i = 0; i < n; i++) {
		image = format("%s/%s/vmlinux", debug, entry[i]->d_name);
		if (!access(image, R_OK))
			row_add(rows, entry[i]->d_name, format("%s/%s", debug, entry[i]->d_name),
				"vmlinux");
		free(image);
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
	free(debug);
	return rows;
}

static void rows_print(const json_t *rows)
{
	const char *release, *path;
	const json_t *row;
	char *size;
	size_t i;

	printf("%-12s %-28s %8s  %s\n", "NAME", "RELEASE", "SIZE", "WHERE");
	for (i = 0; i < json_array_size(rows); i++) {
		row = json_array_get(rows, i);
		release = json_string_value(json_object_get(row, "release"));
		path = json_string_value(json_object_get(row, "path"));
		size = path ? size_text((unsigned long long)json_integer_value(
				      json_object_get(row, "bytes")))
			    : must_strdup("-");
		printf("%-12s %-28s %8s  %s\n", json_string_value(json_object_get(row, "name")),
		       release ? release : "-", size,
		       path ? path : "not fetched: `blklab setup` does it, or its first use");
		free(size);
	}
	puts("\nAny other bzImage or vmlinux can be named by its path.");
}

int verb_kernels(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { NULL } };
	bool json = false;
	json_t *rows;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			return LAB_USAGE;
		json = true;
	}
	if (optind < argc) {
		complain("kernels takes no '%s': it lists all; see `blklab kernels --help`",
			 argv[optind]);
		return LAB_USAGE;
	}
	rows = rows_make();
	if (json) {
		json_dumpf(rows, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		rows_print(rows);
	}
	json_decref(rows);
	return LAB_OK;
}
