/* SPDX-License-Identifier: GPL-2.0-only */
/* Only because cmocka wants it included. */
#ifndef METAL_SUITE_SETJMP_H
#define METAL_SUITE_SETJMP_H

#endif
