// SPDX-License-Identifier: GPL-2.0-only
#include "hosts/posix/mapped.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool attribute_read(const char *disk, const char *attribute, char *value, size_t size)
{
	char path[512];
	FILE *fp;
	bool found;

	snprintf(path, sizeof(path), "/sys/block/%s/dm/%s", disk, attribute);
	fp = fopen(path, "re");
	if (!fp)
		return false;
	found = fgets(value, (int)size, fp);
	fclose(fp);
	if (found)
		value[strcspn(value, "\n")] = 0;
	return found;
}

/* The first whose uuid begins so, and which has this name (NULL: any name): its name, malloc'ed. */
static char *find(const char *prefix, const char *wanted)
{
	DIR *dir = opendir("/sys/block");
	char uuid[160], name[160], *found = NULL;
	struct dirent *entry;

	while (dir && !found && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, "dm-", 3) &&
		    attribute_read(entry->d_name, "uuid", uuid, sizeof(uuid)) &&
		    !strncmp(uuid, prefix, strlen(prefix)) &&
		    attribute_read(entry->d_name, "name", name, sizeof(name)) &&
		    (!wanted || !strcmp(name, wanted)))
			found = strdup(name);
	if (dir)
		closedir(dir);
	return found;
}

char *mapped_by_spare(const uint8_t uuid[16])
{
	char prefix[sizeof(MAPPED_PREFIX) + 33] = MAPPED_PREFIX;
	size_t n = strlen(prefix);

	for (int i = 0; i < 16; i++)
		n += (size_t)snprintf(prefix + n, sizeof(prefix) - n, "%02x", uuid[i]);
	return find(prefix, NULL);
}

bool mapped_exists(const char *name)
{
	char *found = find(MAPPED_PREFIX, name);

	free(found);
	return found;
}
