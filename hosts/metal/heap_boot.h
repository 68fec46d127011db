/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The heap that malloc() uses: chosen by the word heap=list or heap=bump, the former if nothing is
 * said, with heap-size= bytes of what memory there is beyond the image.
 */
#ifndef BLKMEND_METAL_HEAP_BOOT_H
#define BLKMEND_METAL_HEAP_BOOT_H

/*
 * Make it, and prove it as layer "allocator". From then on whatever it finds wrong is told, with
 * who called it, and ends the run with METAL_EXIT_HEAP.
 */
void heap_boot(void);

#endif
