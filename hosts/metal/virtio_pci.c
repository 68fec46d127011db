// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtio over PCI: 4.1 of the specification. A device without the modern structures, or whose
 * structures have no address, is driven by its legacy ports (4.1.4.10), if it has those.
 */
#include "hosts/metal/paging.h"
#include "hosts/metal/pci.h"
#include "hosts/metal/print.h"
#include "hosts/metal/virtio.h"
#include "hosts/metal/x86.h"

#define VENDOR            0x1af4u
#define MODERN            0x1040u /* + device ID */
#define TRANSITIONAL      0x1000u /* to 0x103f; what it is stands in the subsystem ID */
#define SUBSYSTEM         0x2e
#define CAPABILITY_VENDOR 0x09
#define NO_VECTOR         0xffffu

/* struct virtio_pci_cap (4.1.4), in configuration space. */
enum capability { KIND = 3, BAR = 4, OFFSET = 8, LENGTH = 12, MULTIPLIER = 16 };
enum kind { KIND_COMMON = 1, KIND_NOTIFY = 2, KIND_DEVICE = 4 };

/* struct virtio_pci_common_cfg (4.1.4.3) */
enum common {
	DEVICE_FEATURES_SELECT = 0x00,
	DEVICE_FEATURES = 0x04,
	DRIVER_FEATURES_SELECT = 0x08,
	DRIVER_FEATURES = 0x0c,
	CONFIG_VECTOR = 0x10,
	STATUS = 0x14,
	GENERATION = 0x15,
	QUEUE_SELECT = 0x16,
	QUEUE_SIZE = 0x18,
	QUEUE_VECTOR = 0x1a,
	QUEUE_ENABLE = 0x1c,
	QUEUE_NOTIFY = 0x1e,
	QUEUE_DESC = 0x20,
	QUEUE_DRIVER = 0x28,
	QUEUE_DEVICE = 0x30,
	COMMON_SIZE = 0x38,
};

/* Legacy: 4.1.4.10 */
enum legacy {
	LEGACY_FEATURES = 0x00,
	LEGACY_DRIVER_FEATURES = 0x04,
	LEGACY_QUEUE_PAGE = 0x08,
	LEGACY_QUEUE_SIZE = 0x0c,
	LEGACY_QUEUE_SELECT = 0x0e,
	LEGACY_NOTIFY = 0x10,
	LEGACY_STATUS = 0x12,
	LEGACY_CONFIG = 0x14, /* without MSI-X */
};

/* ---- modern ---- */

static void set32(struct virtio *v, u32 at, u32 value)
{
	*(volatile u32 *)(v->common + at) = value;
}

static void set16(struct virtio *v, u32 at, u16 value)
{
	*(volatile u16 *)(v->common + at) = value;
}

static void set_address(struct virtio *v, u32 at, const void *memory)
{
	set32(v, at, (u32)(uintptr_t)memory);
	set32(v, at + 4, (u32)((uintptr_t)memory >> 32));
}

static u8 pci_status(struct virtio *v)
{
	return v->common[STATUS];
}

static void pci_set_status(struct virtio *v, u8 status)
{
	v->common[STATUS] = status;
}

static u32 pci_features(struct virtio *v, u32 word)
{
	set32(v, DEVICE_FEATURES_SELECT, word);
	return *(volatile u32 *)(v->common + DEVICE_FEATURES);
}

static void pci_set_features(struct virtio *v, u32 word, u32 bits)
{
	set32(v, DRIVER_FEATURES_SELECT, word);
	set32(v, DRIVER_FEATURES, bits);
}

static u32 pci_generation(struct virtio *v)
{
	return v->common[GENERATION];
}

static u8 pci_config(struct virtio *v, u32 offset)
{
	return v->device[offset];
}

static u16 pci_queue_size(struct virtio *v)
{
	set16(v, QUEUE_SELECT, 0);
	return *(volatile u16 *)(v->common + QUEUE_SIZE);
}

static void pci_set_queue(struct virtio *v, u16 size)
{
	set16(v, CONFIG_VECTOR, NO_VECTOR);
	set16(v, QUEUE_SELECT, 0);
	set16(v, QUEUE_SIZE, size);
	set16(v, QUEUE_VECTOR, NO_VECTOR);
	set_address(v, QUEUE_DESC, v->queue.desc);
	set_address(v, QUEUE_DRIVER, v->queue.avail);
	set_address(v, QUEUE_DEVICE, v->queue.used);
	set16(v, QUEUE_ENABLE, 1);
}

static void pci_notify(struct virtio *v)
{
	*v->bell = 0;
}

static const struct virtio_ops modern_ops = {
	.status = pci_status,
	.set_status = pci_set_status,
	.features = pci_features,
	.set_features = pci_set_features,
	.generation = pci_generation,
	.config = pci_config,
	.queue_size = pci_queue_size,
	.set_queue = pci_set_queue,
	.notify = pci_notify,
};

