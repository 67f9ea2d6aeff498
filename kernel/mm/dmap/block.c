// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks: which pages of one PMD-sized range are dmap's, and which are idle.
 *
 * Bits and counts, nothing else: no lock is taken here, no page is touched.
 * Callers hold class->lock, or have a block that nobody else can see.
 */
#include "dmap.h"

/**
 * dmap_block_find() - find an idle, naturally aligned run
 * @block: the block
 * @order: order of the run, at most %DMAP_BLOCK_ORDER
 *
 * A search that fails lowers @block->fit, so that it is not made again before
 * a page comes back.
 *
 * Return: index of the run's first page, the lowest there is, or -1.
 */
int dmap_block_find(struct dmap_block *block, unsigned int order)
{
	unsigned long nr = 1UL << order;
	unsigned long start, end;

	if (order > block->fit || nr > block->nr_free)
		return -1;

	start = find_first_bit(block->free, DMAP_BLOCK_PAGES);
	while (start < DMAP_BLOCK_PAGES) {
		start = ALIGN(start, nr);
		if (start >= DMAP_BLOCK_PAGES)
			break;
		end = find_next_zero_bit(block->free, start + nr, start);
		if (end >= start + nr)
			return start;
		start = find_next_bit(block->free, DMAP_BLOCK_PAGES, end);
	}

	/* Order 0 cannot come here: nr_free says that a bit is set. */
	if (order)
		block->fit = order - 1;
	return -1;
}

/**
 * dmap_block_take() - make an idle run live
 * @block: the block
 * @index: what dmap_block_find() returned
 * @order: order of the run
 */
void dmap_block_take(struct dmap_block *block, unsigned int index,
		     unsigned int order)
{
	bitmap_clear(block->free, index, 1U << order);
	block->nr_free -= 1U << order;
}

/**
 * dmap_block_is_live() - is every page of a run handed out?
 * @block: the block
 * @index: index of the run's first page
 * @order: order of the run
 *
 * Return: true when all of them are owned and none is idle.
 */
bool dmap_block_is_live(const struct dmap_block *block, unsigned int index,
			unsigned int order)
{
	unsigned int end = index + (1U << order);

	return end <= DMAP_BLOCK_PAGES &&
	       find_next_zero_bit(block->owned, end, index) >= end &&
	       find_next_bit(block->free, end, index) >= end;
}

/**
 * dmap_block_put() - make a live run idle
 * @block: the block
 * @index: index of its first page
 * @order: order of the run; it may be part of what was taken, or several takes
 *
 * Return: true, or false with nothing changed when a page of the run is not
 * live or not of this block.
 */
bool dmap_block_put(struct dmap_block *block, unsigned int index,
		    unsigned int order)
{
	if (!dmap_block_is_live(block, index, order))
		return false;

	bitmap_set(block->free, index, 1U << order);
	block->nr_free += 1U << order;
	block->fit = DMAP_BLOCK_ORDER;
	return true;
}

/**
 * dmap_block_add() - make pages the block's own, and idle
 * @block: the block
 * @pages: bitmap of the pages; none of them is owned yet
 */
void dmap_block_add(struct dmap_block *block, const unsigned long *pages)
{
	unsigned int nr = bitmap_weight(pages, DMAP_BLOCK_PAGES);

	bitmap_or(block->owned, block->owned, pages, DMAP_BLOCK_PAGES);
	bitmap_or(block->free, block->free, pages, DMAP_BLOCK_PAGES);
	block->nr_owned += nr;
	block->nr_free += nr;
	block->fit = DMAP_BLOCK_ORDER;
}

/**
 * dmap_block_valid() - check a block's invariants
 * @block: the block
 *
 * Return: true when they hold.
 */
bool dmap_block_valid(const struct dmap_block *block)
{
	return IS_ALIGNED(block->pfn, DMAP_BLOCK_PAGES) &&
	       bitmap_subset(block->free, block->owned, DMAP_BLOCK_PAGES) &&
	       bitmap_weight(block->owned, DMAP_BLOCK_PAGES) == block->nr_owned &&
	       bitmap_weight(block->free, DMAP_BLOCK_PAGES) == block->nr_free &&
	       block->fit <= DMAP_BLOCK_ORDER;
}
