// SPDX-License-Identifier: GPL-2.0-only
/*
 * The root that the command sees: the host's, read-only, under a scratch layer in memory, and
 * shares at the paths that they have on the host.
 */
#include "guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* mkdir -p below the directory that we are in, or of an absolute path. */
static void make_path(const char *path)
{
	char part[4096];
	size_t i;

	snprintf(part, sizeof(part), "%s", path);
	for (i = 1; part[i]; i++) {
		if (part[i] != '/')
			continue;
		part[i] = 0;
		mkdir(part, 0755);
		part[i] = '/';
	}
	mkdir(part, 0755);
}

/* How many shares the kernel has found so far. */
static unsigned int shares_there(void)
{
	DIR *dir = opendir("/sys/bus/virtio/drivers/virtiofs");
	struct dirent *entry;
	unsigned int n = 0;

	while (dir && (entry = readdir(dir)))
		n += !strncmp(entry->d_name, "virtio", 6);
	if (dir)
		closedir(dir);
	return n;
}

/* Devices that were plugged in a moment ago take the kernel a while to find: 10 s at most. */
static void await_shares(unsigned int wanted)
{
	unsigned int tries;

	for (tries = 0; tries < 5000 && shares_there() < wanted; tries++)
		usleep(2000);
}

/* A share of the host's: by virtiofs, or in UML, where a tag is a path, by hostfs. */
static void mount_share(const char *tag, const char *at, unsigned long flags)
{
	bool path = *tag == '/';

	if (mount(tag, at, path ? "hostfs" : "virtiofs", flags, path ? tag : NULL))
		fail("mounting %s: %s", tag, strerror(errno));
}

static void mount_overlay(void)
{
	if (mount("overlay", "/new", "overlay", 0,
		  "lowerdir=/lower,upperdir=/scratch/upper,workdir=/scratch/work"))
		fail("mounting the scratch layer: %s", strerror(errno));
}

static void mount_move(const char *from, const char *to)
{
	if (mount(from, to, NULL, MS_MOVE, NULL))
		fail("moving %s to %s: %s", from, to, strerror(errno));
}

/* What most programs expect; a kernel that lacks one of these is fine. */
static void mount_rest(void)
{
	mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
	mkdir("/run/lock", 01777);
	mkdir("/dev/pts", 0755);
	mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=620,ptmxmode=666");
	mkdir("/dev/shm", 01777);
	mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, NULL);
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	mount("configfs", "/sys/kernel/config", "configfs", 0, NULL);
	mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL);
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
}

static void loopback_up(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

	if (fd < 0)
		return;
	ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
	sethostname("blklab", 6);
}

/* FIRST=REST; only REST may hold more of '='. */
static void split(char *pair, char **first, char **rest)
{
	*first = pair;
	*rest = strchr(pair, '=');
	if (!*rest)
		fail("orders: '%s' has no '='", pair);
	*(*rest)++ = 0;
}

void root_enter(const struct orders *orders)
{
	unsigned int shares = 1;
	char **item, *from, *to;

	mkdir("/lower", 0755);
	mkdir("/scratch", 0755);
	mkdir("/new", 0755);
	for (item = orders->share; *item; item++)
		shares++;
	if (*orders->root != '/')
		await_shares(shares);
	mount_share(orders->root, "/lower", MS_RDONLY);
	if (mount("scratch", "/scratch", "tmpfs", 0, "mode=755"))
		fail("mounting memory for the scratch layer: %s", strerror(errno));
	mkdir("/scratch/upper", 0755);
	mkdir("/scratch/work", 0755);
	mount_overlay();
	if (chdir("/new"))
		fail("entering the root: %s", strerror(errno));
	make_path("proc");
	make_path("sys");
	make_path("dev");
	make_path("run");
	mount_move("/proc", "/new/proc");
	mount_move("/sys", "/new/sys");
	mount_move("/dev", "/new/dev");
	mount_move("/new", "/");
	if (chroot(".") || chdir("/"))
		fail("changing the root: %s", strerror(errno));
	mount_rest();
	loopback_up();
	for (item = orders->share; *item; item++) {
		split(*item, &from, &to);
		make_path(to);
		mount_share(*from ? from : to, to, 0);
	}
	for (item = orders->bind; *item; item++) {
		split(*item, &to, &from);
		make_path(to);
		if (mount(from, to, NULL, MS_BIND, NULL))
			fail("binding %s to %s: %s", from, to, strerror(errno));
	}
}

