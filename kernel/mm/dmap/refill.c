// SPDX-License-Identifier: GPL-2.0
/*
 * Refill: where a class gets its blocks from.
 *
 * In this order: the pages that captures have caught; a whole range from the
 * page allocator; where there is none, the range with the most free pages, of
 * which all free pages are taken at once, since its large mapping is lost with
 * the first of them; and where nothing is free at all, what reclaim frees.
 *
 * A range that was opened in part is closed to other users for a while (the
 * capture), so that what they free there comes to dmap and the block fills up.
 * At most capture_limit() ranges of a class are closed at a time: this bounds
 * what captures can keep from the rest of the system.
 */
#include "dmap.h"
#include <trace/events/dmap.h>

#define CAPTURE_BLOCKS		8	/* of each lifetime: 32 MiB of a node */
#define SCAN_BLOCKS		32768	/* 64 GiB in one scan at most */
#define SCAN_ENOUGH		4096	/* 8 GiB, if that gives all candidates */
#define CANDIDATES_AGE		(10 * HZ)	/* each is counted again anyway */
#define CAPTURE_AGE		(10 * HZ)	/* after the last scan */
#define BARREN_AGE		(HZ / 10)

struct kmem_cache *dmap_block_cache __ro_after_init;

/*
 * What opening a block can need, allocated before class->refill is taken: with
 * the mutex held, nothing waits for memory.
 */
struct supplies {
	struct dmap_block *block;
	struct page *tables[ARCH_DMAP_SPLIT_TABLES];
};

/*
 * The steps of a refill that can fail, each a function that a test can replace:
 * these three, and dmap_buddy_alloc().
 */
struct dmap_block *dmap_alloc_block(gfp_t gfp)
{
	KUNIT_STATIC_STUB_REDIRECT(dmap_alloc_block, gfp);

	return kmem_cache_zalloc(dmap_block_cache, gfp);
}

int dmap_enter_block(struct dmap_block *block)
{
	KUNIT_STATIC_STUB_REDIRECT(dmap_enter_block, block);

	return xa_insert(&dmap_blocks, block->pfn >> DMAP_BLOCK_ORDER, block,
			 GFP_ATOMIC | __GFP_NOWARN);
}

int dmap_split_range(unsigned long pfn, struct page **tables)
{
	KUNIT_STATIC_STUB_REDIRECT(dmap_split_range, pfn, tables);

	return arch_dmap_split(pfn, tables);
}

static void put_supplies(struct supplies *supplies)
{
	int i;

	if (supplies->block)
		kmem_cache_free(dmap_block_cache, supplies->block);
	for (i = 0; i < ARCH_DMAP_SPLIT_TABLES; i++)
		if (supplies->tables[i])
			__free_page(supplies->tables[i]);
}

static int get_supplies(struct supplies *supplies, gfp_t gfp)
{
	int i;

	gfp &= GFP_RECLAIM_MASK;
	memset(supplies, 0, sizeof(*supplies));
	supplies->block = dmap_alloc_block(gfp);
	if (!supplies->block)
		return -ENOMEM;
	for (i = 0; i < ARCH_DMAP_SPLIT_TABLES; i++) {
		supplies->tables[i] = dmap_buddy_alloc(gfp, 0, numa_mem_id(),
						       NULL);
		if (!supplies->tables[i]) {
			put_supplies(supplies);
			return -ENOMEM;
		}
	}
	return 0;
}

/*
 * Enter a new block and map its range by 4 KiB entries. Its pages are still
 * the caller's. On failure nothing has changed.
 */
static struct dmap_block *open_block(struct dmap_class *class,
				     struct supplies *supplies,
				     unsigned long pfn)
{
	struct dmap_block *block = supplies->block;
	int ret;

	lockdep_assert_held(&class->refill);
	block->pfn = pfn;
	block->class = class;
	block->place = DMAP_NOWHERE;
	INIT_LIST_HEAD(&block->capture);

	if (dmap_enter_block(block))
		return NULL;
	ret = dmap_split_range(pfn, supplies->tables);
	if (ret < 0) {
		xa_erase(&dmap_blocks, pfn >> DMAP_BLOCK_ORDER);
		return NULL;
	}
	if (ret) {
		count_vm_event(DMAP_SPLIT);
		trace_dmap_split(pfn, ret);
	}
	/* Not by way of a per-CPU difference: small numbers, read by tests. */
	node_page_state_add(1, NODE_DATA(class->nid), NR_DMAP_BLOCKS);
	supplies->block = NULL;
	return block;
}

