// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regular files go through the page cache. Block devices don't: a buffered write to a failing disk
 * succeeds, and the error shows up later with nobody to tell which write it was.
 */
#include "hosts/posix/device_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "hosts/posix/pool.h"

#define BOUNCE_SIZE (256u << 10)
#define BOUNCES     16u
#define LOCK_NAPS   1000 /* of 20 ms: udev may meet bad sectors */

struct file {
	struct device dev;
	char *path;
	int fd;
	bool block;
	dev_t st_dev, st_rdev;
	ino_t st_ino;
	uint32_t memory_align;  /* of buffers for direct I/O */
	struct pool *bounce;    /* block devices only */
	atomic_bool no_dsync;   /* RWF_DSYNC isn't known here */
	atomic_bool no_zero[2]; /* fallocate() can't zero here; [1]: by punching a hole */
	atomic_bool no_discard;
};

static struct file *file_of(const struct device *dev)
{
	return (struct file *)((char *)(uintptr_t)dev - offsetof(struct file, dev));
}

/* ---- reading and writing ---- */

static int error_of(int err)
{
	return err == EDQUOT ? -ENOSPC : -err;
}

/* The file has shrunk since it was opened: that is no bad sector, but a device that went away. */
#define SHRUNK (-ENODEV)

static int file_pread(struct file *f, char *buf, uint64_t offset, size_t length)
{
	while (length) {
		ssize_t n = pread(f->fd, buf, length, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? error_of(errno) : SHRUNK;
		buf += n;
		offset += (size_t)n;
		length -= (size_t)n;
	}
	return 0;
}

static int file_pwrite(struct file *f, const char *buf, uint64_t offset, size_t length, int flags)
{
	while (length) {
		struct iovec iov = { (void *)(uintptr_t)buf, length };
		ssize_t n = flags ? pwritev2(f->fd, &iov, 1, (off_t)offset, flags)
				  : pwrite(f->fd, buf, length, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? error_of(errno) : SHRUNK;
		buf += n;
		offset += (size_t)n;
		length -= (size_t)n;
	}
	return 0;
}

static int file_sync(struct file *f)
{
	int err;

	do
		err = fdatasync(f->fd);
	while (err && errno == EINTR);
	return err ? error_of(errno) : 0;
}

static int file_pwrite_durable(struct file *f, const char *buf, uint64_t offset, size_t length)
{
	int err;

	if (!atomic_load_explicit(&f->no_dsync, memory_order_relaxed)) {
		err = file_pwrite(f, buf, offset, length, RWF_DSYNC);
		if (err != -EOPNOTSUPP && err != -ENOSYS)
			return err;
		atomic_store_explicit(&f->no_dsync, true, memory_order_relaxed);
	}
	err = file_pwrite(f, buf, offset, length, 0);
	return err ? err : file_sync(f);
}

static int file_put(struct file *f, const char *buf, uint64_t offset, size_t length, bool fua)
{
	return fua ? file_pwrite_durable(f, buf, offset, length)
		   : file_pwrite(f, buf, offset, length, 0);
}

static bool needs_bounce(const struct file *f, const void *buf)
{
	return f->block && (uintptr_t)buf % f->memory_align;
}

static int file_read(struct device *dev, void *buf, uint64_t offset, uint32_t length)
{
	struct file *f = file_of(dev);
	char *to = buf, *bounce;
	int err = 0;

	if (!needs_bounce(f, buf))
		return file_pread(f, buf, offset, length);
	bounce = pool_take(f->bounce);
	while (length && !err) {
		uint32_t n = length < BOUNCE_SIZE ? length : BOUNCE_SIZE;

		err = file_pread(f, bounce, offset, n);
		if (!err)
			memcpy(to, bounce, n);
		to += n;
		offset += n;
		length -= n;
	}
	pool_give(f->bounce, bounce);
	return err;
}

static int file_write(struct device *dev, const void *buf, uint64_t offset, uint32_t length,
		      bool fua)
{
	struct file *f = file_of(dev);
	const char *from = buf;
	char *bounce;
	int err = 0;

	if (!needs_bounce(f, buf))
		return file_put(f, buf, offset, length, fua);
	bounce = pool_take(f->bounce);
	while (length && !err) {
		uint32_t n = length < BOUNCE_SIZE ? length : BOUNCE_SIZE;

		memcpy(bounce, from, n);
		err = file_put(f, bounce, offset, n, fua);
		from += n;
		offset += n;
		length -= n;
	}
	pool_give(f->bounce, bounce);
	return err;
}

static int file_flush(struct device *dev)
{
	return file_sync(file_of(dev));
}

/* ---- zeroing and discarding ---- */

static const char zeroes[64 << 10] __attribute__((aligned(4096)));

static int zero_by_writing(struct file *f, uint64_t offset, uint64_t length)
{
	int err = 0;

	while (length && !err) {
		size_t n = length < sizeof(zeroes) ? (size_t)length : sizeof(zeroes);

		err = file_pwrite(f, zeroes, offset, n, 0);
		offset += n;
		length -= n;
	}
	return err;
}

/* ENODEV: this kind of file can't; of a block device it means that it has gone. */
static bool is_unsupported(const struct file *f, int err)
{
	return err == -EOPNOTSUPP || err == -ENOSYS || err == -ENOTTY ||
	       (err == -ENODEV && !f->block);
}

static int zero_by_fallocate(struct file *f, uint64_t offset, uint64_t length, bool may_trim)
{
	int mode = may_trim ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
	int err;

	if (atomic_load_explicit(&f->no_zero[may_trim], memory_order_relaxed))
		return -EOPNOTSUPP;
	do
		err = fallocate(f->fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)length);
	while (err && errno == EINTR);
	err = err ? error_of(errno) : 0;
	if (is_unsupported(f, err)) {
		atomic_store_explicit(&f->no_zero[may_trim], true, memory_order_relaxed);
		err = -EOPNOTSUPP;
	}
	return err;
}

static int file_zero(struct device *dev, uint64_t offset, uint64_t length, bool may_trim, bool fua)
{
	struct file *f = file_of(dev);
	uint64_t range[2] = { offset, length };
	int err;

	err = zero_by_fallocate(f, offset, length, may_trim);
	if (is_unsupported(f, err) && f->block)
		err = ioctl(f->fd, BLKZEROOUT, range) ? error_of(errno) : 0;
	if (is_unsupported(f, err))
		err = zero_by_writing(f, offset, length);
	if (!err && fua)
		err = file_sync(f);
	return err;
}

static int file_discard(struct device *dev, uint64_t offset, uint64_t length)
{
	struct file *f = file_of(dev);
	uint64_t range[2] = { offset, length };
	int err;

	if (atomic_load_explicit(&f->no_discard, memory_order_relaxed))
		return -EOPNOTSUPP;
	if (f->block)
		err = ioctl(f->fd, BLKDISCARD, range);
	else
		err = fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
				(off_t)length);
	err = err ? error_of(errno) : 0;
	if (is_unsupported(f, err)) {
		atomic_store_explicit(&f->no_discard, true, memory_order_relaxed);
		err = -EOPNOTSUPP;
	}
	return err;
}

