// SPDX-License-Identifier: GPL-2.0
/*
 * The page allocator, as dmap uses it: all that touches a zone, a free list or
 * a pageblock is here.
 *
 * A page that dmap holds idle is in the state of a page on a per-CPU list:
 * prepared for freeing (page owner, poison, KASAN, memcg have seen it go), no
 * reference, on no free list. So it can go back to the free lists as it is,
 * and be prepared for a new user as if it came from there.
 */
#include "dmap.h"

/**
 * dmap_buddy_alloc() - allocate pages that dmap is to own
 * @gfp: flags; reclaim as they say
 * @order: order
 * @nid: preferred node
 * @nodemask: allowed nodes, or NULL for all
 *
 * Context: as @gfp says.
 * Return: the pages, or NULL.
 */
struct page *dmap_buddy_alloc(gfp_t gfp, unsigned int order, int nid,
			      const nodemask_t *nodemask)
{
	KUNIT_STATIC_STUB_REDIRECT(dmap_buddy_alloc, gfp, order, nid, nodemask);

	return __alloc_pages_noprof(gfp, order, nid, (nodemask_t *)nodemask);
}

/**
 * dmap_buddy_freeze() - make allocated pages idle
 * @page: pages from dmap_buddy_alloc()
 * @order: their order
 *
 * Context: Process context.
 * Return: true, or false when the pages cannot be had: somebody holds a
 * reference for a moment, and they go back to the page allocator; or they are
 * bad, and nobody gets them any more.
 */
bool dmap_buddy_freeze(struct page *page, unsigned int order)
{
	if (!page_ref_freeze(page, 1)) {
		__free_pages(page, order);	/* the tails too */
		return false;
	}
	return free_pages_prepare(page, order);
}

/**
 * dmap_buddy_usable() - can a range be a block?
 * @pfn: the range
 *
 * Context: Process context.
 * Return: true when it is online, of one zone, and of a kind that the direct
 * map can map by one large entry.
 */
bool dmap_buddy_usable(unsigned long pfn)
{
	struct page *first = pfn_to_online_page(pfn);
	struct page *last = pfn_to_online_page(pfn + DMAP_BLOCK_PAGES - 1);

	return first && last && page_zone(first) == page_zone(last) &&
	       arch_dmap_range_ok(pfn);
}

/**
 * dmap_buddy_harvest() - take all free pages of a range off the free lists
 * @pfn: the range, one pageblock
 * @closed: dmap_buddy_close() has closed it
 * @pages: out: bitmap of the pages taken, which are idle now
 *
 * Takes nothing where somebody else has isolated the pageblock, or where it is
 * of a type that is not for all. Stops where the zone gets low, unless the
 * range is closed: its pages do not count as free any more.
 *
 * Context: Any but NMI.
 * Return: how many pages were taken.
 */
unsigned int dmap_buddy_harvest(unsigned long pfn, bool closed,
				unsigned long *pages)
{
	struct page *page = pfn_to_page(pfn);
	struct zone *zone = page_zone(page);
	unsigned int i = 0, order, nr = 0;
	unsigned long flags;
	int mt;

	spin_lock_irqsave(&zone->lock, flags);
	mt = get_pageblock_migratetype(page);
	if (closed ? !is_migrate_isolate(mt) : mt >= MIGRATE_PCPTYPES)
		goto unlock;
	while (i < DMAP_BLOCK_PAGES) {
		if (!PageBuddy(page + i)) {
			i++;
			continue;
		}
		order = buddy_order(page + i);
		if (order > DMAP_BLOCK_ORDER)
			goto unlock;
		/* What other zones' requests may not use, these may not. */
		if (!closed &&
		    !zone_watermark_ok(zone, 0, low_wmark_pages(zone) + (1UL << order),
				       ZONE_NORMAL, 0))
			goto unlock;
		if (!__isolate_free_page(page + i, order))
			goto unlock;
		bitmap_set(pages, i, 1U << order);
		nr += 1U << order;
		i += 1U << order;
	}
	/* Large runs make the pageblock movable, which its pages are not. */
	if (get_pageblock_migratetype(page) != mt)
		set_pageblock_migratetype(page, mt);
unlock:
	spin_unlock_irqrestore(&zone->lock, flags);
	return nr;
}

/**
 * dmap_buddy_give() - put idle pages on the free lists
 * @pfn: the range that they are of
 * @pages: bitmap of the pages; those with bad memory are kept from everybody
 *
 * Context: Any but NMI.
 */
