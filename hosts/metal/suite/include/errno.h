/* SPDX-License-Identifier: GPL-2.0-only */
/* Linux's numbers, as core/port.h has them where there is no such header. */
#ifndef METAL_SUITE_ERRNO_H
#define METAL_SUITE_ERRNO_H

#define EPERM           1
#define ENOENT          2
#define EINTR           4
#define EIO             5
#define ENXIO           6
#define EAGAIN          11
#define ENOMEM          12
#define EBUSY           16
#define EEXIST          17
#define ENODEV          19
#define EINVAL          22
#define EFBIG           27
#define ENOSPC          28
#define EROFS           30
#define ERANGE          34
#define ENODATA         61
#define ENOLINK         67
#define EOVERFLOW       75
#define EILSEQ          84
#define EPROTONOSUPPORT 93
#define EOPNOTSUPP      95
#define ETIMEDOUT       110
#define ESTALE          116
#define EUCLEAN         117
#define EREMOTEIO       121
#define EMEDIUMTYPE     124
#define ECANCELED       125

#endif
