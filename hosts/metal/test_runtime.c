/* SPDX-License-Identifier: GPL-2.0-only */
/* What compilers emit calls to, and time. */
#include "test.h"
#include "options.h"
#include "string.h"
#include "time.h"

enum { ROOM = 96 };

static u8 room[ROOM], wanted[ROOM];

static void rooms_fill(void)
{
	for (unsigned int i = 0; i < ROOM; i++)
		room[i] = wanted[i] = (u8)(i * 7 + 1);
}

static void expect_rooms(void)
{
	for (unsigned int i = 0; i < ROOM; i++)
		EXPECT_EQUAL(room[i], wanted[i]);
}

static void moves(void)
{
	for (unsigned int to = 0; to < 24; to++) {
		for (unsigned int from = 0; from < 24; from += 5) {
			for (unsigned int size = 0; size < 40; size += 13) {
				u8 between[40];

				rooms_fill();
				for (unsigned int i = 0; i < size; i++)
					between[i] = wanted[from + i];
				for (unsigned int i = 0; i < size; i++)
					wanted[to + i] = between[i];
				EXPECT(memmove(room + to, room + from, size) == room + to);
				expect_rooms();
			}
		}
	}
}
METAL_TEST("runtime/memmove-overlaps", moves);

static void sets(void)
{
	for (unsigned int size = 0; size < 40; size++) {
		rooms_fill();
		for (unsigned int i = 0; i < size; i++)
			wanted[5 + i] = 0xfe;
		EXPECT(memset(room + 5, 0x1fe, size) == room + 5);
		expect_rooms();
	}
}
METAL_TEST("runtime/memset", sets);

static void compares(void)
{
	EXPECT(memcmp("abc", "abd", 3) < 0);
	EXPECT(memcmp("\xff", "\x01", 1) > 0); /* as unsigned char */
	EXPECT_EQUAL(memcmp("abc", "abd", 2), 0);
	EXPECT(bcmp("abc", "abd", 3) != 0);
	EXPECT_EQUAL(bcmp("abc", "abd", 2), 0);
	EXPECT(strcmp("ab", "abc") < 0);
	EXPECT(strncmp("abx", "aby", 2) == 0);
	EXPECT_EQUAL(strlen("abc"), 3);
}
METAL_TEST("runtime/compares", compares);

static void wide_division(void)
{
	volatile unsigned __int128 big =
		(unsigned __int128)0x123456789abcdef0ull << 64 | 0x1122334455667788ull;
	volatile unsigned __int128 small = (unsigned __int128)3 << 64 | 1;
	unsigned __int128 quotient = big / small, rest = big % small;
	volatile __int128 minus = -(__int128)1000000007 * 1000000007 * 3;

	EXPECT(quotient * small + rest == big);
	EXPECT(rest < small);
	EXPECT_EQUAL((u64)quotient, 0x123456789abcdef0ull / 3);
	EXPECT_EQUAL((u64)(minus / 1000000007), (u64)-3000000021ll);
}
METAL_TEST("runtime/128-bit-division", wide_division);

static void time_passes(void)
{
	u64 start = time_now(), last = start;

	time_wait(2000000);
	for (unsigned int i = 0; i < 1000; i++) {
		u64 now = time_now();

		EXPECT(now >= last);
		last = now;
	}
	EXPECT(last - start >= 2000000);
	EXPECT(last - start < 10000000000ull);
}
METAL_TEST("time/never-goes-back", time_passes);
