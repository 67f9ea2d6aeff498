// SPDX-License-Identifier: GPL-2.0
/*
 * A pageblock type of its own: a pageblock is converted, and its range split,
 * when a page of it is first needed; pages of such pageblocks are served by
 * buddy lists of their own. Where no whole pageblock is free, the one with the
 * largest free run is stolen: its free pages move to the lists, and so does
 * what is freed in it from then on. A pageblock that is all free converts
 * back: with its large mapping restored, or not.
 *
 * Source: the migratetype that the cover letter of Mike Rapoport's RFC
 * ("mm/page_alloc: cache pte-mapped allocations", linux-mm, August 2021) leaves
 * open under alternatives, treated as the page allocator treats its own types
 * (Linux 6.12). That all-free pageblocks convert back is an addition.
 */
#include <stdio.h>
#include <stdlib.h>

#include "policy.h"

#define NOT_FREE	0xff

/*
 * Of a converted pageblock: the order of the free run that begins at a page,
 * or NOT_FREE; and where on its list that run is. A kernel has both in struct
 * page.
 */
struct pageblock {
	uint32_t at[RANGE_PAGES];
	uint8_t order[RANGE_PAGES];
};

static struct page_stack lists[POLICY_MAX_NODES][RANGE_ORDER + 1];
static struct pageblock **blocks;	/* by range */
static struct range_set converted, split;
static bool restores;

static void boot(unsigned int nr_nodes)
{
	unsigned long end = 0;
	unsigned int nid;

	for (nid = 0; nid < nr_nodes; nid++)
		if (ground_first(nid) + ground_ranges(nid) * RANGE_PAGES > end)
			end = ground_first(nid) +
			      ground_ranges(nid) * RANGE_PAGES;
	blocks = calloc((end >> RANGE_ORDER) + 1, sizeof(*blocks));
	if (!blocks) {
		perror("scale: pageblocks");
		exit(1);
	}
	ranges_init(&converted);
	ranges_init(&split);
}

static void boot_keep(unsigned int nr_nodes)
{
	restores = false;
	boot(nr_nodes);
}

static void boot_restore(unsigned int nr_nodes)
{
	restores = true;
	boot(nr_nodes);
}

static struct pageblock *block_of(unsigned long pfn)
{
	return blocks[pfn >> RANGE_ORDER];
}

static void list_add(unsigned long pfn, unsigned int order)
{
	struct page_stack *list = &lists[ground_nid(pfn)][order];
	struct pageblock *block = block_of(pfn);
	unsigned long index = pfn % RANGE_PAGES;

	block->order[index] = order;
	block->at[index] = list->nr;
	stack_push(list, pfn);
}

/* From anywhere on its list: the last one takes its place. */
static void list_remove(unsigned long pfn)
{
	struct pageblock *block = block_of(pfn);
	unsigned long index = pfn % RANGE_PAGES, last;
	struct page_stack *list;

	list = &lists[ground_nid(pfn)][block->order[index]];
	last = stack_pop(list);
	if (last != pfn) {
		list->pfns[block->at[index]] = last;
		block_of(last)->at[last % RANGE_PAGES] = block->at[index];
	}
	block->order[index] = NOT_FREE;
}

/* Merge with the buddies inside of the pageblock. */
static void free_run(unsigned long pfn, unsigned int order)
{
	struct pageblock *block = block_of(pfn);
	unsigned long buddy;

	while (order < RANGE_ORDER) {
		buddy = pfn ^ 1UL << order;
		if (block->order[buddy % RANGE_PAGES] != order)
			break;
		list_remove(buddy);
		pfn &= ~(1UL << order);
		order++;
	}
	list_add(pfn, order);
}

static void convert(unsigned long pfn)
{
	struct pageblock *block = malloc(sizeof(*block));
	unsigned int i;

	if (!block) {
		perror("scale: a pageblock");
		exit(1);
	}
	for (i = 0; i < RANGE_PAGES; i++)
		block->order[i] = NOT_FREE;
	blocks[pfn >> RANGE_ORDER] = block;
	ranges_add(&converted, pfn);
	if (ranges_add(&split, pfn))
		ground_split(pfn);
}

