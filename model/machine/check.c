// SPDX-License-Identifier: GPL-2.0
/*
 * machine_check(): the invariants of dmap and of the machine under it, over
 * all of the machine. For moments when no task is inside of either.
 */
#include "memory.h"
#include "dmap/dmap.h"

struct sums {
	unsigned long blocks, owned, free, small;
};

static void check_idle(struct page *page, unsigned long pfn)
{
	unsigned int rights, cpu;

	if (PageDmap(page) || page->_refcount.counter || PageBuddy(page) ||
	    page->allocated)
		machine_violation("page 0x%lx is idle, but has %d references%s%s", pfn,
				  page->_refcount.counter,
				  PageDmap(page) ? ", is marked" : "",
				  PageBuddy(page) ? ", is free" : "");
	directmap_entry(pfn, &rights);
	if (rights != (MAP_READ | MAP_WRITE))
		machine_violation("page 0x%lx is idle, but not writable since %s",
				  pfn, directmap_narrowed_by(pfn));
	if (tlb_disagrees(pfn, rights, &cpu))
		machine_violation("page 0x%lx is idle, but the TLB of CPU %u has it as before %s",
				  pfn, cpu, directmap_narrowed_by(pfn));
}

static void check_live(struct page *page, unsigned long pfn)
{
	if (PageHWPoison(page))
		return;
	if (!PageDmap(page) || PageBuddy(page))
		machine_violation("page 0x%lx is live, but %s", pfn,
				  PageBuddy(page) ? "free" : "not marked");
	if (!PageTail(page) && page->allocated && !page->_refcount.counter)
		machine_violation("page 0x%lx is live without a reference", pfn);
}

static void check_block(struct dmap_block *block, struct sums *sums)
{
	unsigned int i, rights;

	if (!dmap_block_valid(block))
		machine_violation("block 0x%lx is not valid", block->pfn);
	if (block->place == DMAP_NOWHERE)
		machine_violation("block 0x%lx is nowhere", block->pfn);
	if (pfn_to_nid(block->pfn) != block->class->nid)
		machine_violation("block 0x%lx is of node %d, its class of %d",
				  block->pfn, pfn_to_nid(block->pfn),
				  block->class->nid);
	for (i = 0; i < DMAP_BLOCK_PAGES; i++) {
		struct page *page = pfn_to_page(block->pfn + i);

		if (!test_bit(i, block->owned)) {
			if (PageDmap(page))
				machine_violation("page 0x%lx is marked, but of no block",
						  block->pfn + i);
			continue;
		}
		if (buddy_is_free(block->pfn + i))
			machine_violation("page 0x%lx is of a block and free",
					  block->pfn + i);
		if (test_bit(i, block->free))
			check_idle(page, block->pfn + i);
		else
			check_live(page, block->pfn + i);
	}
	if (directmap_entry(block->pfn, &rights) != 1)
		machine_violation("block 0x%lx is mapped by a large entry",
				  block->pfn);
	sums->blocks++;
	sums->owned += block->nr_owned;
	sums->free += block->nr_free;
	if (block->pfn)	/* page frame 0 has small entries from boot on */
		sums->small++;
}

static void check_classes(const struct sums *sums)
{
	unsigned long blocks = 0, owned = 0, free = 0;
	struct dmap_class *class;
	int nid, life;

	for_each_node(nid)
		for_each_node_class(class, nid, life) {
			if (!dmap_class_valid(class))
				machine_violation("class %s of node %d is not valid",
						  life == DMAP_USER ? "user" : "kernel",
						  nid);
			blocks += class->nr_blocks;
			owned += class->nr_owned;
			free += class->nr_free;
		}
	if (blocks != sums->blocks || owned != sums->owned || free != sums->free)
		machine_violation("classes have %lu blocks, %lu pages, %lu idle; the index %lu, %lu, %lu",
				  blocks, owned, free, sums->blocks, sums->owned,
				  sums->free);
	if (global_node_page_state(NR_DMAP_BLOCKS) != blocks ||
	    global_node_page_state(NR_DMAP_IDLE) != free ||
	    global_node_page_state(NR_DMAP_LIVE) != owned - free)
		machine_violation("gauges say %lu blocks, %lu idle, %lu live; it is %lu, %lu, %lu",
				  global_node_page_state(NR_DMAP_BLOCKS),
				  global_node_page_state(NR_DMAP_IDLE),
				  global_node_page_state(NR_DMAP_LIVE), blocks,
				  free, owned - free);
}

void machine_check(void)
{
	struct sums sums = {};
	struct dmap_block *block;
	unsigned long index, lost;
	int nid, type;

	xa_for_each(&dmap_blocks, index, block) {
		if (index != block->pfn >> DMAP_BLOCK_ORDER)
			machine_violation("block 0x%lx has index %lu",
					  block->pfn, index);
		check_block(block, &sums);
	}
	check_classes(&sums);
	for_each_node(nid)
		for (type = 0; type < MAX_NR_ZONES; type++)
			if (!buddy_valid(&NODE_DATA(nid)->node_zones[type]))
				machine_violation("the free lists of zone %d, node %d, are broken",
						  type, nid);
	if (!directmap_valid())
		machine_violation("the direct map's tables and counts disagree");
	/* Ranges that could not be made large again may be left behind. */
	lost = machine_lost_2m();
	if (lost < sums.small ||
	    lost - sums.small > machine_counted(machine_events[DMAP_COLLAPSE_FAIL]))
		machine_violation("%lu ranges of 2 MiB are lost, but there are %lu blocks",
				  lost, sums.small);
}