/**
 * dmap_close_block() - forget a block that serves nothing any more
 * @block: the block, %DMAP_NOWHERE; freed
 *
 * Nobody else looks at it: dmap_divert() looks up live pages, of which it has
 * none, and all others hold class->refill.
 *
 * Context: Process context, holding class->refill.
 */
void dmap_close_block(struct dmap_block *block)
{
	lockdep_assert_held(&block->class->refill);
	node_page_state_add(-1, NODE_DATA(block->class->nid), NR_DMAP_BLOCKS);
	xa_erase(&dmap_blocks, block->pfn >> DMAP_BLOCK_ORDER);
	kmem_cache_free(dmap_block_cache, block);
}

/* A block that was opened for pages which then turned out not to be had. */
static void abandon_block(struct dmap_block *block)
{
	arch_dmap_collapse(block->pfn, false);
	dmap_close_block(block);
}

static unsigned int capture_limit(struct dmap_class *class)
{
	unsigned long blocks = node_present_pages(class->nid) >> DMAP_BLOCK_ORDER;

	return clamp(blocks / 128, 1UL, (unsigned long)CAPTURE_BLOCKS);
}

/**
 * dmap_capture_end() - open a block's range to other users again
 * @block: the block; nothing happens when it has no capture
 *
 * Context: Process context, holding class->refill.
 */
void dmap_capture_end(struct dmap_block *block)
{
	lockdep_assert_held(&block->class->refill);
	if (list_empty(&block->capture))
		return;
	list_del_init(&block->capture);
	WRITE_ONCE(block->class->nr_capturing, block->class->nr_capturing - 1);
	dmap_buddy_reopen(block->pfn, block->migratetype);
}

static void capture_begin(struct dmap_block *block)
{
	struct dmap_class *class = block->class;

	if (block->nr_owned == DMAP_BLOCK_PAGES)
		return;
	while (class->nr_capturing >= capture_limit(class))
		dmap_capture_end(list_first_entry(&class->capturing,
						  struct dmap_block, capture));
	if (!dmap_buddy_close(block->pfn, &block->migratetype))
		return;
	list_add_tail(&block->capture, &class->capturing);
	WRITE_ONCE(class->nr_capturing, class->nr_capturing + 1);
	dmap_drain_soon();
}

/**
 * dmap_capture_expire() - end the captures of a class that opens no more blocks
 * @class: the class
 *
 * Context: Process context, holding class->refill.
 * Return: true when captures are left.
 */
bool dmap_capture_expire(struct dmap_class *class)
{
	lockdep_assert_held(&class->refill);
	while (class->nr_capturing &&
	       time_after(jiffies, class->scanned + CAPTURE_AGE))
		dmap_capture_end(list_first_entry(&class->capturing,
						  struct dmap_block, capture));
	return class->nr_capturing;
}

static void refill_captured(struct dmap_class *class)
{
	struct dmap_block *block;
	unsigned int nr;

	list_for_each_entry(block, &class->capturing, capture) {
		DECLARE_BITMAP(pages, DMAP_BLOCK_PAGES) = {};

		if (READ_ONCE(block->place) == DMAP_NOWHERE)
			continue;
		nr = dmap_buddy_harvest(block->pfn, true, pages);
		if (!nr)
			continue;
		dmap_class_add(block, pages);
		count_vm_events(DMAP_CAPTURE, nr);
	}
}

static int refill_whole(struct dmap_class *class, struct supplies *supplies)
{
	DECLARE_BITMAP(pages, DMAP_BLOCK_PAGES);
	struct dmap_block *block;
	struct page *page;

	/* A large page is not worth reclaim or compaction: there is a fallback. */
	page = dmap_buddy_alloc(__GFP_THISNODE | __GFP_NOWARN | __GFP_NOMEMALLOC,
				DMAP_BLOCK_ORDER, class->nid, NULL);
	if (!page)
		return -ENOMEM;
	block = open_block(class, supplies, page_to_pfn(page));
	if (!block) {
		__free_pages(page, DMAP_BLOCK_ORDER);
		return -ENOMEM;
	}
	if (!dmap_buddy_freeze(page, DMAP_BLOCK_ORDER)) {
		abandon_block(block);
		return -ENOMEM;
	}
	bitmap_fill(pages, DMAP_BLOCK_PAGES);
	dmap_class_add(block, pages);
	count_vm_event(DMAP_REFILL);
	trace_dmap_refill(block->pfn, class->nid, block->nr_owned);
	return 0;
}