/* The pageblock is all free: it is everybody's again. */
static void convert_back(unsigned long pfn)
{
	list_remove(pfn);
	free(block_of(pfn));
	blocks[pfn >> RANGE_ORDER] = NULL;
	ranges_remove(&converted, pfn);
	if (restores && ground_collapse(pfn))
		ranges_remove(&split, pfn);
	ground_give(pfn, RANGE_ORDER);
}

static bool steal(int nid)
{
	uint64_t pages[RANGE_WORDS] = { 0 };
	unsigned long pfn = NO_PAGE, first;
	unsigned int order, i;
	bool known;

	for (order = RANGE_ORDER; pfn == NO_PAGE; order--) {
		pfn = ground_take(order, nid, order);
		if (pfn != NO_PAGE || !order)
			break;
	}
	if (pfn == NO_PAGE)
		return false;
	known = block_of(pfn);
	if (!known)
		convert(pfn);
	free_run(pfn, order);
	if (known || order == RANGE_ORDER)
		return true;
	first = pfn & ~(RANGE_PAGES - 1);
	ground_harvest(first, pages);
	for (i = 0; i < RANGE_PAGES; i++)
		if (pages[i / 64] >> i % 64 & 1)
			free_run(first + i, 0);
	return true;
}

static unsigned long take_run_locked(unsigned int order, int nid)
{
	unsigned int from;
	unsigned long pfn;

	for (from = order; from <= RANGE_ORDER; from++)
		if (lists[nid][from].nr)
			break;
	if (from > RANGE_ORDER)
		return NO_PAGE;
	pfn = lists[nid][from].pfns[lists[nid][from].nr - 1];
	list_remove(pfn);
	while (from > order) {
		from--;
		list_add(pfn + (1UL << from), from);
	}
	return pfn;
}

static unsigned long take_run(unsigned int order, int nid)
{
	unsigned long pfn;

	ground_lock(nid);
	pfn = take_run_locked(order, nid);
	ground_unlock(nid);
	return pfn;
}

static unsigned long migratetype_alloc(unsigned int order, bool user, int nid)
{
	unsigned long pfn = take_run(order, nid);
	int other;

	/* Pages that were stolen may all be too small, or of another node. */
	while (pfn == NO_PAGE && steal(nid)) {
		pfn = take_run(order, nid);
		for (other = 0; pfn == NO_PAGE && other < POLICY_MAX_NODES; other++)
			pfn = take_run(order, other);
	}
	if (pfn != NO_PAGE)
		ground_hand_out(pfn, order, user);
	return pfn;
}

static void put(unsigned long pfn, unsigned int order)
{
	unsigned long first = pfn & ~(RANGE_PAGES - 1);

	ground_lock(ground_nid(pfn));
	free_run(pfn, order);
	ground_unlock(ground_nid(pfn));
	if (block_of(pfn)->order[0] == RANGE_ORDER)
		convert_back(first);
}

static void migratetype_free(unsigned long pfn, unsigned int order, bool user)
{
	(void)user;
	ground_take_back(pfn, order);
	put(pfn, order);
}

static bool migratetype_unpin(unsigned long pfn)
{
	if (!block_of(pfn))
		return false;
	ground_take_back(pfn, 0);
	put(pfn, 0);
	return true;
}

static void migratetype_state(struct policy_state *state)
{
	unsigned int nid, order;

	*state = (struct policy_state){
		.blocks = converted.nr > split.nr ? converted.nr : split.nr,
		/* The free lists of another type, in each zone. */
		.metadata = POLICY_MAX_NODES * 11 * 16,
	};
	for (nid = 0; nid < POLICY_MAX_NODES; nid++)
		for (order = 0; order <= RANGE_ORDER; order++)
			state->idle += lists[nid][order].nr << order;
}

#define SOURCE "the migratetype that Rapoport's RFC of August 2021 names under alternatives"

const struct policy policy_migratetype = {
	.name = "migratetype",
	.source = SOURCE "; mapping not restored",
	.boot = boot_keep,
	.alloc = migratetype_alloc,
	.free = migratetype_free,
	.unpin = migratetype_unpin,
	.state = migratetype_state,
};

const struct policy policy_migratetype_restore = {
	.name = "migratetype+r",
	.source = SOURCE "; mapping restored when all is free",
	.boot = boot_restore,
	.alloc = migratetype_alloc,
	.free = migratetype_free,
	.unpin = migratetype_unpin,
	.state = migratetype_state,
};
