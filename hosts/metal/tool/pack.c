/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pack IMAGE PACKED: an LZ4 block (lz4_Block_format.md of the LZ4 project) of what an image is in
 * memory, and the sum of its 32-bit words. ../unpack.S undoes it.
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

/* Little-endian words, as in the image. */
static uint32_t sum(const char *image, int size)
{
	const unsigned char *byte = (const unsigned char *)image;
	uint32_t total = 0;

	for (int i = 0; i < size; i++)
		total += (uint32_t)byte[i] << (i % 4 * 8);
	return total;
}

static void block_write(const char *name, const char *packed, int size, uint32_t total)
{
	unsigned char bytes[4] = { (unsigned char)total, (unsigned char)(total >> 8),
				   (unsigned char)(total >> 16), (unsigned char)(total >> 24) };
	FILE *file = fopen(name, "wb");

	if (!file || fwrite(packed, 1, (size_t)size, file) != (size_t)size ||
	    fwrite(bytes, 1, sizeof(bytes), file) != sizeof(bytes) || fclose(file))
		die("can't be written", name);
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
	if (size % 4)
		die("is no whole number of words", argv[1]);
	packed_size = LZ4_compress_HC(image, packed, size, LZ4_COMPRESSBOUND(IMAGE_MAX),
				      LZ4HC_CLEVEL_MAX);
	if (packed_size <= 0)
		die("LZ4 does not take it", argv[1]);
	block_write(argv[2], packed, packed_size, sum(image, size));
	free(packed);
	free(image);
	return 0;
}
