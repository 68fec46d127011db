// SPDX-License-Identifier: GPL-2.0-only
#include "hosts/metal/rtc.h"

#include "hosts/metal/time.h"
#include "hosts/metal/x86.h"

enum registers { SECOND, MINUTE = 2, HOUR = 4, DAY = 7, MONTH, YEAR, A, B, D = 13, CENTURY = 0x32 };
enum { A_UPDATING = 0x80, B_24_HOURS = 2, B_BINARY = 4, D_VALID = 0x80, HOUR_PM = 0x80 };

static u32 get(enum registers at)
{
	out8(0x70, (u8)at);
	return in8(0x71);
}

static u32 from_bcd(u32 value, u32 mode)
{
	return mode & B_BINARY ? value : (value >> 4) * 10 + (value & 15);
}

static u32 number(enum registers at)
{
	return from_bcd(get(at), get(B));
}

static u32 hour(void)
{
	u32 raw = get(HOUR), mode = get(B), value = from_bcd(raw & ~HOUR_PM, mode);

	return mode & B_24_HOURS ? from_bcd(raw, mode) : value % 12 + (raw & HOUR_PM ? 12 : 0);
}

/* Days since the Epoch of a date in the Gregorian calendar. */
static u64 days_until(u32 year, u32 month, u32 day)
{
	static const u16 before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	u32 leap = year - (month <= 2); /* the last February that is over was in this year */

	return (year - 1970) * 365ull + leap / 4 - leap / 100 + leap / 400 - 477 +
	       before[month - 1] + day - 1;
}

static bool read(u64 *now)
{
	u32 year = number(YEAR) + 100 * number(CENTURY), month = number(MONTH), day = number(DAY);

	*now = 0;
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	*now = days_until(year, month, day) * 86400 + hour() * 3600 + number(MINUTE) * 60 +
	       number(SECOND);
	return true;
}

/* The registers change while they are read: two readings must agree. */
u64 rtc_now(void)
{
	u64 start = time_now(), last = 0, now;

	/* What isn't there reads as ones. */
	while (time_now() - start < 1000000000 && get(D) != 0xff) {
		if (get(A) & A_UPDATING)
			continue;
		if (read(&now) && now == last)
			return now;
		last = now;
	}
	return 0;
}
