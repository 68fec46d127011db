// SPDX-License-Identifier: GPL-2.0-only
/*
 * Directories of the host in a guest.
 */
#include "share.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "quote.h"
#include "socket.h"

/* QEMU's own until 7.2; the one that took its place has other options, and that name too. */
static const char *const daemons_new[] = { "/usr/libexec/virtiofsd", "/usr/lib/virtiofsd" };
#define DAEMON_OLD "/usr/lib/qemu/virtiofsd"

static const char *daemon_find(bool *old)
{
	size_t i;

	*old = false;
	for (i = 0; i < sizeof(daemons_new) / sizeof(*daemons_new); i++)
		if (!access(daemons_new[i], X_OK))
			return daemons_new[i];
	*old = !access(DAEMON_OLD, X_OK);
	return *old ? DAEMON_OLD : NULL;
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		perror(path);
	if (fd >= 0)
		close(fd);
}

/* As an ordinary user: be root in a namespace, where root has that user's rights. */
static bool become_root(void)
{
	unsigned int uid = getuid(), gid = getgid();
	char map[64];

	if (!uid)
		return !unshare(CLONE_NEWNS);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return false;
	write_text("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	write_text("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	write_text("/proc/self/gid_map", map);
	return true;
}

static bool make_read_only(void)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

	return !syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof(attr));
}

static _Noreturn void daemon_run(const struct share *share, int fd, int log)
{
	bool old;
	const char *path = daemon_find(&old);
	char *noatime;
	uid_t user;
	char *number = format("%d", fd), *place = quote_fuse(share->source);
	char *source = format("source=%s", place);
	char *fd_arg = format("--fd=%d", fd);
	/*
	 * The guest keeps what it has read of the host's root, or each program that starts would
	 * read itself and its libraries anew, which takes a third of a second. What is live is
	 * asked for every time.
	 */
	const char *cache = share->read_only ? "always" : "none";
	char *cache_arg = format("cache=%s", cache);
	const char *const old_argv[] = { path,
					 fd_arg,
					 "-o",
					 source,
					 "-o",
					 cache_arg,
					 "-o",
					 "sandbox=chroot",
					 "--thread-pool-size=0",
					 NULL };
	const char *const new_argv[] = {
		path, "--fd", number, "--shared-dir", share->source, "--cache",
		share->read_only ? "always" : "never", "--sandbox", "chroot",
		/* or each mount of the host is one in the guest, and overlayfs can't take it in */
		"--no-announce-submounts", NULL
	};

	user = getuid();
	fcntl(fd, F_SETFD, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	if (!become_root()) {
		fprintf(stderr, "no namespace: %s\n", strerror(errno));
		_exit(1);
	}
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	if (share->read_only && !make_read_only()) {
		fprintf(stderr, "making %s read-only: %s\n", share->source, strerror(errno));
		_exit(1);
	}
	noatime = user ? part_path("blklab-noatime.so") : NULL;
	if (noatime)
		setenv("LD_PRELOAD", noatime, 1);
	/* The credentials changed: that cleared it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execv(path, (char *const *)(old ? old_argv : new_argv));
	perror(path);
	_exit(1);
}

int share_start(struct share *share, const char *directory)
{
	char *log_path;
	int fd, log;
	bool old;

	if (!daemon_find(&old)) {
		complain("there is no virtiofsd; `./dev setup` installs it (package "
			 "qemu-system-common or virtiofsd)");
		return -ENOENT;
	}
	share->socket = format("%s/%s.socket", directory, share->tag);
	fd = socket_listen(share->socket, 1);
	if (fd < 0) {
		complain("%s: %s%s", share->socket, strerror(-fd),
			 fd == -ENAMETOOLONG ? " for a socket: set XDG_RUNTIME_DIR to a shorter one"
					     : "");
		return fd;
	}
	log_path = format("%s/%s.log", directory, share->tag);
	log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	free(log_path);
	share->pid = fork();
	if (!share->pid)
		daemon_run(share, fd, log);
	close(fd);
	close(log);
	return share->pid < 0 ? -errno : 0;
}

void share_stop(struct share *share)
{
	if (share->pid > 0) {
		kill(share->pid, SIGKILL);
		waitpid(share->pid, NULL, 0);
	}
	share->pid = 0;
	free(share->socket);
	free(share->source);
	share->socket = share->source = NULL;
}

void share_arguments(const struct share *share, struct strings *arguments)
{
	char *path = quote_qemu(share->socket);

	strings_add(arguments, "-chardev");
	strings_add(arguments, "socket,id=share-%s,path=%s", share->tag, path);
	strings_add(arguments, "-device");
	strings_add(arguments, "vhost-user-fs-pci,chardev=share-%s,tag=%s", share->tag, share->tag);
	free(path);
}

int share_plug(const struct share *share, struct qmp *qmp)
{
	char *id = format("share-%s", share->tag);
	json_t *backend;
	int err;

	backend = json_pack("{s:s, s:{s:s, s:{s:{s:s, s:{s:s}}, s:b}}}", "id", id, "backend",
			    "type", "socket", "data", "addr", "type", "unix", "data", "path",
			    share->socket, "server", 0);
	err = qmp_run(qmp, "chardev-add", backend, NULL);
	if (!err)
		err = qmp_run(qmp, "device_add",
			      json_pack("{s:s, s:s, s:s}", "driver", "vhost-user-fs-pci", "chardev",
					id, "tag", share->tag),
			      NULL);
	if (err)
		complain("plugging in the share %s: %s", share->tag, qmp_error(qmp));
	free(id);
	return err;
}
