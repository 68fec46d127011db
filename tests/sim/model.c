/* SPDX-License-Identifier: GPL-2.0-only */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>

void model_init(struct model *model, u32 sectors, bool through)
{
	*model = (struct model){ .oldest_read = ~0ull, .now = 1, .through = through };
	model_grow(model, sectors);
}

void model_grow(struct model *model, u32 sectors)
{
	model->cell = realloc(model->cell, sectors * sizeof(*model->cell));
	for (u32 i = model->sectors; i < sectors; i++) {
		model->cell[i] = (struct model_cell){ .count = 1 };
		model->cell[i].value[0] =
			(struct model_value){ .id = MODEL_FIRST, .ended = 1, .acked = true };
	}
	model->sectors = sectors;
}

void model_free(struct model *model)
{
	free(model->cell);
	model->cell = NULL;
	model->sectors = 0;
}

void model_copy(struct model *to, const struct model *from)
{
	struct model_cell *cell = to->cell;

	if (to->sectors != from->sectors)
		cell = realloc(cell, from->sectors * sizeof(*cell));
	memcpy(cell, from->cell, from->sectors * sizeof(*cell));
	*to = *from;
	to->cell = cell;
}

/* The same value, failed twice: the later one lasts longer. */
static bool is_repeated(const struct model_cell *cell, const struct model_value *v)
{
	for (const struct model_value *w = v + 1; w < cell->value + cell->count; w++)
		if (w->id == v->id && !w->acked && !v->acked && w->gone == 0 && !w->perished &&
		    w->ended >= v->ended && v->ended != 0)
			return true;
	return false;
}

static void cell_sweep(const struct model *model, struct model_cell *cell)
{
	u32 n = 0;

	for (u32 i = 0; i < cell->count; i++) {
		const struct model_value *v = &cell->value[i];

		if (is_repeated(cell, v))
			continue;
		if (v->gone == 0 || !v->perished || v->gone >= model->oldest_read)
			cell->value[n++] = *v;
	}
	cell->count = n;
}

static void cell_add(const struct model *model, struct model_cell *cell,
		     const struct model_value *value)
{
	cell_sweep(model, cell);
	if (cell->count == MODEL_VALUES)
		cell->blur = true;
	else
		cell->value[cell->count++] = *value;
}

u64 model_begin(struct model *model, u32 id, u64 sector, u64 count)
{
	model->version++;
	model->now++;
	for (u64 s = sector; s < sector + count; s++)
		cell_add(model, &model->cell[s],
			 &(struct model_value){ .id = id, .begun = model->now });
	return model->now;
}

/* Values finished before `by` began are gone for readers, and for a cut if `by` is durable. */
static void cell_supersede(struct model_cell *cell, const struct model_value *by, u64 now,
			   bool live, bool durable)
{
	for (u32 i = 0; i < cell->count; i++) {
		struct model_value *v = &cell->value[i];

		if (v->ended == 0 || v->ended >= by->begun)
			continue;
		if (live && v->gone == 0)
			v->gone = now;
		if (durable)
			v->perished = true;
	}
}

void model_end(struct model *model, u32 id, u64 sector, u64 count, u64 begun, int error,
	       bool durable)
{
	model->version++;
	model->now++;
	for (u64 s = sector; s < sector + count; s++) {
		struct model_cell *cell = &model->cell[s];

		for (u32 i = 0; i < cell->count; i++) {
			struct model_value *v = &cell->value[i];

			if (v->id != id || v->begun != begun)
				continue;
			v->ended = model->now;
			v->acked = error == 0;
			if (v->acked)
				cell_supersede(cell, v, model->now, true,
					       durable || model->through);
		}
		cell_sweep(model, cell);
	}
}

void model_may_fail(struct model *model, u64 sector, u64 count)
{
	u64 begun;

	/* Once is enough: a value that never was acknowledged is only renewed. */
	for (u64 s = sector; s < sector + count; s++)
		for (u32 i = 0; i < model->cell[s].count; i++) {
			struct model_value *v = &model->cell[s].value[i];

			if (v->id == MODEL_EIO && v->ended != 0 && !v->acked && v->gone == 0)
				v->gone = v->perished = true;
		}
	begun = model_begin(model, MODEL_EIO, sector, count);
	model_end(model, MODEL_EIO, sector, count, begun, -EIO, false);
}

