/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CRC-32C, eight bytes at a time ("slicing-by-8": Kounavis and Berry, "A Systematic Approach to
 * Building High Performance Software-based CRC Generators", 2005).
 */
#include "format.h"

/*
 * A table entry is linear in the bits of its index, so a whole table follows from the entries of
 * its eight powers of two, and the compiler works it out.
 */
#define CRC_BIT(n, i, v) ((((n) >> (i)) & 1u) ? (v) : 0u)
#define ENTRY(n, a, b, c, d, e, f, g, h)                                                           \
	(CRC_BIT(n, 0, a) ^ CRC_BIT(n, 1, b) ^ CRC_BIT(n, 2, c) ^ CRC_BIT(n, 3, d) ^               \
	 CRC_BIT(n, 4, e) ^ CRC_BIT(n, 5, f) ^ CRC_BIT(n, 6, g) ^ CRC_BIT(n, 7, h))
#define ROW4(n, ...)                                                                               \
	ENTRY(n, __VA_ARGS__), ENTRY((n) + 1, __VA_ARGS__), ENTRY((n) + 2, __VA_ARGS__),           \
		ENTRY((n) + 3, __VA_ARGS__)
#define ROW16(n, ...)                                                                              \
	ROW4(n, __VA_ARGS__), ROW4((n) + 4, __VA_ARGS__), ROW4((n) + 8, __VA_ARGS__),              \
		ROW4((n) + 12, __VA_ARGS__)
#define ROW64(n, ...)                                                                              \
	ROW16(n, __VA_ARGS__), ROW16((n) + 16, __VA_ARGS__), ROW16((n) + 32, __VA_ARGS__),         \
		ROW16((n) + 48, __VA_ARGS__)
#define ROWS(...)                                                                                  \
	{                                                                                          \
		ROW64(0u, __VA_ARGS__), ROW64(64u, __VA_ARGS__), ROW64(128u, __VA_ARGS__),         \
			ROW64(192u, __VA_ARGS__)                                                   \
	}

/* clang-format off */
static const u32 table[256] =
	ROWS(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf,
	     0x105ec76f, 0x20bd8ede, 0x417b1dbc, 0x82f63b78);
/* of the same for 1 to 7 bytes further on */
static const u32 further[7][256] = {
	ROWS(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8,
	     0x3fc5f181, 0x7f8be302, 0xff17c604, 0xfbc3faf9),
	ROWS(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5,
	     0x70a27d8a, 0xe144fb14, 0xc76580d9, 0x8b277743),
	ROWS(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6,
	     0xe964b13d, 0xd725148b, 0xaba65fe7, 0x52a0c93f),
	ROWS(0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91,
	     0x8f2261d3, 0x1ba8b557, 0x37516aae, 0x6ea2d55c),
	ROWS(0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f,
	     0xc00c303e, 0x85f4168d, 0x0e045beb, 0x1c08b7d6),
	ROWS(0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53,
	     0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a, 0xf56e0ef4),
	ROWS(0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da,
	     0x847609b4, 0x0d006599, 0x1a00cb32, 0x34019664),
};
/* clang-format on */

u32 bm_crc32c(u32 crc, const void *data, size_t size)
{
	const u8 *p = data;

	crc = ~crc;
	for (; !BM_SMALL && size >= 8; size -= 8, p += 8) {
		u32 low = bm_get32(p) ^ crc;
		u32 high = bm_get32(p + 4);

		crc = further[6][low & 0xff] ^ further[5][low >> 8 & 0xff] ^
		      further[4][low >> 16 & 0xff] ^ further[3][low >> 24] ^
		      further[2][high & 0xff] ^ further[1][high >> 8 & 0xff] ^
		      further[0][high >> 16 & 0xff] ^ table[high >> 24];
	}
	for (; size; size--)
		crc = crc >> 8 ^ table[(crc ^ *p++) & 0xff];
	return ~crc;
}
