// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the kernel's start to the first word to the host.
 */
#include "guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#define PORTS "/sys/class/virtio-ports"

void boot_mounts(void)
{
	mkdir("/proc", 0555);
	mkdir("/sys", 0555);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=755");
}

static void insmod(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST))
		fprintf(stderr, "blklab init: insmod %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* In the order of the list, which the host made from the modules' dependencies. */
void boot_modules(void)
{
	FILE *list = fopen("/modules/list", "re");
	char line[256], path[300];

	while (list && fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\n")] = 0;
		snprintf(path, sizeof(path), "/modules/%s", line);
		insmod(path);
	}
	if (list)
		fclose(list);
}

/* VALUE of "name=VALUE" on the kernel's command line. */
static bool argument(const char *name, char *value, size_t room)
{
	static char line[8192];
	FILE *file = fopen("/proc/cmdline", "re");
	size_t n = file ? fread(line, 1, sizeof(line) - 1, file) : 0;
	char *word;

	if (file)
		fclose(file);
	line[n] = 0;
	for (word = strtok(line, " \n"); word; word = strtok(NULL, " \n")) {
		if (strncmp(word, name, strlen(name)) || word[strlen(name)] != '=')
			continue;
		snprintf(value, room, "%s", word + strlen(name) + 1);
		return true;
	}
	return false;
}

static int open_line(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios mode;

	if (fd < 0 || tcgetattr(fd, &mode))
		return -1;
	cfmakeraw(&mode);
	tcsetattr(fd, TCSANOW, &mode);
	return fd;
}

static int open_port(const char *want)
{
	char path[512], name[64];
	struct dirent *entry;
	int fd = -1;
	FILE *file;
	DIR *dir = opendir(PORTS);

	while (dir && fd < 0 && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), PORTS "/%s/name", entry->d_name);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (fgets(name, sizeof(name), file) && !strncmp(name, want, strlen(want))) {
			snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
			fd = open(path, O_RDWR | O_CLOEXEC);
		}
		fclose(file);
	}
	if (dir)
		closedir(dir);
	return fd;
}

/* A port, by its name, or a line that the kernel's command line names: in time, if not at once. */
static int open_named(const char *name)
{
	char line[256];
	int tries, fd = -1;

	for (tries = 0; tries < 5000 && fd < 0; tries++) {
		fd = argument(name, line, sizeof(line)) ? open_line(line) : open_port(name);
		if (fd < 0)
			usleep(2000);
	}
	return fd;
}

void boot_ports(int *control, int *in)
{
	*control = open_named(WIRE_CONTROL);
	if (*control < 0)
		fail("no port " WIRE_CONTROL ": is virtio_console there?");
	*in = open_named(WIRE_STDIN);
	if (*in < 0)
		fail("no port " WIRE_STDIN);
}