void model_flush(struct model *model, u64 begun)
{
	model->version++;
	model->now++;
	for (u32 s = 0; s < model->sectors; s++) {
		struct model_cell *cell = &model->cell[s];

		for (u32 i = 0; i < cell->count; i++)
			if (cell->value[i].acked && cell->value[i].ended <= begun)
				cell_supersede(cell, &cell->value[i], model->now, false, true);
		cell_sweep(model, cell);
	}
}

void model_cut(struct model *model)
{
	model->version++;
	model->now++;
	model->oldest_read = ~0ull;
	for (u32 s = 0; s < model->sectors; s++) {
		struct model_cell *cell = &model->cell[s];

		for (u32 i = 0; i < cell->count; i++) {
			struct model_value *v = &cell->value[i];

			/* Any of them may be it: none is known to be the last any more. */
			v->gone = v->perished ? 1 : 0;
			v->acked = false;
			v->ended = model->now;
		}
		cell_sweep(model, cell);
	}
	model->now++;
}

bool model_allows(const struct model *model, u64 sector, u32 id, u64 begun)
{
	const struct model_cell *cell = &model->cell[sector];

	if (model->anything || cell->blur)
		return true;
	for (u32 i = 0; i < cell->count; i++)
		if (cell->value[i].id == id &&
		    (cell->value[i].gone == 0 || cell->value[i].gone > begun))
			return true;
	return false;
}

bool model_allows_after_cut(const struct model *model, u64 sector, u32 id)
{
	const struct model_cell *cell = &model->cell[sector];

	if (model->anything || cell->blur)
		return true;
	for (u32 i = 0; i < cell->count; i++)
		if (cell->value[i].id == id && !cell->value[i].perished)
			return true;
	return false;
}

void model_saw(struct model *model, u64 sector, u32 id)
{
	model->cell[sector].count = 1;
	model->cell[sector].blur = false;
	model->cell[sector].value[0] = (struct model_value){
		.id = id, .begun = model->now, .ended = model->now, .acked = true
	};
}

/* ---- contents ---- */

static u64 content_mix(u32 id, u64 sector)
{
	u64 x = (u64)id << 40 ^ sector ^ 0x9e3779b97f4a7c15ull;

	x *= 0xbf58476d1ce4e5b9ull;
	x ^= x >> 29;
	return x * 0x94d049bb133111ebull;
}

void content_make(void *buf, u32 id, u64 sector)
{
	u64 word[64], mix = content_mix(id, sector);

	if (id == MODEL_ZERO) {
		memset(buf, 0, 512);
		return;
	}
	word[0] = id;
	word[1] = sector;
	for (u32 i = 2; i < 64; i++)
		word[i] = mix + i;
	memcpy(buf, word, 512);
}

static bool content_decode(const void *buf, u32 *id, u64 *sector)
{
	u64 word[64], mix, wrong = 0;

	memcpy(word, buf, 512);
	mix = content_mix((u32)word[0], word[1]);
	for (u32 i = 2; i < 64; i++)
		wrong |= word[i] ^ (mix + i);
	*id = (u32)word[0];
	*sector = word[1];
	return wrong == 0 && word[0] >= MODEL_FIRST && word[0] < MODEL_INVENTED;
}

static bool content_is_zero(const void *buf)
{
	const u8 *b = buf;

	return b[0] == 0 && memcmp(b, b + 1, 511) == 0;
}

u32 content_read(const void *buf, u64 sector)
{
	u64 from;
	u32 id;

	if (content_is_zero(buf))
		return MODEL_ZERO;
	if (!content_decode(buf, &id, &from) || from != sector || id == MODEL_SPARE)
		return MODEL_INVENTED;
	return id;
}

void content_name(const void *buf, char *name, size_t size)
{
	u64 from;
	u32 id;

	if (content_is_zero(buf))
		snprintf(name, size, "zeroes");
	else if (!content_decode(buf, &id, &from))
		snprintf(name, size, "garbage (%02x...)", *(const u8 *)buf);
	else if (id == MODEL_SPARE)
		snprintf(name, size, "what the spare's sector %llu held before",
			 (unsigned long long)from);
	else
		snprintf(name, size, "write %u of sector %llu", id, (unsigned long long)from);
}