/* ---- looking ---- */

static int file_extent(struct device *dev, uint64_t offset, uint64_t length, uint64_t *extent,
		       bool *hole)
{
	struct file *f = file_of(dev);
	off_t data, end;

	if (f->block)
		return -EOPNOTSUPP;
	data = lseek(f->fd, (off_t)offset, SEEK_DATA);
	if (data < 0 && errno != ENXIO)
		return errno == EINVAL ? -EOPNOTSUPP : error_of(errno);
	*hole = data < 0 || (uint64_t)data > offset;
	if (*hole) {
		*extent = data < 0 ? length : (uint64_t)data - offset;
	} else {
		end = lseek(f->fd, (off_t)offset, SEEK_HOLE);
		if (end < 0)
			return error_of(errno);
		*extent = (uint64_t)end - offset;
	}
	/* A hole may begin or end inside a block: round towards data. */
	if (*hole && *extent < length && *extent % dev->info.block_size) {
		*extent -= *extent % dev->info.block_size;
		if (!*extent)
			*hole = false;
	}
	if (!*hole)
		*extent += -*extent % dev->info.block_size;
	if (!*extent)
		*extent = dev->info.block_size;
	if (*extent > length)
		*extent = length;
	return 0;
}

static int64_t file_size(struct device *dev)
{
	struct file *f = file_of(dev);
	uint64_t size;
	struct stat st;

	if (f->block)
		return ioctl(f->fd, BLKGETSIZE64, &size) ? error_of(errno) : (int64_t)size;
	return fstat(f->fd, &st) ? error_of(errno) : (int64_t)st.st_size;
}

