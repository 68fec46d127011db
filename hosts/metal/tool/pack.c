/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pack IMAGE PACKED: an LZ4 block (lz4_Block_format.md of the LZ4 project) of what an image is in
 * memory. ../unpack.S undoes it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <lz4hc.h>

#define IMAGE_MAX (16 << 20)

static void die(const char *what, const char *file)
{
	fprintf(stderr, "pack: %s: %s\n", file, what);
	exit(1);
}

int main(int argc, char **argv)
{
	char *image = malloc(IMAGE_MAX), *packed = malloc(LZ4_COMPRESSBOUND(IMAGE_MAX));
	int size, packed_size;
	FILE *file;

	if (argc != 3 || !image || !packed)
		die("usage: pack IMAGE PACKED", argv[0]);
	file = fopen(argv[1], "rb");
	if (!file)
		die("can't be opened", argv[1]);
	size = (int)fread(image, 1, IMAGE_MAX, file);
	if (ferror(file) || !feof(file))
		die("can't be read, or has more than 16 MiB", argv[1]);
	fclose(file);
	packed_size = LZ4_compress_HC(image, packed, size, LZ4_COMPRESSBOUND(IMAGE_MAX),
				      LZ4HC_CLEVEL_MAX);
	if (packed_size <= 0)
		die("LZ4 does not take it", argv[1]);
	file = fopen(argv[2], "wb");
	if (!file || fwrite(packed, 1, (size_t)packed_size, file) != (size_t)packed_size ||
	    fclose(file))
		die("can't be written", argv[2]);
	free(packed);
	free(image);
	return 0;
}
