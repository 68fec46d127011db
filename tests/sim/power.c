/* SPDX-License-Identifier: GPL-2.0-only */
#include "power.h"

static void disk_settle(struct disk *disk, u64 *random)
{
	const u8 *choice[DISK_CHOICES];

	for (u32 s = 0; s < disk->sectors; s++) {
		u32 n = disk_choices(disk, s, choice);

		disk->now[s] = choice[rng_below(random, n)];
	}
	memcpy(disk->durable, disk->now, disk->sectors * sizeof(*disk->now));
	disk->nwrites = 0;
	for (u32 i = 0; i < disk->nfaults; i++)
		if (disk->faults[i].number != 0)
			disk->faults[i].times = 0;
}

void power_cut(struct host *host, u64 *random)
{
	report->count[COUNT_CUTS]++;
	report_trace("%p the power is cut\n", (void *)host);
	host_halt(host);
	disk_settle(&host->disk[BM_MAIN], random);
	disk_settle(&host->disk[BM_SPARE], random);
	model_cut(host->model);
}

void power_look(struct host *host)
{
	u64 per = host->geometry.block_size / SECTOR;

	for (u64 s = 0; s < host->config.main_sectors && !host->stop; s += per) {
		struct task *task = host_submit(host, TASK_READ, s, per, false);

		if (!host_run(host))
			return;
		for (u64 i = 0; task->error == 0 && i < per; i++)
			model_saw(host->model, s + i, content_read(task->data + i * SECTOR, s + i));
		host_finish(host, task);
	}
}