/* Keep @candidates sorted by free pages, the best last, the worst dropped. */
static void add_candidate(struct dmap_class *class, unsigned long pfn,
			  unsigned int nr_free)
{
	struct dmap_candidate *c = class->candidates;
	unsigned int i;

	if (class->nr_candidates == DMAP_CANDIDATES) {
		if (nr_free <= c[0].nr_free)
			return;
		class->nr_candidates--;
		memmove(c, c + 1, class->nr_candidates * sizeof(*c));
	}
	for (i = class->nr_candidates; i && c[i - 1].nr_free > nr_free; i--)
		c[i] = c[i - 1];
	c[i].pfn = pfn;
	c[i].nr_free = nr_free;
	class->nr_candidates++;
}

static void scan_candidates(struct dmap_class *class, unsigned int order)
{
	unsigned long pfn = class->cursor;
	unsigned int i, nr_free;
	int max_order;

	class->nr_candidates = 0;
	class->scan_order = order;
	for (i = 0; i < SCAN_BLOCKS; i++) {
		if (i >= SCAN_ENOUGH &&
		    class->nr_candidates == DMAP_CANDIDATES)
			break;
		pfn = dmap_buddy_next(class->nid, pfn);
		if (pfn == ULONG_MAX) {
			pfn = 0;
			break;
		}
		if (!dmap_block_of(pfn)) {
			nr_free = dmap_buddy_count(pfn, &max_order);
			if (max_order >= (int)order)
				add_candidate(class, pfn, nr_free);
		}
		pfn += DMAP_BLOCK_PAGES;
		cond_resched();
	}
	/* A scan that stopped short goes on from there the next time. */
	class->cursor = pfn;
	class->scanned = jiffies;
	class->barren_order = class->nr_candidates ? UINT_MAX : order;
}

/* Is the range still worth it? Out: how many of its pages are free. */
static bool recount(unsigned long pfn, unsigned int order, unsigned int *nr_free)
{
	int max_order;

	if (dmap_block_of(pfn) || !dmap_buddy_usable(pfn))
		return false;
	*nr_free = dmap_buddy_count(pfn, &max_order);
	return max_order >= (int)order;
}

/*
 * The range with the most free pages, among those of the last scan and as they
 * are now.
 */
static unsigned long best_candidate(struct dmap_class *class, unsigned int order)
{
	struct dmap_candidate best;
	unsigned int nr_free;

	while (class->nr_candidates) {
		best = class->candidates[--class->nr_candidates];
		if (!recount(best.pfn, order, &nr_free))
			continue;
		if (class->nr_candidates && nr_free < best.nr_free &&
		    nr_free < class->candidates[class->nr_candidates - 1].nr_free) {
			add_candidate(class, best.pfn, nr_free);
			continue;
		}
		return best.pfn;
	}
	return ULONG_MAX;
}

static int refill_part(struct dmap_class *class, struct supplies *supplies,
		       unsigned int order)
{
	struct dmap_block *block;
	unsigned long pfn;
	unsigned int nr;

	/* A list made for large runs leaves out what suits small ones. */
	if (time_after(jiffies, class->scanned + CANDIDATES_AGE) ||
	    order != class->scan_order)
		class->nr_candidates = 0;
	/* Where nothing is free, reclaim comes next: do not scan each time. */
	if (!class->nr_candidates &&
	    (order < class->barren_order ||
	     time_after(jiffies, class->scanned + BARREN_AGE)))
		scan_candidates(class, order);

	while ((pfn = best_candidate(class, order)) != ULONG_MAX) {
		DECLARE_BITMAP(pages, DMAP_BLOCK_PAGES) = {};

		nr = dmap_buddy_harvest(pfn, false, pages);
		if (!nr)
			continue;
		block = open_block(class, supplies, pfn);
		if (!block) {
			dmap_buddy_give(pfn, pages);
			continue;
		}
		dmap_class_add(block, pages);
		capture_begin(block);
		count_vm_event(DMAP_REFILL_FALLBACK);
		count_vm_events(DMAP_HARVEST, nr);
		trace_dmap_refill(pfn, class->nid, nr);
		return 0;
	}
	return -ENOMEM;
}

/**
 * dmap_refill() - make a request servable from free memory of the class's node
 * @class: the class
 * @gfp: the caller's flags: how hard the supplies may be reclaimed for
 * @order: order of the request
 *
 * Context: Process context, may sleep.
 * Return: 0 when there are idle pages for the request (which others may take
 * first), or -ENOMEM.
 */