void dmap_buddy_give(unsigned long pfn, const unsigned long *pages)
{
	DECLARE_BITMAP(healthy, DMAP_BLOCK_PAGES);
	struct page *page = pfn_to_page(pfn);
	struct zone *zone = page_zone(page);
	int mt, order;
	unsigned int start, end;
	unsigned long flags;

	spin_lock_irqsave(&zone->lock, flags);
	mt = get_pageblock_migratetype(page);
	bitmap_copy(healthy, pages, DMAP_BLOCK_PAGES);
	for_each_set_bit(start, pages, DMAP_BLOCK_PAGES)
		if (PageHWPoison(page + start))
			__clear_bit(start, healthy);
	for_each_set_bitrange(start, end, healthy, DMAP_BLOCK_PAGES) {
		while (start < end) {
			order = start ? __ffs(start) : DMAP_BLOCK_ORDER;
			while (start + (1U << order) > end)
				order--;
			__putback_isolated_page(page + start, order, mt);
			start += 1U << order;
		}
	}
	spin_unlock_irqrestore(&zone->lock, flags);
}

/**
 * dmap_buddy_close() - keep a range's free pages from other users
 * @pfn: the range, one pageblock
 * @migratetype: out: its type until now
 *
 * What is freed there from now on stays on the pageblock's own free list,
 * where dmap_buddy_harvest() finds it.
 *
 * Context: Any but NMI.
 * Return: true, or false when the pageblock is closed already by somebody else
 * or has a type that cannot be given up (CMA, HIGHATOMIC).
 */
bool dmap_buddy_close(unsigned long pfn, u8 *migratetype)
{
	struct page *page = pfn_to_page(pfn);
	struct zone *zone = page_zone(page);
	unsigned long flags;
	bool closed = false;
	int mt;

	spin_lock_irqsave(&zone->lock, flags);
	mt = get_pageblock_migratetype(page);
	if (mt < MIGRATE_PCPTYPES)
		closed = move_freepages_block_isolate(zone, page,
						      MIGRATE_ISOLATE);
	if (closed) {
		zone->nr_isolate_pageblock++;
		*migratetype = mt;
	}
	spin_unlock_irqrestore(&zone->lock, flags);
	return closed;
}

/**
 * dmap_buddy_reopen() - undo dmap_buddy_close()
 * @pfn: the range
 * @migratetype: what dmap_buddy_close() gave
 *
 * Context: Any but NMI.
 */
void dmap_buddy_reopen(unsigned long pfn, u8 migratetype)
{
	struct page *page = pfn_to_page(pfn);
	struct zone *zone = page_zone(page);
	unsigned long flags;

	spin_lock_irqsave(&zone->lock, flags);
	WARN_ON_ONCE(!move_freepages_block_isolate(zone, page, migratetype));
	zone->nr_isolate_pageblock--;
	spin_unlock_irqrestore(&zone->lock, flags);
}

/**
 * dmap_buddy_count() - how many pages of a range are free?
 * @pfn: the range
 * @max_order: out: order of the largest free run, -1 for none
 *
 * Context: Any. Reads without zone->lock: a guide, not a promise.
 * Return: number of free pages.
 */
unsigned int dmap_buddy_count(unsigned long pfn, int *max_order)
{
	struct page *page = pfn_to_page(pfn);
	unsigned int i = 0, order, nr = 0;

	*max_order = -1;
	while (i < DMAP_BLOCK_PAGES) {
		if (!PageBuddy(page + i)) {
			i++;
			continue;
		}
		/* May be stale, or garbage when the page was just taken. */
		order = buddy_order_unsafe(page + i);
		if (order > DMAP_BLOCK_ORDER || !IS_ALIGNED(i, 1U << order)) {
			i++;
			continue;
		}
		*max_order = max_t(int, *max_order, order);
		nr += 1U << order;
		i += 1U << order;
	}
	return nr;
}

/**
 * dmap_buddy_next() - the next range of a node that dmap may open in part
 * @nid: the node
 * @pfn: where to look from
 *
 * Whole pageblocks of one zone that unmovable allocations may use, of a type
 * that is nobody's own.
 *
 * Context: Process context.
 * Return: first page frame of the range, or ULONG_MAX when there is none.
 */
unsigned long dmap_buddy_next(int nid, unsigned long pfn)
{
	struct pglist_data *pgdat = NODE_DATA(nid);
	enum zone_type type;
	struct zone *zone;
	struct page *page;

	for (type = 0; type <= ZONE_NORMAL; type++) {
		zone = pgdat->node_zones + type;
		if (!populated_zone(zone) || zone_end_pfn(zone) <= pfn)
			continue;
#ifdef CONFIG_ZONE_DMA
		if (type == ZONE_DMA)
			continue;
#endif
		pfn = ALIGN(max(pfn, zone->zone_start_pfn), DMAP_BLOCK_PAGES);
		for (; pfn + DMAP_BLOCK_PAGES <= zone_end_pfn(zone);
		     pfn += DMAP_BLOCK_PAGES) {
			page = pfn_to_online_page(pfn);
			if (page && page_zone(page) == zone &&
			    dmap_buddy_usable(pfn) &&
			    get_pageblock_migratetype(page) < MIGRATE_PCPTYPES)
				return pfn;
		}
	}
	return ULONG_MAX;
}
