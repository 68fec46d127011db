/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Disks of a guest, and how they fail. A disk is a chain of QEMU block nodes, from below:
 *
 *	file          its image
 *	blklogwrites  (log=) each write that reached the medium, in the format of dm-log-writes
 *	blkdebug      (replaced as a whole when faults change) errors at sectors
 *	throttle      (slow=)
 *	raw           "disk-NAME", which the guest's device holds and which never changes
 */
#ifndef BLKLAB_DISK_H
#define BLKLAB_DISK_H

#include <stdint.h>

#include "lab.h"
#include "qmp.h"

enum disk_bus { DISK_VIRTIO, DISK_SCSI, DISK_NVME };

/* Sectors (of 512 bytes) from first to last can't be read, or written, or both. */
struct disk_fault {
	uint64_t first, last;
	bool read, write;
};

struct disk {
	char *name;              /* letters, digits, - and _; the guest has it as /dev/lab/NAME */
	char *file;              /* image; NULL: a new sparse one in the machine's directory */
	uint64_t size;           /* bytes; 0: as large as the file */
	char *serial;            /* at most 20 characters */
	char *log;               /* of writes, or NULL */
	char *slow;              /* bytes a second ("10M") or requests a second ("200iops") */
	unsigned int block_size; /* 512 or 4096 */
	enum disk_bus bus;
	bool read_only;
	struct disk_fault *fault;
	size_t faults;
	/* of a machine: what it began with, its image, and the file that tells blkdebug of faults
	 */
	struct disk_fault *first_fault;
	size_t first_faults;
	char *image, *rules;
	unsigned int generation; /* of the blkdebug node */
};

/* All disks of one machine. */
struct disks {
	struct disk *disk;
	size_t n;
	bool mmio; /* the machine has no PCI: virtio disks are in memory */
};

/*
 * Add one from "size=64M,name=main,bad=1000-1007:rw,slow=10M,log=FILE,serial=S,bs=4096,
 * bus=virtio|scsi|nvme,file=PATH,ro". bad= may be given again and again. -EINVAL: told, naming the
 * part that is wrong and what is known instead.
 */
int disks_add(struct disks *disks, const char *spec);
void disks_free(struct disks *disks);

/* Make images and logs that are to be made, in a machine's directory. -errno, told. */
int disks_prepare(struct disks *disks, const char *directory);

/* QEMU's arguments for all, in order; and the modules that the guest must have for them. */
void disks_arguments(const struct disks *disks, struct strings *arguments);
void disks_modules(const struct disks *disks, struct strings *modules);

/* Plug all of them into a machine that runs already (one restored from a snapshot). */
int disks_plug(const struct disks *disks, struct qmp *qmp);

/*
 * Change faults of a machine that runs. A request is one line:
 *
 *	fault NAME add FIRST[-LAST][:r|w|rw] ...
 *	fault NAME remove FIRST[-LAST] ...
 *	fault NAME clear
 *	fault NAME list
 *
 * The answer, to be freed, is "ok\n" and perhaps more lines, or "error: ...\n".
 */
char *disks_request(struct disks *disks, struct qmp *qmp, const char *request);

#endif