/* A loop device stands for the file behind it. */
static bool loop_shows(const struct file *loop, const struct file *f)
{
	struct loop_info64 info;

	if (!loop->block || f->block || ioctl(loop->fd, LOOP_GET_STATUS64, &info))
		return false;
	return info.lo_device == f->st_dev && info.lo_inode == f->st_ino;
}

static bool file_same(const struct device *a, const struct device *b)
{
	const struct file *fa = file_of(a), *fb = file_of(b);

	if (fa->block && fb->block)
		return fa->st_rdev == fb->st_rdev;
	if (!fa->block && !fb->block)
		return fa->st_dev == fb->st_dev && fa->st_ino == fb->st_ino;
	return loop_shows(fa, fb) || loop_shows(fb, fa);
}

static void file_close(struct device *dev)
{
	struct file *f = file_of(dev);

	if (f->fd >= 0)
		close(f->fd);
	pool_destroy(f->bounce);
	free(f->path);
	free(f);
}

static const struct device_ops file_ops = {
	.close = file_close,
	.same = file_same,
	.read = file_read,
	.write = file_write,
	.zero = file_zero,
	.discard = file_discard,
	.flush = file_flush,
	.extent = file_extent,
	.size = file_size,
};

/* ---- opening; every function here returns NULL (failed, *error is set) or f ---- */

struct opening {
	unsigned int flags;
	char **error;
	int *code;
};

#define FAIL(o, exit, ...) device_fail((o)->error, (o)->code, exit, __VA_ARGS__)

static struct file *fail_in_use(struct file *f, const struct stat *st, struct opening *o)
{
	bool ourselves;
	char *holder = device_holder(st, &ourselves);

	/* Who held it has gone, and what is found now is that it is open here. */
	if (ourselves && f->fd >= 0) {
		close(f->fd);
		f->fd = -1;
		holder = device_holder(st, &ourselves);
	}
	if (ourselves)
		FAIL(o, EXIT_DEVICE,
		     "%s is given twice: main and spare must be two different devices", f->path);
	else if (holder)
		FAIL(o, EXIT_BUSY, "%s is %s: release it there first", f->path, holder);
	else
		FAIL(o, EXIT_BUSY,
		     "%s is in use (mounted, or held by another program): release it there first",
		     f->path);
	free(holder);
	return NULL;
}

static bool block_is_read_only(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), read_only = 0;

	if (fd < 0)
		return false;
	if (ioctl(fd, BLKROGET, &read_only))
		read_only = 0;
	close(fd);
	return read_only;
}

static struct file *fail_read_only(struct file *f, struct opening *o)
{
	return FAIL(o, EXIT_PERMISSION,
		    "%s is read-only: make it writable (blockdev --setrw %s), or ask for "
		    "read-only service",
		    f->path, f->path);
}

static struct file *fail_open(struct file *f, const struct stat *st, int err, struct opening *o)
{
	const char *what = o->flags & DEVICE_READ_ONLY ? "reading" : "writing";

