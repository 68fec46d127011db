// SPDX-License-Identifier: GPL-2.0-only
/*
 * Starting User Mode Linux.
 */
#include "uml_machine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "wire.h"

#define DISKS_MAX   16   /* of its driver */
#define COMMAND_MAX 4096 /* of its command line */

/* Where init's ports and the console are in the new process. */
enum { FD_CONSOLE = 2, FD_CONTROL, FD_STDIN };

char *uml_disk_refusal(const struct disk *disk)
{
	if (disk->faults)
		return format(
			"disk '%s': bad= is not for User Mode Linux, which has no hardware to "
			"fail; put dm-dust or dm-flakey on it, or use another --kernel",
			disk->name);
	if (disk->slow)
		return format("disk '%s': slow= is not for User Mode Linux; put dm-delay on it, or "
			      "use another --kernel",
			      disk->name);
	if (disk->log)
		return format(
			"disk '%s': log= is not for User Mode Linux; put dm-log-writes on it, "
			"or use another --kernel",
			disk->name);
	if (disk->bus != DISK_VIRTIO)
		return format(
			"disk '%s': User Mode Linux has one kind of disk; leave bus= away, or "
			"use another --kernel",
			disk->name);
	if (disk->block_size != 512)
		return format("disk '%s': User Mode Linux's disks have blocks of 512 bytes; leave "
			      "bs= away, or use another --kernel",
			      disk->name);
	if (strpbrk(disk->serial, ",: \"\\"))
		return format(
			"disk '%s': a serial number with a comma, a colon or a quotation mark "
			"is not for User Mode Linux",
			disk->name);
	return NULL;
}

static int check(const struct machine_options *options)
{
	char *refusal = NULL;
	size_t i;

	if (options->smp > 1)
		refusal = must_strdup("--smp: User Mode Linux has one processor");
	else if (options->snapshot)
		refusal = must_strdup("--snapshot: User Mode Linux can't be saved and restored; it "
				      "boots in less than a second");
	else if (options->gdb)
		refusal = must_strdup("gdb on User Mode Linux is not blklab's to start: use "
				      "another --kernel");
	else if (options->disks.n > DISKS_MAX)
		refusal = format("User Mode Linux has at most %d disks", DISKS_MAX);
	for (i = 0; !refusal && i < options->disks.n; i++)
		refusal = uml_disk_refusal(&options->disks.disk[i]);
	if (!refusal)
		return 0;
	complain("%s", refusal);
	free(refusal);
	return -EINVAL;
}

/*
 * The driver takes commas and colons in a path for something else, so it sees links in its
 * current directory.
 */
static int add_disk(const struct disk *disk, size_t i, const char *directory,
		    struct strings *arguments)
{
	char *link = format("%s/ubd%zu", directory, i), *file = realpath(disk->image, NULL);
	int err = file && !symlink(file, link) ? 0 : -errno;

	if (err)
		complain("disk '%s': %s: %s", disk->name, disk->image, strerror(-err));
	/* d: don't look for another format in what the disk holds. */
	strings_add(arguments, "ubd%zu%sd=ubd%zu,,%s", i, disk->read_only ? "r" : "", i,
		    disk->serial);
	free(file);
	free(link);
	return err;
}

static int add_disks(const struct disks *disks, const char *directory, struct strings *arguments)
{
	size_t i;
	int err = 0;

	for (i = 0; !err && i < disks->n; i++)
		err = add_disk(&disks->disk[i], i, directory, arguments);
	return err;
}

