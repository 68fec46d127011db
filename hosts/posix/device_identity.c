// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tells one device from another when both have changed their names: /dev/sdb today is
 * /dev/sdc tomorrow, and a spare must never be put under the wrong disk.
 */
#include "hosts/posix/device_ops.h"

#include <blkid/blkid.h>
#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define IDENTITY_SIZE 64

/* "kind-value", squeezed; of a value that is too long the end is kept, where serials differ. */
static bool identity_set(char *identity, const char *kind, const char *value)
{
	size_t room = IDENTITY_SIZE - 1 - strlen(kind) - 1;
	char clean[256];
	size_t n = 0;

	for (; *value && n < sizeof(clean) - 1; value++) {
		if (isgraph((unsigned char)*value))
			clean[n++] = *value;
		else if (n && clean[n - 1] != '_')
			clean[n++] = '_';
	}
	while (n && clean[n - 1] == '_')
		n--;
	clean[n] = 0;
	if (n == 0)
		return false;
	snprintf(identity, IDENTITY_SIZE, "%s-%.*s", kind, (int)room,
		 n > room ? clean + n - room : clean);
	return true;
}

static bool attribute_read(dev_t rdev, const char *attribute, char *value, size_t size)
{
	char path[256];
	size_t n;
	FILE *fp;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s", major(rdev), minor(rdev),
		 attribute);
	fp = fopen(path, "re");
	if (!fp)
		return false;
	n = fread(value, 1, size - 1, fp);
	value[n] = 0;
	fclose(fp);
	return n > 0;
}

bool device_queue_number(dev_t rdev, const char *attribute, uint64_t *value)
{
	char name[64], text[64];

	snprintf(name, sizeof(name), "queue/%s", attribute);
	if (!attribute_read(rdev, name, text, sizeof(text))) {
		snprintf(name, sizeof(name), "../queue/%s", attribute);
		if (!attribute_read(rdev, name, text, sizeof(text)))
			return false;
	}
	return sscanf(text, "%" SCNu64, value) == 1;
}

/* A lookup of one value; blkid's strings live as long as the probe. */
static const char *value_of(blkid_probe probe, const char *name)
{
	const char *value;

	return blkid_probe_lookup_value(probe, name, &value, NULL) ? NULL : value;
}

static bool partition_identify(int fd, char *identity)
{
	blkid_probe probe = blkid_new_probe();
	bool found = false;

	if (!probe)
		return false;
	blkid_probe_enable_superblocks(probe, 0);
	blkid_probe_enable_partitions(probe, 1);
	blkid_probe_set_partitions_flags(probe, BLKID_PARTS_ENTRY_DETAILS);
	if (!blkid_probe_set_device(probe, fd, 0, 0) && blkid_do_safeprobe(probe) == 0) {
		const char *uuid = value_of(probe, "PART_ENTRY_UUID");

		found = uuid && identity_set(identity, "partuuid", uuid);
	}
	blkid_free_probe(probe);
	return found;
}

void device_identify_content(int fd, char identity[64])
{
	blkid_probe probe = blkid_new_probe();
	const char *type, *uuid;

	identity[0] = 0;
	if (!probe)
		return;
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_UUID | BLKID_SUBLKS_TYPE);
	blkid_probe_enable_partitions(probe, 1);
	if (!blkid_probe_set_device(probe, fd, 0, 0) && blkid_do_safeprobe(probe) == 0) {
		type = value_of(probe, "TYPE");
		uuid = value_of(probe, "UUID");
		if (!type || !uuid) {
			type = value_of(probe, "PTTYPE");
			uuid = value_of(probe, "PTUUID");
		}
		if (type && uuid)
			identity_set(identity, type, uuid);
	}
	blkid_free_probe(probe);
}

void device_identify_block(const char *path, dev_t rdev, char identity[64])
{
	static const struct {
		const char *attribute, *kind;
	} known[] = {
		{ "wwid", "wwn" },      { "device/wwid", "wwn" },
		{ "serial", "serial" }, { "device/serial", "serial" },
		{ "dm/uuid", "dm" },    { "md/uuid", "md" },
	};
	char value[256];
	int fd;

	identity[0] = 0;
	if (!attribute_read(rdev, "partition", value, sizeof(value)))
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (attribute_read(rdev, known[i].attribute, value, sizeof(value)) &&
			    identity_set(identity, known[i].kind, value))
				return;
	/* Buffered: libblkid's reads aren't aligned as O_DIRECT wants them. */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (!partition_identify(fd, identity))
		device_identify_content(fd, identity);
	close(fd);
}