	switch (err) {
	case EBUSY:
		return fail_in_use(f, st, o);
	case EROFS:
		if (S_ISBLK(st->st_mode))
			return fail_read_only(f, o);
		return FAIL(o, EXIT_PERMISSION,
			    "%s is read-only: make it writable, or ask for read-only service",
			    f->path);
	case EACCES:
	case EPERM:
		if (S_ISBLK(st->st_mode) && block_is_read_only(f->path))
			return fail_read_only(f, o);
		return FAIL(o, EXIT_PERMISSION,
			    "no permission to open %s for %s: use sudo, or check its owner "
			    "and mode (ls -l %s)",
			    f->path, what, f->path);
	case ENXIO:
	case ENODEV:
	case ENOMEDIUM:
		return FAIL(o, EXIT_DEVICE,
			    "%s has no device or medium behind it: check the connection", f->path);
	default:
		return FAIL(o, EXIT_DEVICE, "can't open %s for %s: %s", f->path, what,
			    strerror(err));
	}
}

static struct file *fail_stat(struct file *f, int err, struct opening *o)
{
	if (err == ENOENT || err == ENOTDIR)
		return FAIL(o, EXIT_DEVICE, "%s does not exist: check the name (lsblk lists disks)",
			    f->path);
	if (err == EACCES)
		return FAIL(
			o, EXIT_PERMISSION,
			"no permission to reach %s: use sudo, or check the directories above it",
			f->path);
	return FAIL(o, EXIT_DEVICE, "can't look at %s: %s", f->path, strerror(err));
}

/*
 * flock(2). udev holds a shared lock on a disk for as long as its rules look at it, which they do
 * whenever somebody has closed a disk that was open for writing: who locks it for writing waits for
 * that, having claimed it.
 */
static bool file_lock(const struct file *f, int how)
{
	const struct timespec nap = { .tv_nsec = 20000000 };

	for (unsigned int naps = 0; flock(f->fd, how | LOCK_NB); naps++) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK || !f->block || how == LOCK_SH || naps == LOCK_NAPS)
			return false;
		nanosleep(&nap, NULL);
	}
	return true;
}

static struct file *file_open_fd(struct file *f, struct opening *o)
{
	bool rehearse, reads;
	int flags = O_CLOEXEC;
	struct stat st;

	if (stat(f->path, &st))
		return fail_stat(f, errno, o);
	if (S_ISDIR(st.st_mode))
		return FAIL(o, EXIT_DEVICE,
			    "%s is a directory: give a disk or a file with its image", f->path);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return FAIL(o, EXIT_DEVICE, "%s is neither a file nor a block device", f->path);
	f->block = S_ISBLK(st.st_mode);
	rehearse = f->block && o->flags & DEVICE_REHEARSE && !(o->flags & DEVICE_READ_ONLY);
	reads = o->flags & DEVICE_READ_ONLY || rehearse;
	if (rehearse && faccessat(AT_FDCWD, f->path, W_OK, AT_EACCESS))
		return fail_open(f, &st, errno, o);
	flags |= reads ? O_RDONLY : O_RDWR;
	if (f->block)
		flags |= O_DIRECT;
	if (f->block && o->flags & DEVICE_LOCK &&
	    (o->flags & DEVICE_CLAIM || !(o->flags & DEVICE_READ_ONLY)))
		flags |= O_EXCL;
	f->fd = open(f->path, flags);
	if (f->fd < 0)
		return fail_open(f, &st, errno, o);
	if (fstat(f->fd, &st) || S_ISBLK(st.st_mode) != f->block)
		return FAIL(o, EXIT_DEVICE, "%s was replaced while it was opened: try again",
			    f->path);
	f->st_dev = st.st_dev;
	f->st_ino = st.st_ino;
	f->st_rdev = st.st_rdev;
	if (o->flags & DEVICE_LOCK && !file_lock(f, reads ? LOCK_SH : LOCK_EX))
		return errno == EWOULDBLOCK
			       ? fail_in_use(f, &st, o)
			       : FAIL(o, EXIT_BUSY, "can't lock %s: %s", f->path, strerror(errno));
	return f;
}

