// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signs of trouble. A stock kernel's own messages (kernel/, mm/, lib/, arch/x86 of 6.1, 6.12, 7.2)
 * begin so; a driver's begin with its name.
 */
#include "klog_sign.h"

#include <ctype.h>
#include <string.h>

#include "klog_frame.h"

#define NULL_POINTER "a NULL pointer dereference"
#define OVERFLOW     "a kernel stack overflow"
#define DOUBLE       "a double fault"
#define PROTECTION   "a general protection fault"
#define DIVISION     "a division by zero"
#define ATOMIC       "a sleep where none is allowed"
#define LOCKDEP      "lockdep"
#define LIST         "a corrupt list"
#define ALLOCATION   "a failed allocation of memory"

/* The first that fits a line counts. */
static const struct sign signs[] = {
	{ "Kernel panic - not syncing: ", true, KLOG_PANIC, SIGN_WHOLE, "a kernel panic" },

	{ "BUG: kernel NULL pointer", false, KLOG_OOPS, SIGN_PLAIN, NULL_POINTER },
	{ "BUG: unable to handle kernel NULL pointer", false, KLOG_OOPS, SIGN_PLAIN, NULL_POINTER },
	{ "BUG: unable to handle", false, KLOG_OOPS, SIGN_WHOLE, "an access to unmapped memory" },
	{ "kernel BUG at ", false, KLOG_OOPS, SIGN_BUG, "a BUG" },
	{ "stack guard page was hit at", true, KLOG_OOPS, SIGN_PLAIN, OVERFLOW },
	{ "kernel stack overflow", false, KLOG_OOPS, SIGN_PLAIN, OVERFLOW },
	{ "traps: PANIC: double fault", false, KLOG_OOPS, SIGN_PLAIN, DOUBLE },
	{ "PANIC: double fault", false, KLOG_OOPS, SIGN_PLAIN, DOUBLE },
	{ "Oops: double fault", false, KLOG_OOPS, SIGN_PLAIN, DOUBLE },
	{ "double fault: ", false, KLOG_OOPS, SIGN_PLAIN, DOUBLE },
	{ "general protection fault", false, KLOG_OOPS, SIGN_PLAIN, PROTECTION },
	{ "Oops: general protection fault", false, KLOG_OOPS, SIGN_PLAIN, PROTECTION },
	{ "divide error: ", false, KLOG_OOPS, SIGN_PLAIN, DIVISION },
	{ "Oops: divide error", false, KLOG_OOPS, SIGN_PLAIN, DIVISION },
	{ "Fixing recursive fault", false, KLOG_OOPS, SIGN_PLAIN, "an oops within an oops" },
	{ "Oops: ", false, KLOG_OOPS, SIGN_PLAIN, "an oops" },

	{ "BUG: KASAN: ", false, KLOG_WARNING, SIGN_RULER, NULL },
	{ "BUG: KCSAN: ", false, KLOG_WARNING, SIGN_RULER, NULL },
	{ "BUG: KFENCE: ", false, KLOG_WARNING, SIGN_RULER, NULL },
	{ "BUG: KMSAN: ", false, KLOG_WARNING, SIGN_RULER, NULL },
	{ "UBSAN: ", false, KLOG_WARNING, SIGN_RULER, NULL },
	{ "BUG: sleeping function called from invalid context", false, KLOG_WARNING, SIGN_PLAIN,
	  ATOMIC },
	{ "BUG: scheduling while atomic", false, KLOG_WARNING, SIGN_WHOLE, ATOMIC },
	{ "watchdog: BUG: soft lockup - ", false, KLOG_WARNING, SIGN_WHOLE, NULL },
	{ "BUG: soft lockup - ", false, KLOG_WARNING, SIGN_WHOLE, NULL },
	{ "Watchdog detected hard LOCKUP", true, KLOG_WARNING, SIGN_WHOLE, "a hard lockup" },
	{ "BUG: workqueue lockup - ", false, KLOG_WARNING, SIGN_WHOLE, NULL },
	{ "rcu: INFO: ", false, KLOG_WARNING, SIGN_WHOLE, "an RCU stall" },
	{ "INFO: rcu", false, KLOG_WARNING, SIGN_WHOLE, "an RCU stall" },
	{ "INFO: task ", false, KLOG_WARNING, SIGN_WHOLE, "a hung task" },
	{ "WARNING: possible ", false, KLOG_WARNING, SIGN_LOCKS, LOCKDEP },
	{ "WARNING: inconsistent lock state", false, KLOG_WARNING, SIGN_LOCKS, LOCKDEP },
	{ "WARNING: bad unlock balance", false, KLOG_WARNING, SIGN_LOCKS, LOCKDEP },
	{ "WARNING: bad contention", false, KLOG_WARNING, SIGN_LOCKS, LOCKDEP },
	{ "WARNING: held lock freed", false, KLOG_WARNING, SIGN_LOCKS, LOCKDEP },
	{ "WARNING: lock held when returning", false, KLOG_WARNING, SIGN_LOCKS, LOCKDEP },
	{ "WARNING: Nested lock was not taken", false, KLOG_WARNING, SIGN_LOCKS, LOCKDEP },
	{ "WARNING: suspicious RCU usage", false, KLOG_WARNING, SIGN_LOCKS, LOCKDEP },
	{ "WARNING: ", false, KLOG_WARNING, SIGN_WARN, "a warning" },
	{ "INFO: trying to register non-static key", false, KLOG_WARNING, SIGN_LOCKS, LOCKDEP },
	{ "[ BUG: ", false, KLOG_WARNING, SIGN_LOCKS, LOCKDEP },
	{ "BUG: key ", false, KLOG_WARNING, SIGN_LOCKS, LOCKDEP },
	{ "BUG: MAX_LOCK", false, KLOG_WARNING, SIGN_LOCKS, LOCKDEP },
	{ "refcount_t: ", false, KLOG_WARNING, SIGN_WHOLE, "a wrong reference count" },
	{ "list_add corruption", false, KLOG_WARNING, SIGN_WHOLE, LIST },
	{ "list_del corruption", false, KLOG_WARNING, SIGN_WHOLE, LIST },
	{ "Slab cache still has objects", true, KLOG_WARNING, SIGN_WHOLE, "a leak" },
	{ "): Objects remaining ", true, KLOG_WARNING, SIGN_WHOLE, "a leak" },
	{ "VFS: Busy inodes after unmount", false, KLOG_WARNING, SIGN_WHOLE, "a leak" },
	{ ": page allocation failure: order:", true, KLOG_WARNING, SIGN_WHOLE, ALLOCATION },
	{ ": vmalloc error: ", true, KLOG_WARNING, SIGN_WHOLE, ALLOCATION },
	{ "kmemleak: ", false, KLOG_WARNING, SIGN_WHOLE, "a leak" },
	{ "ODEBUG: ", false, KLOG_WARNING, SIGN_WHOLE, "misuse of an object" },
	{ "BUG: arch topology borked", false, KLOG_FINE }, /* how emulated cores are counted */
	{ "BUG: ", false, KLOG_WARNING, SIGN_WHOLE, NULL },
	{ "BUG ", false, KLOG_WARNING, SIGN_WHOLE, "a corrupt slab" },
};

