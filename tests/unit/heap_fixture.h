/* SPDX-License-Identifier: GPL-2.0-only */
/* A heap of either kind in memory whose ends the sanitizers watch, and what it has reported. */
#ifndef UNIT_HEAP_FIXTURE_H
#define UNIT_HEAP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hosts/metal/heap.h"

struct heap_kind {
	const char *name;
	struct heap *(*init)(void *memory, size_t size);
};

static const struct heap_kind heap_bump = { "bump", bump_init };
static const struct heap_kind heap_freelist = { "free list", freelist_init };

/* One test for each kind, which finds it in *state. */
#define heap_test_both(test)                                                                       \
	cmocka_unit_test_prestate_setup_teardown(test, NULL, NULL, (void *)&heap_bump),            \
		cmocka_unit_test_prestate_setup_teardown(test, NULL, NULL, (void *)&heap_freelist)

struct fixture {
	struct heap *heap;
	void *memory;
	size_t size;
	unsigned int faults; /* reported so far */
	enum heap_fault fault;
	const void *address; /* of the last */
};

static inline void fixture_report(void *context, enum heap_fault fault, const void *address)
{
	struct fixture *f = context;

	f->faults++;
	f->fault = fault;
	f->address = address;
}

static inline void fixture_start(struct fixture *f, const struct heap_kind *kind, size_t size)
{
	*f = (struct fixture){ .memory = malloc(size), .size = size };
	assert_non_null(f->memory);
	f->heap = kind->init(f->memory, size);
	assert_non_null(f->heap);
	heap_on_fault(f->heap, fixture_report, f);
}

static inline void fixture_finish(struct fixture *f)
{
	assert_int_equal(f->faults, 0);
	free(f->memory);
}

/* One fault of this kind has been reported since the last call, at this address unless NULL. */
static inline void expect_fault(struct fixture *f, enum heap_fault fault, const void *address)
{
	assert_int_equal(f->faults, 1);
	assert_string_equal(heap_fault_name(f->fault), heap_fault_name(fault));
	if (address != NULL)
		assert_ptr_equal(f->address, address);
	f->faults = 0;
}

#endif
