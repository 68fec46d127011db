// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decompression in memory.
 */
#include "unpack.h"

#include <errno.h>
#include <lz4.h>
#include <lzma.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "lab.h"

#define LIMIT      ((size_t)1 << 31) /* no kernel is larger; a damaged one may claim to be */
#define LZ4_LEGACY 0x184c2102u
#define LZ4_BLOCK  ((size_t)8 << 20) /* of the legacy format, unpacked */

struct buffer {
	unsigned char *data;
	size_t size, room;
};

/* Room for at least `more` bytes; at most LIMIT in all. */
static int reserve(struct buffer *out, size_t more)
{
	if (out->room - out->size >= more)
		return 0;
	if (out->size + more > LIMIT)
		return -EIO;
	out->room = out->room * 2 > out->size + more ? out->room * 2 : out->size + more;
	out->data = must_realloc(out->data, out->room);
	return 0;
}

static uint32_t le32(const unsigned char *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static int unpack_gzip(const unsigned char *data, size_t size, struct buffer *out)
{
	z_stream stream = { .next_in = (unsigned char *)(uintptr_t)data, .avail_in = (uInt)size };
	int end;

	if (inflateInit2(&stream, 15 + 16) != Z_OK)
		return -ENOMEM;
	do {
		if (reserve(out, 1u << 20)) {
			end = Z_DATA_ERROR;
			break;
		}
		stream.next_out = out->data + out->size;
		stream.avail_out = (uInt)(out->room - out->size);
		end = inflate(&stream, Z_NO_FLUSH);
		out->size = out->room - stream.avail_out;
	} while (end == Z_OK);
	inflateEnd(&stream);
	return end == Z_STREAM_END ? 0 : -EIO;
}

static int unpack_xz(const unsigned char *data, size_t size, struct buffer *out)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	lzma_ret end;

	if (lzma_stream_decoder(&stream, UINT64_MAX, 0) != LZMA_OK)
		return -ENOMEM;
	stream.next_in = data;
	stream.avail_in = size;
	do {
		if (reserve(out, 1u << 20)) {
			end = LZMA_DATA_ERROR;
			break;
		}
		stream.next_out = out->data + out->size;
		stream.avail_out = out->room - out->size;
		end = lzma_code(&stream, LZMA_RUN);
		out->size = out->room - stream.avail_out;
	} while (end == LZMA_OK);
	lzma_end(&stream);
	return end == LZMA_STREAM_END ? 0 : -EIO;
}

static int unpack_zstd(const unsigned char *data, size_t size, struct buffer *out)
{
	ZSTD_DStream *stream = ZSTD_createDStream();
	ZSTD_inBuffer from = { data, size, 0 };
	ZSTD_outBuffer to;
	size_t left = 1;

	/* Kernels are packed with windows larger than the library's own limit. */
	ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, 31);
	while (left && !ZSTD_isError(left)) {
		if (reserve(out, 1u << 20))
			break;
		to = (ZSTD_outBuffer){ out->data, out->room, out->size };
		left = ZSTD_decompressStream(stream, &to, &from);
		if (!ZSTD_isError(left) && left && to.pos == out->size && from.pos == size)
			break; /* it ends too early */
		out->size = to.pos;
	}
	ZSTD_freeDStream(stream);
	return left ? -EIO : 0;
}

/* Blocks, each preceded by its packed size; the first that is not full is the last. */
static int unpack_lz4(const unsigned char *data, size_t size, struct buffer *out)
{
	size_t at = 4, packed;
	int n = LZ4_BLOCK;

	while (n == (int)LZ4_BLOCK && size - at > 4) {
		packed = le32(data + at);
		at += 4;
		if (packed > size - at || reserve(out, LZ4_BLOCK))
			return -EIO;
		n = LZ4_decompress_safe((const char *)data + at, (char *)out->data + out->size,
					(int)packed, LZ4_BLOCK);
		if (n < 0)
			return -EIO;
		out->size += (size_t)n;
		at += packed;
	}
	return out->size ? 0 : -EIO;
}

void *unpack(const void *data, size_t size, size_t *out)
{
	struct buffer buffer = { 0 };
	int err = -EINVAL;

	if (size > 6 && !memcmp(data, "\x1f\x8b", 2))
		err = unpack_gzip(data, size, &buffer);
	else if (size > 6 && !memcmp(data,
				     "\xfd"
				     "7zXZ",
				     5))
		err = unpack_xz(data, size, &buffer);
	else if (size > 6 && le32(data) == 0xfd2fb528u)
		err = unpack_zstd(data, size, &buffer);
	else if (size > 8 && le32(data) == LZ4_LEGACY)
		err = unpack_lz4(data, size, &buffer);
	if (err) {
		free(buffer.data);
		errno = -err;
		return NULL;
	}
	*out = buffer.size;
	return buffer.data;
}
