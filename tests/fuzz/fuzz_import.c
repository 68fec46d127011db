/* SPDX-License-Identifier: GPL-2.0-only */
/* The lists of other tools. Byte 0: format and options; the rest: the text. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/import.h"
#include "fuzz.h"

static void fail(const char *what)
{
	fprintf(stderr, "%s\n", what);
	abort();
}

/* In order, not touching, nothing empty, nothing beyond what a number of bytes can say. */
static void check(const struct import_list *list)
{
	uint64_t end = 0, sectors = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct import_run *run = &list->runs[i];

		if (run->count == 0)
			fail("an empty run");
		if (i > 0 && run->sector <= end)
			fail("runs that touch or are out of order");
		if (run->sector + run->count < run->sector)
			fail("a run beyond the end of numbers");
		end = run->sector + run->count;
		sectors += run->count;
	}
	if (sectors != list->sectors)
		fail("the sum of the runs is wrong");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t sizes[] = { 0, 512, 4096, 1024 };
	struct import_options options = { .format = IMPORT_AUTO };
	struct import_list list;
	char *error = NULL;
	int result;

	if (size < 1)
		return 0;
	options.format = data[0] % 4;
	options.block_size = sizes[data[0] >> 2 & 3];
	options.states = data[0] & 16 ? "-?*/" : NULL;
	result = import_parse((const char *)data + 1, size - 1, &options, &list, &error);
	if (result != 0 && result != -12 && error == NULL)
		fail("an error without words");
	if (result == 0 && error != NULL)
		fail("words without an error");
	if (result != 0 && list.count != 0)
		fail("a list in spite of an error");
	check(&list);
	import_free(&list);
	free(error);
	return 0;
}