int dmap_refill(struct dmap_class *class, gfp_t gfp, unsigned int order)
{
	struct supplies supplies;
	int ret;

	might_sleep();
	/* Who waits for the mutex may find that another has refilled. */
	mutex_lock(&class->refill);
	if (!dmap_class_fits(class, order))
		refill_captured(class);
	ret = dmap_class_fits(class, order);
	mutex_unlock(&class->refill);
	if (ret)
		return 0;

	ret = get_supplies(&supplies, gfp);
	if (ret)
		return ret;
	mutex_lock(&class->refill);
	if (!dmap_class_fits(class, order)) {
		ret = refill_whole(class, &supplies);
		/* Where the pages could not be had in the end, they are used up. */
		if (ret && supplies.block)
			ret = refill_part(class, &supplies, order);
	}
	mutex_unlock(&class->refill);
	put_supplies(&supplies);
	return ret;
}

/*
 * The class of the block that holds @pfn, or @class where there is none. The
 * block may go away at any time, its memory stays a block's (by RCU) and its
 * class is a class for ever; the caller looks again under class->refill.
 */
static struct dmap_class *class_around(unsigned long pfn,
				       struct dmap_class *class)
{
	struct dmap_block *block;
	struct dmap_class *around = NULL;

	rcu_read_lock();
	block = dmap_block_of(pfn);
	if (block)
		around = READ_ONCE(block->class);
	rcu_read_unlock();
	return around ? around : class;
}

/*
 * Make allocated pages the class's own, with all that is free around them.
 * -EBUSY when they are of a range that cannot be a block of this class now:
 * they are still the caller's. On other errors they are gone.
 */
static int adopt(struct dmap_class *class, struct supplies *supplies,
		 struct page *page, unsigned int order)
{
	unsigned long base = ALIGN_DOWN(page_to_pfn(page), DMAP_BLOCK_PAGES);
	unsigned int index = page_to_pfn(page) - base;
	DECLARE_BITMAP(pages, DMAP_BLOCK_PAGES) = {};
	struct dmap_block *block;
	bool opened, ours;
	unsigned int nr;

	lockdep_assert_held(&class->refill);
	/*
	 * A block of this class stays as it is while class->refill is held; of
	 * any other nothing may be said, not even that it is there.
	 */
	rcu_read_lock();
	block = dmap_block_of(base);
	ours = block && READ_ONCE(block->class) == class &&
	       READ_ONCE(block->pfn) == base;
	rcu_read_unlock();
	opened = !block;
	if (opened && dmap_buddy_usable(base))
		block = open_block(class, supplies, base);
	else if (!ours || READ_ONCE(block->place) == DMAP_NOWHERE)
		block = NULL;
	if (!block)
		return -EBUSY;
	if (!dmap_buddy_freeze(page, order)) {
		if (opened)
			abandon_block(block);
		return -ENOMEM;
	}
	nr = dmap_buddy_harvest(base, !list_empty(&block->capture), pages);
	nr += 1U << order;
	bitmap_set(pages, index, 1U << order);
	dmap_class_add(block, pages);
	if (opened) {
		capture_begin(block);
		count_vm_event(DMAP_REFILL_FALLBACK);
		trace_dmap_refill(base, class->nid, nr);
	}
	count_vm_events(DMAP_HARVEST, nr);
	return 0;
}

/**
 * dmap_refill_reclaim() - make a request servable by reclaiming memory
 * @gfp: the caller's flags: how hard to reclaim
 * @order: order of the request
 * @nid: preferred node
 * @nodemask: allowed nodes, or NULL for all
 * @rejects: pages that are of no use are put here; the caller frees them when
 *	it is done, for the next call would get the same ones
 *
 * The last resort: pages as any other request would get them, wherever they
 * are, and the range around them becomes a block. Where it is a block already,
 * of whichever lifetime, they join it.
 *
 * Context: Process context, may sleep.
 * Return: the class that has idle pages for the request now (which others may
 * take first), or NULL.
 */
struct dmap_class *dmap_refill_reclaim(gfp_t gfp, unsigned int order, int nid,
				       const nodemask_t *nodemask,
				       struct list_head *rejects)
{
	struct supplies supplies;
	struct dmap_class *class;
	struct page *page;
	int ret;

	might_sleep();
	if (get_supplies(&supplies, gfp))
		return NULL;
	page = dmap_buddy_alloc(gfp & (GFP_RECLAIM_MASK | __GFP_THISNODE |
				       __GFP_HARDWALL), order, nid, nodemask);
	if (!page) {
		put_supplies(&supplies);
		return NULL;
	}
	class = class_around(page_to_pfn(page),
			     dmap_class_for(gfp, page_to_nid(page)));
	mutex_lock(&class->refill);
	ret = adopt(class, &supplies, page, order);
	mutex_unlock(&class->refill);
	if (ret == -EBUSY)
		list_add(&page->lru, rejects);
	put_supplies(&supplies);
	return ret ? NULL : class;
}