static uint32_t memory_align_of(int fd, uint32_t block_size)
{
#ifdef STATX_DIOALIGN
	struct statx stx;

	if (!statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) && stx.stx_mask & STATX_DIOALIGN &&
	    stx.stx_dio_mem_align)
		return stx.stx_dio_mem_align;
#endif
	return block_size;
}

static struct file *block_look(struct file *f, struct opening *o)
{
	struct device_info *info = &f->dev.info;
	unsigned int physical = 0;
	int logical = 0, read_only = 0;
	uint64_t number;

	if (ioctl(f->fd, BLKSSZGET, &logical) || ioctl(f->fd, BLKGETSIZE64, &info->size))
		return FAIL(o, EXIT_DEVICE, "can't ask %s for its size: %s", f->path,
			    strerror(errno));
	if (logical != 512 && logical != 4096)
		return FAIL(o, EXIT_DEVICE,
			    "%s has blocks of %d bytes; blkmend works with 512 and 4096", f->path,
			    logical);
	info->kind = DEVICE_BLOCK;
	info->block_size = (uint32_t)logical;
	info->physical = ioctl(f->fd, BLKPBSZGET, &physical) ? info->block_size : physical;
	/* Some kernels let a read-only device be opened for writing. */
	if (!ioctl(f->fd, BLKROGET, &read_only) && read_only && !info->read_only)
		return fail_read_only(f, o);
	info->can_trim = device_queue_number(f->st_rdev, "discard_max_bytes", &number) && number;
	info->rotational = device_queue_number(f->st_rdev, "rotational", &number) && number;
	f->memory_align = memory_align_of(f->fd, info->block_size);
	f->bounce = pool_create(BOUNCES, BOUNCE_SIZE);
	if (!f->bounce)
		return FAIL(o, EXIT_MEMORY, "out of memory while opening %s", f->path);
	device_identify_block(f->path, f->st_rdev, info->identity);
	return f;
}

static struct file *regular_look(struct file *f, struct opening *o)
{
	struct device_info *info = &f->dev.info;
	struct stat st;

	if (fstat(f->fd, &st))
		return fail_stat(f, errno, o);
	info->kind = DEVICE_FILE;
	info->size = (uint64_t)st.st_size;
	info->block_size = 512;
	info->physical = 4096;
	info->can_trim = true;
	if (info->size % 512)
		return FAIL(o, EXIT_DEVICE,
			    "%s is %" PRIu64 " bytes long, not a multiple of 512: is it a whole "
			    "disk image? (truncate -s %%512 %s pads it)",
			    f->path, info->size, f->path);
	device_identify_content(f->fd, info->identity);
	return f;
}

struct device *device_file_open(const char *path, unsigned int flags, char **error, int *code)
{
	struct opening o = { flags, error, code };
	struct file *f = calloc(1, sizeof(*f));

	if (!f || !(f->path = strdup(path))) {
		free(f);
		return device_fail(error, code, EXIT_MEMORY, "out of memory while opening %s",
				   path);
	}
	f->fd = -1;
	f->dev.ops = &file_ops;
	f->dev.info.name = f->path;
	f->dev.info.read_only = flags & DEVICE_READ_ONLY;
	f->dev.info.can_zero = true;
	f->dev.info.can_multi_conn = true;
	if (!file_open_fd(f, &o) || !(f->block ? block_look(f, &o) : regular_look(f, &o)))
		goto err_close;
	if (f->dev.info.size == 0) {
		FAIL(&o, EXIT_DEVICE, "%s is empty: it has no room for anything", path);
		goto err_close;
	}
	return &f->dev;

err_close:
	file_close(&f->dev);
	return NULL;
}
