// SPDX-License-Identifier: GPL-2.0-only
/* What dmsetup status and table print; docs/DM.md has the fields. */
#include <linux/kernel.h>
#include <linux/string.h>

#include "compat.h"
#include "target.h"

const char *remap_mode_name(enum bm_mode mode)
{
	static const char *const names[] = { "rw", "degraded", "read-only" };

	return names[mode];
}

const char *remap_breaker_name(enum bm_breaker breaker)
{
	static const char *const names[] = { "closed", "dead", "writes" };

	return names[breaker];
}

/* Asked for at any time, also while the map is being loaded. */
bool remap_status_of(struct remap *r, struct bm_status *status)
{
	bool loaded;

	mutex_lock(&r->lock);
	loaded = r->loaded;
	if (loaded)
		bm_get_status(r->bm, status);
	else
		memset(status, 0, sizeof(*status));
	mutex_unlock(&r->lock);
	return loaded;
}

static void status_info(struct remap *r, char *result, unsigned int maxlen)
{
	unsigned int sz = 0; /* of DMEMIT */
	struct bm_status s;
	bool loaded = remap_status_of(r, &s);
	char scrub[32];

	remap_scrub_word(r, scrub, sizeof(scrub));
	DMEMIT("%llu %llu %s %llu/%llu", s.runs,
	       r->cleared_errors + s.counters.read_errors + s.counters.write_errors,
	       loaded ? remap_mode_name(s.mode) : "suspended", s.spare_used, s.spare_total);
	DMEMIT(" %llu %llu %u %u %llu %s %u", s.pending, s.lost, s.buckets, s.resizes, s.log_seq,
	       remap_breaker_name(s.breaker), s.health);
	DMEMIT(" %llu %llu %llu %s", s.spare_bad, s.mapped, r->cleared_commits + s.counters.commits,
	       scrub);
}

static void status_measure(struct remap *r, char *result, unsigned int maxlen)
{
	unsigned int sz = 0; /* of DMEMIT */

	DMEMIT_TARGET_NAME_VERSION(r->ti->type);
	sz += remap_options_measure(r, result + sz, maxlen - sz);
	DMEMIT(";");
}

void remap_status(struct dm_target *ti, status_type_t type, unsigned int flags, char *result,
		  unsigned int maxlen)
{
	struct remap *r = ti->private;

	switch (type) {
	case STATUSTYPE_INFO:
		status_info(r, result, maxlen);
		break;
	case STATUSTYPE_TABLE:
		remap_options_print(r, result, maxlen);
		break;
	case STATUSTYPE_IMA:
		status_measure(r, result, maxlen);
		break;
	}
}
