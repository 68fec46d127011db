/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The core's only seam to the platform: fixed-width types, byte order, atomics, error numbers
 * and the four memory functions that compilers emit calls to anyway. Every platform #ifdef of
 * core/ stands in this file.
 */
#ifndef BLKMEND_PORT_H
#define BLKMEND_PORT_H

#ifdef __KERNEL__

#include <linux/types.h>
#include <linux/string.h>
#include <linux/errno.h>
#include <linux/compiler.h>
#include <asm/barrier.h>

#define bm_load(p)             READ_ONCE(*(p))
#define bm_store(p, v)         WRITE_ONCE(*(p), v)
#define bm_load_acquire(p)     smp_load_acquire(p)
#define bm_store_release(p, v) smp_store_release(p, v)

#else

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#if __STDC_HOSTED__
#include <errno.h>
#include <string.h>
#else
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
/* Linux's numbers: every host reports errors with the same ones. */
enum {
	EPERM = 1,
	ENOENT = 2,
	EINTR = 4,
	EIO = 5,
	ENXIO = 6,
	ENOMEM = 12,
	EBUSY = 16,
	EEXIST = 17,
	ENODEV = 19,
	EINVAL = 22,
	EFBIG = 27,
	ENOSPC = 28,
	EROFS = 30,
	ERANGE = 34,
	ENODATA = 61,
	ENOLINK = 67,
	EOVERFLOW = 75,
	EILSEQ = 84,
	EPROTONOSUPPORT = 93,
	EOPNOTSUPP = 95,
	ETIMEDOUT = 110,
	ESTALE = 116,
	EUCLEAN = 117,
	EMEDIUMTYPE = 124,
	ECANCELED = 125,
};
#endif

#define bm_load(p)             __atomic_load_n(p, __ATOMIC_RELAXED)
#define bm_store(p, v)         __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define bm_load_acquire(p)     __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define bm_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

#endif

/* 1: smaller code, if slower, that does the same. A host may say so when it compiles the core. */
#ifndef BM_SMALL
#define BM_SMALL 0
#endif

/* Little-endian fields at any alignment; compilers turn these into single loads and stores. */
static inline u16 bm_get16(const void *p)
{
	const u8 *b = p;

	return (u16)(b[0] | b[1] << 8);
}

static inline u32 bm_get32(const void *p)
{
	const u8 *b = p;

	return (u32)b[0] | (u32)b[1] << 8 | (u32)b[2] << 16 | (u32)b[3] << 24;
}

static inline u64 bm_get64(const void *p)
{
	const u8 *b = p;

	return (u64)bm_get32(b) | (u64)bm_get32(b + 4) << 32;
}

static inline void bm_put16(void *p, u16 v)
{
	u8 *b = p;

	b[0] = (u8)(v & 0xff);
	b[1] = (u8)(v >> 8);
}

static inline void bm_put32(void *p, u32 v)
{
	u8 *b = p;

	bm_put16(b, (u16)(v & 0xffff));
	bm_put16(b + 2, (u16)(v >> 16));
}

static inline void bm_put64(void *p, u64 v)
{
	u8 *b = p;

	bm_put32(b, (u32)v);
	bm_put32(b + 4, (u32)(v >> 32));
}

#endif
