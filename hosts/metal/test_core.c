/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Does the core stand, without any disk? On two small ones of memory: what fails after this has
 * passed is the driver's, or only shows in the whole of the core's own suite.
 */
#include "layer.h"
#include "malloc.h"
#include "remap.h"
#include "test.h"

#define MAIN_SECTORS  32u
#define SPARE_SECTORS 128u
#define BAD           9u /* sector of main that can't be written */

struct memory_disk {
	struct disk disk;
	u8 *memory;
	u64 bad; /* ~0: none */
};

static int memory_read(struct disk *disk, void *memory, u64 sector, u32 count)
{
	memcpy(memory, ((struct memory_disk *)disk)->memory + sector * BM_SECTOR,
	       count * BM_SECTOR);
	return 0;
}

static int memory_write(struct disk *disk, const void *memory, u64 sector, u32 count)
{
	struct memory_disk *m = (struct memory_disk *)disk;

	if (m->bad - sector < count)
		return -EIO;
	memcpy(m->memory + sector * BM_SECTOR, memory, count * BM_SECTOR);
	return 0;
}

static const struct disk_ops memory_ops = { .read = memory_read, .write = memory_write };

static struct memory_disk memory_disk(u64 sectors, u64 bad)
{
	struct memory_disk m = {
		.disk = { .ops = &memory_ops, .sectors = sectors, .block_size = 512, .most = 8 },
		.memory = calloc(sectors, BM_SECTOR),
		.bad = bad,
	};

	EXPECT(m.memory);
	return m;
}

static void it_stands_on_memory(void)
{
	const struct bm_format format = { .set_id = 1, .log_size = 512 };
	const struct remap_options options = { .now = 1000000000 };
	struct memory_disk main = memory_disk(MAIN_SECTORS, BAD),
			   spare = memory_disk(SPARE_SECTORS, ~0ull);
	u8 data[4 * BM_SECTOR], back[4 * BM_SECTOR];
	struct remap remap;

	EXPECT_EQUAL(bm_crc32c(0, "123456789", 9), 0xe3069283); /* the catalogue's check value */
	for (u32 i = 0; i < sizeof(data); i++)
		data[i] = (u8)(i * 7);
	EXPECT_EQUAL(remap_format(&remap, &main.disk, &spare.disk, &format, &options), 0);
	EXPECT_EQUAL(remap_write(&remap, data, BAD - 2, 4, true), 0);
	remap_close(&remap);
	EXPECT_EQUAL(remap_open(&remap, &main.disk, &spare.disk, &options), 0);
	EXPECT_EQUAL(remap_read(&remap, back, BAD - 2, 4), 0);
	EXPECT(!memcmp(data, back, sizeof(data)));
	EXPECT(memcmp(main.memory + BAD * BM_SECTOR, data + 2 * BM_SECTOR, BM_SECTOR));
	remap_close(&remap);
	free(spare.memory);
	free(main.memory);
	layer_holds("core");
}
METAL_TEST("core/it-stands-on-memory", it_stands_on_memory);
