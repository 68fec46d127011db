/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that is a process: User Mode Linux.
 */
#ifndef BLKLAB_UML_MACHINE_H
#define BLKLAB_UML_MACHINE_H

#include <sys/types.h>

#include "machine.h"

/*
 * Start it, as the leader of a process group of its own, which kill(-pid, SIGKILL) ends whole.
 * The descriptors stay the caller's: init's control port, its port for the command's stdin (both
 * stream sockets), and where the console goes. `directory` is the machine's own; its disks must be
 * prepared. Returns its pid, or -errno, told. It ends by SIGABRT if the kernel panics.
 */
pid_t uml_start(const struct kernel *kernel, const struct machine_options *options,
		const char *directory, int control_fd, int stdin_fd, int console_fd);

/* Can a disk be had there? If not, the reason and what to do instead, to be freed. */
char *uml_disk_refusal(const struct disk *disk);

#endif