/* Does a file of sysfs hold a serial number? It may stand after some bytes (SCSI) or before blanks.
 */
static bool file_holds(const char *path, const char *serial)
{
	char text[256];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));

	if (fd >= 0)
		close(fd);
	return n > 0 && memmem(text, (size_t)n, serial, strlen(serial));
}

static bool disk_link(const char *serial, const char *name)
{
	static const char *const where[] = { "serial", "device/serial", "device/vpd_pg80" };
	char path[512], to[300];
	struct dirent *entry;
	bool found = false;
	DIR *dir = opendir("/sys/block");
	size_t i;

	while (dir && !found && (entry = readdir(dir))) {
		for (i = 0; i < sizeof(where) / sizeof(*where) && !found; i++) {
			snprintf(path, sizeof(path), "/sys/block/%s/%s", entry->d_name, where[i]);
			found = entry->d_name[0] != '.' && file_holds(path, serial);
		}
		if (!found)
			continue;
		snprintf(path, sizeof(path), "/dev/lab/%s", name);
		snprintf(to, sizeof(to), "../%s", entry->d_name);
		mkdir("/dev/lab", 0755);
		symlink(to, path);
	}
	if (dir)
		closedir(dir);
	return found;
}

void root_links(const struct orders *orders)
{
	char **item, *serial, *name;
	int tries;

	for (item = orders->link; *item; item++) {
		split(*item, &serial, &name);
		for (tries = 0; !disk_link(serial, name); tries++) {
			if (tries == 2500)
				fail("the disk %s did not appear: is its driver there?", name);
			usleep(2000);
		}
	}
}

/* All of a file, or NULL and errno. */
static char *file_whole(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *data = NULL;
	struct stat st;
	ssize_t n = 1;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st))
		data = malloc((size_t)st.st_size + 1);
	for (*size = 0; data && *size < (size_t)st.st_size && n > 0; *size += n > 0 ? (size_t)n : 0)
		n = read(fd, data + *size, (size_t)st.st_size - *size);
	if (n < 0) {
		free(data);
		data = NULL;
	}
	close(fd);
	return data;
}

/*
 * Not by finit_module(): the kernel would read a file that is shared live into a buffer in one
 * piece, and 6.1, where its memory has no such piece left, tries for ever.
 */
int root_insmod(const char *path)
{
	size_t size;
	char *data = file_whole(path, &size);
	int err = !data || syscall(SYS_init_module, data, size, "") ? errno : 0;

	free(data);
	return err;
}

/* /path/some-module.ko is some_module in sysfs. */
static void module_name(const char *path, char *name, size_t room)
{
	const char *slash = strrchr(path, '/');
	char *at;

	snprintf(name, room, "%s", slash ? slash + 1 : path);
	name[strcspn(name, ".")] = 0;
	for (at = name; *at; at++)
		if (*at == '-')
			*at = '_';
}

size_t root_sections(const char *path, char *text, size_t room)
{
	char name[128], file[512], address[64];
	struct dirent *entry;
	size_t used;
	ssize_t n;
	DIR *dir;
	int fd;

	module_name(path, name, sizeof(name));
	snprintf(file, sizeof(file), "/sys/module/%s/sections", name);
	used = (size_t)snprintf(text, room, "%s", path);
	dir = opendir(file);
	while (dir && used < room && (entry = readdir(dir))) {
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? 0 : read(fd, address, sizeof(address) - 1);
		if (fd >= 0)
			close(fd);
		if (n <= 0 || entry->d_name[0] != '.' || !entry->d_name[1])
			continue;
		address[n] = 0;
		address[strcspn(address, "\n")] = 0;
		used += (size_t)snprintf(text + used, room - used, " %s=%s", entry->d_name,
					 address);
	}
	if (dir)
		closedir(dir);
	used += used < room ? (size_t)snprintf(text + used, room - used, "\n") : 0;
	return used < room ? used : room - 1;
}