static int arguments_make(const struct kernel *kernel, const struct machine_options *options,
			  const char *directory, const char *initramfs, struct strings *arguments)
{
	size_t i, size = 0;
	int err;

	strings_add(arguments, "%s", kernel->image);
	strings_add(arguments, "mem=%uM", options->memory);
	strings_add(arguments, "initrd=%s", initramfs);
	strings_add(arguments, "uml_dir=%s", directory);
	strings_add(arguments, "umid=uml");
	strings_add(arguments, "con=null");
	strings_add(arguments, "ssl=null");
	strings_add(arguments, "con0=null,fd:%d", FD_CONSOLE);
	strings_add(arguments, "ssl1=fd:%d", FD_CONTROL);
	strings_add(arguments, "ssl2=fd:%d", FD_STDIN);
	strings_add(arguments, WIRE_CONTROL "=/dev/ttyS1");
	strings_add(arguments, WIRE_STDIN "=/dev/ttyS2");
	/* What init can't send any more is on the console: all of it, since it costs nothing. */
	strings_add(arguments, "earlyprintk");
	strings_add(arguments, "console=tty0");
	strings_add(arguments, "loglevel=7");
	strings_add(arguments, "panic=-1");
	strings_add(arguments, "oops=panic");
	strings_add(arguments, "cryptomgr.notests");
	strings_add(arguments, "null_blk.nr_devices=0");
	err = add_disks(&options->disks, directory, arguments);
	for (i = 0; i < options->append.n; i++)
		strings_add(arguments, "%s", options->append.item[i]);
	for (i = 1; i < arguments->n; i++)
		size += strlen(arguments->item[i]) + 1;
	if (!err && size >= COMMAND_MAX) {
		complain("the kernel's command line is too long by %zu bytes: fewer disks or less "
			 "--append",
			 size - COMMAND_MAX + 1);
		err = -E2BIG;
	}
	return err;
}

/*
 * Its memory is a file, and where there is no room for that it dies of SIGBUS in the middle of
 * something: so not in a /dev/shm that is too small, as many containers have.
 */
static const char *memory_place(const char *directory, unsigned int megabytes)
{
	struct statvfs shm;

	if (!statvfs("/dev/shm", &shm) && !(shm.f_flag & ST_NOEXEC) &&
	    (unsigned long long)shm.f_bavail * shm.f_frsize >> 20 > megabytes &&
	    !access("/dev/shm", W_OK))
		return "/dev/shm";
	return directory;
}

/* Descriptors at their places, whichever numbers they had. */
static void place(const int from[3])
{
	int high[3], null = open("/dev/null", O_RDONLY), i;

	for (i = 0; i < 3; i++)
		high[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 16);
	dup2(null, STDIN_FILENO);
	dup2(high[0], STDOUT_FILENO);
	for (i = 0; i < 3; i++)
		dup2(high[i], FD_CONSOLE + i);
}

static _Noreturn void become(char *const argv[], const char *directory, const char *memory,
			     const int fds[3])
{
	static const struct rlimit none = { 0, 0 };
	sigset_t empty;

	setpgid(0, 0);
	place(fds);
	sigemptyset(&empty);
	sigprocmask(SIG_SETMASK, &empty, NULL);
	/* A panic is an abort, and its core as large as the guest. */
	setrlimit(RLIMIT_CORE, &none);
	setenv("TMPDIR", memory, 1);
	if (!chdir(directory))
		execv(argv[0], argv);
	dprintf(FD_CONSOLE, "blklab: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

pid_t uml_start(const struct kernel *kernel, const struct machine_options *options,
		const char *directory, int control_fd, int stdin_fd, int console_fd)
{
	static const char *const no_modules[] = { NULL };
	struct strings arguments = { 0 };
	pid_t parent = getpid(), pid;
	char *initramfs;
	size_t i;
	int err;

	err = check(options);
	if (!err)
		err = kernel_initramfs(kernel, no_modules, &initramfs);
	if (err)
		return err;
	err = arguments_make(kernel, options, directory, initramfs, &arguments);
	free(initramfs);
	for (i = 0; lab_verbose && !err && i < arguments.n; i++)
		fprintf(stderr, i ? " %s" : "+ %s", arguments.item[i]);
	if (lab_verbose && !err)
		fputc('\n', stderr);
	fflush(NULL);
	pid = err ? err : fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(127);
		become(arguments.item, directory, memory_place(directory, options->memory),
		       (int[]){ console_fd, control_fd, stdin_fd });
	}
	if (!err && pid < 0) {
		pid = -errno;
		complain("no process for User Mode Linux: %s", strerror(errno));
	}
	strings_free(&arguments);
	return pid;
}
