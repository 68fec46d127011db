/* SPDX-License-Identifier: GPL-2.0-only */
/* C++ on the metal: constructors have run, new and delete use the heap. */
#include <new>
#include <stddef.h>
#include <stdint.h>

#include "test.h"

extern "C" {
#include "heap.h"
#include "malloc.h"
}

namespace
{

int order;

struct counted {
	static int alive;
	int made; /* as which of all */
	uint64_t value;

	explicit counted(uint64_t value) : made(++order), value(value)
	{
		alive++;
	}
	virtual ~counted()
	{
		alive--;
	}
	virtual uint64_t twice() const
	{
		return value * 2;
	}
};

int counted::alive;

struct derived : counted {
	using counted::counted;
	uint64_t twice() const override
	{
		return value * 2 + 1;
	}
};

struct alignas(256) wide {
	char bytes[300];
};

/* Not constants to the compiler, so their constructors have to run. */
uint64_t volatile seven = 7;
counted first(seven);
derived second(seven + 1);

size_t blocks()
{
	struct heap_usage usage;

	EXPECT_EQUAL(heap_check(malloc_heap(), &usage), 0);
	return usage.blocks;
}

void constructors_ran()
{
	EXPECT_EQUAL(first.value, 7);
	EXPECT_EQUAL(second.value, 8);
	EXPECT_EQUAL(first.made, 1);
	EXPECT_EQUAL(second.made, 2);
}
METAL_TEST("cxx/static-constructors-ran", constructors_ran);

void new_and_delete()
{
	size_t before = blocks();
	int alive = counted::alive;
	counted *one = new derived(20),
		*many = new counted[3]{ counted(1), counted(2), counted(3) };

	EXPECT_EQUAL(blocks(), before + 2);
	EXPECT_EQUAL(counted::alive, alive + 4);
	EXPECT_EQUAL(one->twice(), 41);
	EXPECT_EQUAL(many[2].twice(), 6);
	delete one;
	delete[] many;
	EXPECT_EQUAL(counted::alive, alive);
	EXPECT_EQUAL(blocks(), before);
}
METAL_TEST("cxx/new-and-delete", new_and_delete);

void aligned_new()
{
	size_t before = blocks();
	wide *one = new wide, *several = new wide[2];

	EXPECT_EQUAL((uintptr_t)one % 256, 0);
	EXPECT_EQUAL((uintptr_t)several % 256, 0);
	delete one;
	delete[] several;
	EXPECT_EQUAL(blocks(), before);
}
METAL_TEST("cxx/aligned-new", aligned_new);

void nothrow_new()
{
	/* What is not seen to be used need not be allocated ([expr.new]). */
	char *volatile none = new (std::nothrow) char[(size_t)1 << 40];

	EXPECT(none == nullptr);
}
METAL_TEST("cxx/new-may-answer-null", nothrow_new);

counted &local_static()
{
	static counted once(seven);

	return once;
}

void made_once()
{
	int before = order;

	EXPECT_EQUAL(local_static().made, before + 1);
	EXPECT_EQUAL(local_static().made, before + 1);
	EXPECT_EQUAL(order, before + 1);
}
METAL_TEST("cxx/statics-in-functions-are-made-once", made_once);

} // namespace
