// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtio over MMIO: 4.2 of the specification, and 4.2.4 for version 1 of the registers, which is
 * QEMU's default (its virtio-mmio.force-legacy).
 */
#include "hosts/metal/options.h"
#include "hosts/metal/paging.h"
#include "hosts/metal/pci.h"
#include "hosts/metal/print.h"
#include "hosts/metal/virtio.h"

#define MAGIC 0x74726976u /* "virt" */

enum registers { /* 4.2.2 */
		 MAGIC_VALUE = 0x000,
		 VERSION = 0x004,
		 DEVICE_ID = 0x008,
		 DEVICE_FEATURES = 0x010,
		 DEVICE_FEATURES_SELECT = 0x014,
		 DRIVER_FEATURES = 0x020,
		 DRIVER_FEATURES_SELECT = 0x024,
		 GUEST_PAGE_SIZE = 0x028, /* legacy */
		 QUEUE_SELECT = 0x030,
		 QUEUE_SIZE_MAX = 0x034,
		 QUEUE_SIZE = 0x038,
		 QUEUE_ALIGN = 0x03c, /* legacy */
		 QUEUE_PAGE = 0x040,  /* legacy */
		 QUEUE_READY = 0x044,
		 QUEUE_NOTIFY = 0x050,
		 STATUS = 0x070,
		 QUEUE_DESC = 0x080,
		 QUEUE_DRIVER = 0x090,
		 QUEUE_DEVICE = 0x0a0,
		 CONFIG_GENERATION = 0x0fc,
		 CONFIG = 0x100,
};

static u32 get(const struct virtio *v, u32 at)
{
	return *(volatile u32 *)(v->registers + at);
}

static void set(struct virtio *v, u32 at, u32 value)
{
	*(volatile u32 *)(v->registers + at) = value;
}

static void set_address(struct virtio *v, u32 at, const volatile void *memory)
{
	set(v, at, (u32)(uintptr_t)memory);
	set(v, at + 4, (u32)((uintptr_t)memory >> 32));
}

static u8 mmio_status(struct virtio *v)
{
	return (u8)get(v, STATUS);
}

static void mmio_set_status(struct virtio *v, u8 status)
{
	set(v, STATUS, status);
}

static u32 mmio_features(struct virtio *v, u32 word)
{
	set(v, DEVICE_FEATURES_SELECT, word);
	return get(v, DEVICE_FEATURES);
}

static void mmio_set_features(struct virtio *v, u32 word, u32 bits)
{
	set(v, DRIVER_FEATURES_SELECT, word);
	set(v, DRIVER_FEATURES, bits);
}

static u32 mmio_generation(struct virtio *v)
{
	return v->legacy ? 0 : get(v, CONFIG_GENERATION);
}

static u8 mmio_config(struct virtio *v, u32 offset)
{
	return v->registers[CONFIG + offset];
}

static u16 mmio_queue_size(struct virtio *v)
{
	u32 most;

	set(v, QUEUE_SELECT, 0);
	most = get(v, QUEUE_SIZE_MAX);
	return most > 0x8000 ? 0x8000 : (u16)most;
}

static void mmio_set_queue(struct virtio *v, u16 size)
{
	struct virtio_queue *q = &v->queue;

	set(v, QUEUE_SELECT, 0);
	if (v->legacy) {
		set(v, GUEST_PAGE_SIZE, (u32)PAGE_SIZE);
		set(v, QUEUE_SIZE, size);
		set(v, QUEUE_ALIGN, (u32)PAGE_SIZE);
		set(v, QUEUE_PAGE, (u32)((uintptr_t)q->desc / PAGE_SIZE));
		return;
	}
	set(v, QUEUE_SIZE, size);
	set_address(v, QUEUE_DESC, q->desc);
	set_address(v, QUEUE_DRIVER, q->avail);
	set_address(v, QUEUE_DEVICE, q->used);
	set(v, QUEUE_READY, 1);
}

static void mmio_notify(struct virtio *v)
{
	set(v, QUEUE_NOTIFY, 0);
}

static const struct virtio_ops mmio_ops = {
	.status = mmio_status,
	.set_status = mmio_set_status,
	.features = mmio_features,
	.set_features = mmio_set_features,
	.generation = mmio_generation,
	.config = mmio_config,
	.queue_size = mmio_queue_size,
	.set_queue = mmio_set_queue,
	.notify = mmio_notify,
};

/* A number in C's notation; *at: beyond it. */
static u64 number(const char **at)
{
	bool hex = (*at)[0] == '0' && (*at)[1] == 'x';
	u64 value = 0;

	for (*at += hex ? 2 : 0;; ++*at) {
		u32 digit = (u32) * *at - '0';

		if (hex && digit > 9)
			digit = ((u32) * *at | 0x20) - 'a' + 10;
		if (digit >= (hex ? 16 : 10))
			return value;
		value = value * (hex ? 16 : 10) + digit;
	}
}

/* "512@0xfeb00e00:12": its registers, or NULL. A K after the size would be Linux's, not QEMU's. */
static volatile u8 *registers_of(const char *word)
{
	u64 size = number(&word), address;

	if (size < CONFIG || *word++ != '@')
		return NULL;
	address = number(&word);
	return address ? virtio_map(address, size) : NULL;
}

static bool is_device(struct virtio *v, u32 id)
{
	u32 version = get(v, VERSION);

	v->legacy = version == 1;
	return get(v, MAGIC_VALUE) == MAGIC && (version == 1 || version == 2) &&
	       get(v, DEVICE_ID) == id;
}

/* Where QEMU's microvm has them (hw/i386/microvm.c): with ACPI it does not tell by the command
 * line. */
#define MICROVM_FIRST 0xfeb00000u
#define MICROVM_SIZE  0x200u
#define MICROVM_COUNT 24u

static volatile u8 *registers_each(u32 i)
{
	const char *word = options_each("virtio_mmio.device", i);
	volatile u8 *registers;

	if (word) {
		registers = registers_of(word);
		if (!registers)
			printf("metal: virtio_mmio.device=%s: SIZE@ADDRESS is wanted\n", word);
		return registers;
	}
	/* Where there is PCI those addresses may be another's. */
	if (i >= MICROVM_COUNT || options_each("virtio_mmio.device", 0) || pci_is_there())
		return NULL;
	return virtio_map(MICROVM_FIRST + i * MICROVM_SIZE, MICROVM_SIZE);
}

u32 virtio_mmio_find(u32 id, struct virtio *found, u32 most)
{
	u32 n = 0;

	for (u32 i = 0; n < most; i++) {
		struct virtio v = { .ops = &mmio_ops, .bus = "virtio-mmio" };

		v.registers = registers_each(i);
		v.where = (u32)(uintptr_t)v.registers;
		if (!v.registers)
			break;
		if (is_device(&v, id))
			found[n++] = v;
	}
	return n;
}
