/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtio device, on whichever bus, and its one queue: "Virtual I/O Device (VIRTIO) Version 1.2",
 * OASIS, chapters 2 to 4, and the legacy interfaces described there, which QEMU's microvm has by
 * default. Numbers of sections below are of that text.
 *
 * There are no interrupts: the driver waits for each request anyway, on one processor with nothing
 * else to do, so it looks at the ring until the answer is there. That works the same on machines
 * with three different interrupt controllers, and needs none of them. The device is told not to
 * send any.
 */
#ifndef METAL_VIRTIO_H
#define METAL_VIRTIO_H

#include "core/port.h"

#define VIRTIO_BLOCK 2 /* device ID: 5 */

#define VIRTIO_F_VERSION_1 32

enum virtio_status { /* 2.1 */
		     VIRTIO_ACKNOWLEDGE = 1,
		     VIRTIO_DRIVER = 2,
		     VIRTIO_DRIVER_OK = 4,
		     VIRTIO_FEATURES_OK = 8,
		     VIRTIO_NEEDS_RESET = 64,
		     VIRTIO_FAILED = 128,
};

/* A split virtqueue (2.7), in the layout of legacy devices (2.7.2), which suits all. */
struct virtio_desc {
	u64 address;
	u32 length;
	u16 flags;
	u16 next;
};

struct virtio_avail {
	u16 flags;
	u16 index;
	u16 ring[];
};

struct virtio_used {
	u16 flags;
	u16 index;
	struct {
		u32 id;
		u32 length;
	} ring[];
};

struct virtio_queue {
	u16 size; /* descriptors, a power of two; 0: not set up */
	u16 seen; /* used->index, as last looked at */
	struct virtio_desc *desc;
	struct virtio_avail *avail;
	struct virtio_used *used;
};

struct virtio;

/* What a bus provides. Registers are little-endian, as this machine is. */
struct virtio_ops {
	u8 (*status)(struct virtio *v);
	void (*set_status)(struct virtio *v, u8 status); /* 0: reset */
	u32 (*features)(struct virtio *v, u32 word);     /* bits 32 * word on; word 0 or 1 */
	void (*set_features)(struct virtio *v, u32 word, u32 bits);
	u32 (*generation)(struct virtio *v); /* of the configuration; 0 where there is none */
	u8 (*config)(struct virtio *v, u32 offset);
	u16 (*queue_size)(struct virtio *v);           /* of queue 0, at most; 0: none */
	void (*set_queue)(struct virtio *v, u16 size); /* v->queue's addresses */
	void (*notify)(struct virtio *v);
};

struct virtio {
	const struct virtio_ops *ops;
	bool legacy;     /* device and driver agreed before version 1 */
	bool fixed_size; /* the queue has queue_size(), no choice */
	bool off;        /* failed, and reset */
	u64 features;    /* that both have */
	u32 where;       /* for people: address on the bus */
	const char *bus; /* likewise: "virtio-mmio", "virtio-pci" */
	struct virtio_queue queue;
	/* The bus's own. */
	u16 io;                          /* legacy PCI: first port */
	volatile u8 *common, *registers; /* PCI: common configuration; MMIO: all registers */
	volatile u8 *device;             /* PCI: the device's own configuration */
	volatile u16 *bell;              /* PCI: where queue 0 is notified */
};

/* What a device has at these addresses, mapped; NULL if it can't be. For buses. */
volatile u8 *virtio_map(u64 address, u64 size);

/* One part of a request: what the device reads, or what it writes. */
struct virtio_part {
	void *memory;
	u32 length;
	bool device_writes;
};

/*
 * Reset the device and agree on `wanted` features (a bit each), as many of them as it has. 0;
 * -ENODEV it does not answer as one should; -ENOMEM no memory for its queue.
 */
int virtio_begin(struct virtio *v, u64 wanted);

bool virtio_has(const struct virtio *v, u32 feature);

/* Bytes of the device's own configuration, all read at one time. After virtio_begin(). */
void virtio_config(struct virtio *v, u32 offset, void *to, u32 size);

/* The configuration was read, the device is in use from now on. -ENODEV. */
int virtio_go(struct virtio *v);

/*
 * One request: hand it to the device and wait until it has been used. At most 3 parts, those that
 * the device reads first. 0; -ETIMEDOUT (it has been reset, so that its memory can be used again,
 * and is off); -ENODEV: off, or it asked for a reset, or used what it was not given.
 */
int virtio_request(struct virtio *v, const struct virtio_part *parts, u32 count);

/* Nanoseconds until a request is given up. */
#define VIRTIO_PATIENCE (30ull * 1000000000)
extern u64 virtio_patience;

/* Leave the device as it was before virtio_begin(): it will not touch memory any more. */
void virtio_end(struct virtio *v);

/*
 * Fill in those devices with this ID that a bus has; how many. MMIO's are where the kernel command
 * line says `virtio_mmio.device=SIZE@ADDRESS:INTERRUPT`, which QEMU's microvm appends if it has no
 * ACPI, or else where microvm has them.
 */
u32 virtio_mmio_find(u32 id, struct virtio *found, u32 most);
u32 virtio_pci_find(u32 id, struct virtio *found, u32 most);

#endif