/* The structure that a capability speaks of, mapped; NULL: shorter than wanted, or no address. */
static volatile u8 *structure(pci_function f, u32 capability, u32 least)
{
	u32 bar = pci_get8(f, capability + BAR), length = pci_get32(f, capability + LENGTH);
	bool io = false;
	u64 base = bar < 6 ? pci_base(f, bar, &io) : 0;

	if (!base || io || length < least)
		return NULL;
	return virtio_map(base + pci_get32(f, capability + OFFSET), length);
}

static u32 capability_of(pci_function f, enum kind kind)
{
	u32 at = 0;

	do {
		at = pci_capability(f, CAPABILITY_VENDOR, at);
	} while (at && pci_get8(f, at + KIND) != kind);
	return at;
}

static bool modern_find(struct virtio *v, pci_function f)
{
	u32 common = capability_of(f, KIND_COMMON), device = capability_of(f, KIND_DEVICE),
	    notify = capability_of(f, KIND_NOTIFY);
	volatile u8 *bells;

	if (!common || !device || !notify)
		return false;
	v->common = structure(f, common, COMMON_SIZE);
	v->device = structure(f, device, 1);
	bells = structure(f, notify, 2);
	if (!v->common || !v->device || !bells)
		return false;
	set16(v, QUEUE_SELECT, 0);
	v->bell = (volatile u16 *)(bells + *(volatile u16 *)(v->common + QUEUE_NOTIFY) *
						   pci_get32(f, notify + MULTIPLIER));
	v->ops = &modern_ops;
	return true;
}

/* ---- legacy ---- */

static u8 legacy_status(struct virtio *v)
{
	return in8(v->io + LEGACY_STATUS);
}

static void legacy_set_status(struct virtio *v, u8 status)
{
	out8(v->io + LEGACY_STATUS, status);
}

static u32 legacy_features(struct virtio *v, u32 word)
{
	return in32(v->io + LEGACY_FEATURES);
}

static void legacy_set_features(struct virtio *v, u32 word, u32 bits)
{
	out32(v->io + LEGACY_DRIVER_FEATURES, bits);
}

static u32 legacy_generation(struct virtio *v)
{
	return 0;
}

static u8 legacy_config(struct virtio *v, u32 offset)
{
	return in8((u16)(v->io + LEGACY_CONFIG + offset));
}

static u16 legacy_queue_size(struct virtio *v)
{
	out16(v->io + LEGACY_QUEUE_SELECT, 0);
	return in16(v->io + LEGACY_QUEUE_SIZE);
}

static void legacy_set_queue(struct virtio *v, u16 size)
{
	out16(v->io + LEGACY_QUEUE_SELECT, 0);
	out32(v->io + LEGACY_QUEUE_PAGE, (u32)((uintptr_t)v->queue.desc / PAGE_SIZE));
}

static void legacy_notify(struct virtio *v)
{
	out16(v->io + LEGACY_NOTIFY, 0);
}

static const struct virtio_ops legacy_ops = {
	.status = legacy_status,
	.set_status = legacy_set_status,
	.features = legacy_features,
	.set_features = legacy_set_features,
	.generation = legacy_generation,
	.config = legacy_config,
	.queue_size = legacy_queue_size,
	.set_queue = legacy_set_queue,
	.notify = legacy_notify,
};

static bool legacy_find(struct virtio *v, pci_function f)
{
	bool io;
	u64 base = pci_base(f, 0, &io);

	if (!io || !base)
		return false;
	v->io = (u16)base;
	v->legacy = v->fixed_size = true;
	v->ops = &legacy_ops;
	return true;
}

/* ---- finding ---- */

struct search {
	u32 id;
	struct virtio *found;
	u32 n, most;
};

static bool search_is_for(const struct search *s, pci_function f)
{
	u16 device = pci_get16(f, 2);

	if (pci_get16(f, 0) != VENDOR)
		return false;
	if (device >= TRANSITIONAL && device < MODERN)
		return pci_get16(f, SUBSYSTEM) == s->id;
	return device == MODERN + s->id;
}

static bool search_each(void *ctx, pci_function f)
{
	struct search *s = ctx;
	struct virtio v = { .bus = "virtio-pci", .where = f };

	if (!search_is_for(s, f))
		return true;
	pci_enable(f);
	if (modern_find(&v, f) || legacy_find(&v, f))
		s->found[s->n++] = v;
	else
		printf("metal: the virtio device at PCI %02x:%02x.%x has no address: the firmware gave "
		       "it none\n",
		       f >> 16, f >> 11 & 31, f >> 8 & 7);
	return s->n < s->most;
}

u32 virtio_pci_find(u32 id, struct virtio *found, u32 most)
{
	struct search s = { .id = id, .found = found, .most = most };

	if (most)
		pci_walk(search_each, &s);
	return s.n;
}
