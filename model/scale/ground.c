// SPDX-License-Identifier: GPL-2.0
/*
 * The one file of scale/ that sees the kernel's side of the model. Pages go
 * between idle and handed out by the same steps as in mm/dmap, so that what
 * policies cost can be compared.
 */
#include "dmap/dmap.h"
#include "ground.h"
#include "random.h"

unsigned long ground_alloc(unsigned int order, bool user, int nid)
{
	gfp_t gfp = user ? GFP_KERNEL_ACCOUNT : GFP_KERNEL;
	struct page *page;

	page = __alloc_pages_noprof(gfp | __GFP_NOWARN, order, nid, NULL);
	return page ? page_to_pfn(page) : NO_PAGE;
}

void ground_free(unsigned long pfn, unsigned int order)
{
	__free_pages(pfn_to_page(pfn), order);
}

void ground_break_up(unsigned long pfn, unsigned int order)
{
	split_page(pfn_to_page(pfn), order);
}

unsigned long ground_take(unsigned int order, int nid, bool here)
{
	gfp_t gfp = order ? __GFP_NOMEMALLOC : GFP_KERNEL;
	struct page *page;

	if (here)
		gfp |= __GFP_THISNODE;
	page = __alloc_pages_noprof(gfp | __GFP_NOWARN, order, nid, NULL);
	if (!page)
		return NO_PAGE;
	ground_take_back(page_to_pfn(page), order);
	return page_to_pfn(page);
}

void ground_give(unsigned long pfn, unsigned int order)
{
	DECLARE_BITMAP(pages, DMAP_BLOCK_PAGES) = {};

	bitmap_set(pages, pfn % DMAP_BLOCK_PAGES, 1U << order);
	dmap_buddy_give(pfn & ~(DMAP_BLOCK_PAGES - 1UL), pages);
}

unsigned int ground_harvest(unsigned long range, uint64_t *pages)
{
	DECLARE_BITMAP(taken, DMAP_BLOCK_PAGES) = {};
	unsigned int nr = dmap_buddy_harvest(range, false, taken);

	memcpy(pages, taken, sizeof(taken));
	return nr;
}

unsigned int ground_free_in(unsigned long range)
{
	int max_order;

	return dmap_buddy_count(range, &max_order);
}

bool ground_split(unsigned long pfn)
{
	struct page *tables[ARCH_DMAP_SPLIT_TABLES] = {};
	int i, ret = 0;

	for (i = 0; i < ARCH_DMAP_SPLIT_TABLES; i++) {
		tables[i] = alloc_page(GFP_KERNEL);
		if (!tables[i])
			ret = -ENOMEM;
	}
	if (!ret)
		ret = arch_dmap_split(pfn & ~(DMAP_BLOCK_PAGES - 1UL), tables);
	for (i = 0; i < ARCH_DMAP_SPLIT_TABLES; i++)
		if (tables[i])
			__free_page(tables[i]);
	return ret > 0;
}

bool ground_collapse(unsigned long pfn)
{
	return arch_dmap_collapse(pfn & ~(DMAP_BLOCK_PAGES - 1UL), true) > 0;
}

bool ground_is_split(unsigned long range)
{
	return arch_dmap_level(range) == PG_LEVEL_4K;
}

static spinlock_t locks[MAX_NUMNODES];
static unsigned long lock_flags;

void ground_lock(int nid)
{
	static bool made;
	int i;

	for (i = 0; !made && i < MAX_NUMNODES; i++)
		spin_lock_init(&locks[i]);
	made = true;
	spin_lock_irqsave(&locks[nid], lock_flags);
}

void ground_unlock(int nid)
{
	spin_unlock_irqrestore(&locks[nid], lock_flags);
}

/* With the check that the page allocator begins with. */
void ground_hand_out(unsigned long pfn, unsigned int order, bool user)
{
	struct page *page = pfn_to_page(pfn);
	gfp_t gfp = user ? GFP_KERNEL_ACCOUNT : GFP_KERNEL;

	might_alloc(gfp);
	post_alloc_hook(page, order, gfp);
	set_page_refcounted(page);
}

void ground_take_back(unsigned long pfn, unsigned int order)
{
	if (!dmap_buddy_freeze(pfn_to_page(pfn), order))
		machine_violation("scale: page %lu cannot be taken back", pfn);
}

int ground_nid(unsigned long pfn)
{
	return page_to_nid(pfn_to_page(pfn));
}

unsigned long ground_first(int nid)
{
	return ALIGN(NODE_DATA(nid)->node_start_pfn, DMAP_BLOCK_PAGES);
}

unsigned long ground_ranges(int nid)
{
	return (NODE_DATA(nid)->node_start_pfn +
		NODE_DATA(nid)->node_spanned_pages - ground_first(nid)) /
	       DMAP_BLOCK_PAGES;
}

void ground_shuffle(int nid, uint64_t seed)
{
	uint64_t random = random_seed(seed);
	unsigned long nr = 0, max = machine_free_pages(nid), i;
	struct page **pages = malloc((max + 1) * sizeof(*pages));

	if (!pages)
		return;
	while (nr < max) {
		pages[nr] = __alloc_pages_noprof(__GFP_THISNODE | __GFP_NOWARN |
						 __GFP_NOMEMALLOC, 0, nid, NULL);
		if (!pages[nr])
			break;
		nr++;
	}
	while (nr) {
		i = random_below(&random, nr);
		__free_page(pages[i]);
		pages[i] = pages[--nr];
	}
	free(pages);
}

unsigned long ground_dmap_alloc(unsigned int order, bool user, int nid)
{
	gfp_t gfp = __GFP_PTE_MAPPED | __GFP_NOWARN |
		    (user ? GFP_KERNEL_ACCOUNT : GFP_KERNEL);
	struct page *page = __alloc_pages_noprof(gfp, order, nid, NULL);

	return page ? page_to_pfn(page) : NO_PAGE;
}

unsigned long ground_dmap_blocks(void)
{
	return global_node_page_state(NR_DMAP_BLOCKS);
}

unsigned long ground_dmap_idle(void)
{
	return global_node_page_state(NR_DMAP_IDLE);
}
