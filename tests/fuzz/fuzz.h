/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fuzz targets share. Compiled with -fsanitize=fuzzer they are libFuzzer's; compiled
 * with -DFUZZ_REPLAY each is a program that runs the files it is given, so that ordinary tests
 * replay the corpus.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifdef FUZZ_REPLAY

#include <stdio.h>
#include <stdlib.h>

#define FUZZ_LONGEST (1u << 20)

static int fuzz_replay_file(const char *path)
{
	uint8_t *data = malloc(FUZZ_LONGEST), *exact;
	FILE *file = fopen(path, "rb");
	size_t size;

	if (data == NULL || file == NULL) {
		perror(path);
		free(data);
		return 1;
	}
	size = fread(data, 1, FUZZ_LONGEST, file);
	fclose(file);
	/* As long as the input and no longer, so that sanitizers see the end. */
	exact = malloc(size + 1);
	for (size_t i = 0; exact != NULL && i < size; i++)
		exact[i] = data[i];
	free(data);
	if (exact == NULL)
		return 1;
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
	return 0;
}

int main(int argc, char **argv)
{
	int failed = 0;

	for (int i = 1; i < argc; i++)
		failed |= fuzz_replay_file(argv[i]);
	printf("%d inputs replayed\n", argc - 1);
	return failed || argc < 2;
}

#endif
#endif