static const struct sign die = { "", true, KLOG_OOPS, SIGN_WHOLE, "an oops" };

static bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* "...: 0002 [#1] PREEMPT SMP": how each exception ends its first line. */
static bool is_die(const char *text)
{
	const char *at = strstr(text, " [#"), *end = at ? strchr(at, ']') : NULL;

	if (!end || (end[1] && (end[1] != ' ' || !isupper((unsigned char)end[2]))))
		return false;

	return at - text >= 6 && isdigit((unsigned char)at[3]) && starts(at - 6, ": ") &&
	       strspn(at - 4, "0123456789abcdef") == 4;
}

/*
 * WARN(): "WARNING: CPU: 0 PID: 1 at FILE:LINE FRAME"; in 7.2 "WARNING: FILE:LINE at FRAME,
 * CPU#0: COMM/PID". All else that is called WARNING is advice.
 */
static bool is_warn(const char *text)
{
	const char *frame = find_frame(text);

	return starts(text, "WARNING: CPU: ") ||
	       (frame && frame - text >= 3 && starts(frame - 3, "at "));
}

/* What the beginning of a line alone doesn't tell. */
static bool fits_further(const struct sign *sign, const char *text)
{
	if (sign->kind == SIGN_WARN)
		return is_warn(text);
	if (starts(sign->text, "INFO: task "))
		return strstr(text, " blocked ") && strstr(text, " for more than ");
	if (starts(sign->text, "rcu: INFO: ") || starts(sign->text, "INFO: rcu"))
		return strstr(text, "stall");
	if (starts(sign->text, "kmemleak: "))
		return strstr(text, "suspected memory leak");
	/* "BUG kmalloc-64 (Tainted: ...): Poison overwritten" */
	if (!strcmp(sign->text, "BUG "))
		return strstr(text, "): ") && strstr(text, "ainted");
	return true;
}

const struct sign *klog_sign(const char *text)
{
	size_t i;

	for (i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
		const struct sign *sign = &signs[i];

		if (sign->anywhere ? !strstr(text, sign->text) : !starts(text, sign->text))
			continue;
		if (!fits_further(sign, text))
			continue;
		return sign->trouble == KLOG_FINE ? NULL : sign;
	}
	return is_die(text) ? &die : NULL;
}
