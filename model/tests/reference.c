// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "dmap/dmap.h"
#include "machine.h"
#include "reference.h"

#define WORDS	(DMAP_BLOCK_PAGES / BITS_PER_LONG)

/* A page is in @idle, in @live, or not dmap's. */
struct ref_block {
	unsigned long pfn;
	struct dmap_class *class;
	unsigned long idle[WORDS];
	unsigned long live[WORDS];
	bool seen;
};

static struct ref_block *blocks;
static size_t nr_blocks, room;

void reference_reset(void)
{
	nr_blocks = 0;
}

static unsigned int count(const unsigned long *words)
{
	unsigned int i, nr = 0;

	for (i = 0; i < WORDS; i++)
		nr += __builtin_popcountl(words[i]);
	return nr;
}

static bool has(const unsigned long *words, unsigned int i)
{
	return words[i / BITS_PER_LONG] >> (i % BITS_PER_LONG) & 1;
}

static void flip(unsigned long *words, unsigned int i)
{
	words[i / BITS_PER_LONG] ^= 1UL << (i % BITS_PER_LONG);
}

static struct ref_block *block_at(unsigned long pfn)
{
	size_t i;

	for (i = 0; i < nr_blocks; i++)
		if (blocks[i].pfn == pfn)
			return &blocks[i];
	return NULL;
}

static struct ref_block *new_block(struct dmap_block *real)
{
	struct ref_block *block;

	if (nr_blocks == room) {
		room = room ? 2 * room : 16;
		blocks = realloc(blocks, room * sizeof(*blocks));
		if (!blocks)
			abort();
	}
	block = &blocks[nr_blocks++];
	memset(block, 0, sizeof(*block));
	block->pfn = real->pfn;
	block->class = real->class;
	return block;
}

static void absorb_block(struct ref_block *block, struct dmap_block *real)
{
	unsigned int i;

	if (block->class != real->class) {
		/* Given back, and opened again by another class. */
		if (count(block->live))
			machine_violation("block 0x%lx changed its class with live pages",
					  block->pfn);
		block->class = real->class;
	}
	for (i = 0; i < WORDS; i++) {
		if (block->live[i] & ~real->owned[i])
			machine_violation("a live page of block 0x%lx is no longer owned",
					  block->pfn);
		block->idle[i] = real->owned[i] & ~block->live[i];
	}
}

void reference_absorb(void)
{
	struct dmap_block *real;
	struct ref_block *block;
	unsigned long index;
	size_t b;

	for (b = 0; b < nr_blocks; b++)
		blocks[b].seen = false;
	xa_for_each(&dmap_blocks, index, real) {
		block = block_at(real->pfn);
		if (!block)
			block = new_block(real);
		block->seen = true;
		absorb_block(block, real);
	}
	for (b = 0; b < nr_blocks; b++) {
		if (blocks[b].seen)
			continue;
		if (count(blocks[b].live))
			machine_violation("block 0x%lx went back with %u live pages",
					  blocks[b].pfn, count(blocks[b].live));
		blocks[b--] = blocks[--nr_blocks];
	}
}

/* The lowest aligned run of idle pages, or -1. */
static int lowest_run(const struct ref_block *block, unsigned int order)
{
	unsigned int nr = 1U << order, start, i;

	for (start = 0; start < DMAP_BLOCK_PAGES; start += nr) {
		if (!block->idle[start / BITS_PER_LONG])
			continue;
		for (i = 0; i < nr && has(block->idle, start + i); i++)
			;
		if (i == nr)
			return start;
	}
	return -1;
}

long reference_choose(int nid, int life, unsigned int order)
{
	struct dmap_class *class = dmap_classes[nid][life];
	const struct ref_block *best = NULL;
	unsigned int live, best_live = 0;
	bool any_empty = false;
	size_t b;

	for (b = 0; b < nr_blocks; b++) {
		if (blocks[b].class != class || lowest_run(&blocks[b], order) < 0)
			continue;
		live = count(blocks[b].live);
		if (!live) {
			any_empty = true;
			continue;
		}
		if (!best || live > best_live ||
		    (live == best_live && blocks[b].pfn < best->pfn)) {
			best = &blocks[b];
			best_live = live;
		}
	}
	if (best)
		return best->pfn + lowest_run(best, order);
	return any_empty ? -2 : -1;
}

static void move(struct page *page, unsigned int order, bool alloc)
{
	unsigned long pfn = page_to_pfn(page);
	struct ref_block *block = block_at(ALIGN_DOWN(pfn, DMAP_BLOCK_PAGES));
	const char *what = alloc ? "allocation" : "free";
	unsigned int i;

	if (!block)
		machine_violation("%s of page 0x%lx, which is of no block",
				  what, pfn);
	pfn -= block->pfn;
	for (i = pfn; i < pfn + (1U << order); i++) {
		if (!has(alloc ? block->idle : block->live, i))
			machine_violation("%s of page 0x%lx, which is %s", what,
					  block->pfn + i,
					  has(block->live, i) ? "live" :
					  has(block->idle, i) ? "idle" : "foreign");
		flip(block->idle, i);
		flip(block->live, i);
	}
}

void reference_alloc(struct page *page, unsigned int order)
{
	move(page, order, true);
}

void reference_free(struct page *page, unsigned int order)
{
	move(page, order, false);
}

void reference_compare(void)
{
	unsigned long idle = 0, live = 0, all = 0, index;
	struct dmap_block *real;
	struct ref_block *block;

	xa_for_each(&dmap_blocks, index, real) {
		all++;
		block = block_at(real->pfn);
		if (!block)
			machine_violation("block 0x%lx is not known", real->pfn);
		idle += count(block->idle);
		live += count(block->live);
		if (memcmp(real->free, block->idle, sizeof(block->idle)))
			machine_violation("other pages of block 0x%lx are idle than should be",
					  real->pfn);
	}
	if (all != nr_blocks)
		machine_violation("%lu blocks, %zu expected", all, nr_blocks);
	if (global_node_page_state(NR_DMAP_IDLE) != idle ||
	    global_node_page_state(NR_DMAP_LIVE) != live ||
	    global_node_page_state(NR_DMAP_BLOCKS) != all)
		machine_violation("gauges say %lu idle, %lu live, %lu blocks; it is %lu, %lu, %lu",
				  (unsigned long)global_node_page_state(NR_DMAP_IDLE),
				  (unsigned long)global_node_page_state(NR_DMAP_LIVE),
				  (unsigned long)global_node_page_state(NR_DMAP_BLOCKS),
				  idle, live, all);
}
