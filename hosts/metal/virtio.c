// SPDX-License-Identifier: GPL-2.0-only
#include "hosts/metal/virtio.h"

#include "hosts/metal/malloc.h"
#include "hosts/metal/paging.h"
#include "hosts/metal/time.h"
#include "hosts/metal/x86.h"

#define SIZE_MOST  1024u
#define SIZE_LEAST 4u
#define GLANCE     1000u /* looks at the ring for one at the device */

enum { DESC_NEXT = 1, DESC_WRITE = 2 }; /* 2.7.5 */
enum { AVAIL_NO_INTERRUPT = 1 };        /* 2.7.6 */
enum { USED_NO_NOTIFY = 1 };            /* 2.7.8 */

u64 virtio_patience = VIRTIO_PATIENCE;

volatile u8 *virtio_map(u64 address, u64 size)
{
	u64 start = address & ~(PAGE_SIZE - 1),
	    end = (address + size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);

	if (paging_set(start, end - start, PAGING_READ | PAGING_WRITE | PAGING_DEVICE))
		return NULL;
	return (volatile u8 *)(uintptr_t)address;
}

/* ---- life ---- */

static void status_add(struct virtio *v, u8 bits)
{
	v->ops->set_status(v, v->ops->status(v) | bits);
}

/* A device may take its time (4.1.4.3.2, 2.4.1). */
static int reset(struct virtio *v)
{
	u64 start = time_now();

	v->ops->set_status(v, 0);
	while (v->ops->status(v))
		if (time_now() - start > virtio_patience)
			return -ENODEV;
	return 0;
}

void virtio_end(struct virtio *v)
{
	v->off = true;
	/* What does not let itself be reset may still write there: the memory is not freed then. */
	if (reset(v) || !v->queue.size)
		return;
	free(v->queue.desc);
	v->queue.size = 0;
}

static int give_up(struct virtio *v, int err)
{
	if (!v->off)
		v->ops->set_status(v, VIRTIO_FAILED);
	virtio_end(v);
	return err;
}

/* Which features both have: 3.1.1, steps 4 to 6. */
static int agree(struct virtio *v, u64 wanted)
{
	v->features = v->ops->features(v, 0);
	if (!v->legacy)
		v->features |= (u64)v->ops->features(v, 1) << 32;
	v->features &= wanted | 1ull << VIRTIO_F_VERSION_1;
	if (!v->legacy && !virtio_has(v, VIRTIO_F_VERSION_1))
		return -ENODEV;
	v->ops->set_features(v, 0, (u32)v->features);
	if (v->legacy)
		return 0;
	v->ops->set_features(v, 1, (u32)(v->features >> 32));
	status_add(v, VIRTIO_FEATURES_OK);
	return v->ops->status(v) & VIRTIO_FEATURES_OK ? 0 : -ENODEV;
}

static size_t used_start(u16 size)
{
	size_t end = size * sizeof(struct virtio_desc) + sizeof(struct virtio_avail) +
		     (size + 1u) * sizeof(u16); /* and used_event, which nobody uses */

	return (end + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

static int queue_make(struct virtio *v)
{
	struct virtio_queue *q = &v->queue;
	u16 size = v->ops->queue_size(v);
	size_t bytes;
	u8 *memory;

	if (!v->fixed_size && size > SIZE_LEAST)
		size = SIZE_LEAST;
	if (size < SIZE_LEAST || size > SIZE_MOST || size & (size - 1))
		return -ENODEV;
	bytes = used_start(size) + sizeof(*q->used) + size * sizeof(q->used->ring[0]) + sizeof(u16);
	bytes = (bytes + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	memory = aligned_alloc(PAGE_SIZE, bytes);
	if (!memory)
		return -ENOMEM;
	memset(memory, 0, bytes);
	*q = (struct virtio_queue){
		.size = size,
		.desc = (void *)memory,
		.avail = (void *)(memory + size * sizeof(struct virtio_desc)),
		.used = (void *)(memory + used_start(size)),
	};
	q->avail->flags = AVAIL_NO_INTERRUPT;
	v->ops->set_queue(v, size);
	return 0;
}

int virtio_begin(struct virtio *v, u64 wanted)
{
	int err = reset(v);

	v->off = err;
	if (err)
		return err;
	status_add(v, VIRTIO_ACKNOWLEDGE);
	status_add(v, VIRTIO_DRIVER);
	err = agree(v, wanted);
	if (!err)
		err = queue_make(v);
	return err ? give_up(v, err) : 0;
}

int virtio_go(struct virtio *v)
{
	status_add(v, VIRTIO_DRIVER_OK);
	return v->ops->status(v) & VIRTIO_NEEDS_RESET ? give_up(v, -ENODEV) : 0;
}

bool virtio_has(const struct virtio *v, u32 feature)
{
	return v->features >> feature & 1;
}

void virtio_config(struct virtio *v, u32 offset, void *to, u32 size)
{
	u32 before, tries = 0;

	do {
		before = v->ops->generation(v);
		for (u32 i = 0; i < size; i++)
			((u8 *)to)[i] = v->ops->config(v, offset + i);
	} while (v->ops->generation(v) != before && ++tries < GLANCE);
}

/* ---- requests ---- */

/* Into the first descriptors: there is never more than one request (2.7.13). */
static void offer(struct virtio *v, const struct virtio_part *parts, u32 count)
{
	struct virtio_queue *q = &v->queue;

	for (u32 i = 0; i < count; i++)
		q->desc[i] = (struct virtio_desc){
			.address = (u64)(uintptr_t)parts[i].memory,
			.length = parts[i].length,
			.flags = (u16)((i + 1 < count ? DESC_NEXT : 0) |
				       (parts[i].device_writes ? DESC_WRITE : 0)),
			.next = (u16)(i + 1),
		};
	q->avail->ring[q->seen & (q->size - 1)] = 0;
	bm_store_release(&q->avail->index, (u16)(q->seen + 1));
	/* The device looks at the index after it said that it wants to be told no more. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(bm_load(&q->used->flags) & USED_NO_NOTIFY))
		v->ops->notify(v);
}

static int await(struct virtio *v)
{
	struct virtio_queue *q = &v->queue;
	u64 start = time_now();

	for (u32 looks = 1; bm_load_acquire(&q->used->index) == q->seen; looks++) {
		cpu_relax();
		if (looks % GLANCE)
			continue;
		if (v->ops->status(v) & VIRTIO_NEEDS_RESET)
			return -ENODEV;
		if (time_now() - start > virtio_patience)
			return -ETIMEDOUT;
	}
	/* One answer, and to this request. */
	if (q->used->index != (u16)(q->seen + 1) || q->used->ring[q->seen & (q->size - 1)].id)
		return -ENODEV;
	q->seen++;
	return 0;
}

int virtio_request(struct virtio *v, const struct virtio_part *parts, u32 count)
{
	int err;

	if (v->off)
		return -ENODEV;
	offer(v, parts, count);
	err = await(v);
	return err ? give_up(v, err) : 0;
}
