// SPDX-License-Identifier: GPL-2.0
/*
 * The buddy allocator: free lists by order and migratetype, pageblocks, the
 * ways from one type to another, watermarks. In outline that of 6.12.
 *
 * Memory that has never been used need not be on the lists: a chunk (a run of
 * the largest order) gets there when the lists have no other such run, or when
 * somebody wants to see just this chunk. So a machine of any size boots at
 * once, and behaves as if all chunks were at the tail of their list. The bit of
 * a chunk in @made says that it is on the lists, or was.
 *
 * Pages are checked on their way in and out: who brings a page that is still
 * in use, free already, of another zone, or not mapped as it was, is told.
 */
#include "memory.h"
#include <sys/mman.h>

/* Above this, chunks are made on demand. */
#define LAZY_PAGES	(16UL << (30 - PAGE_SHIFT))
#define DMA32_MIN_MIB	256
#define DMA32_MAX_PAGES	(2UL << (30 - PAGE_SHIFT))
#define LOW_RESERVED	256	/* pages: the low megabyte */

struct page *machine_vmemmap;
unsigned long machine_nr_pfns;
u8 *machine_pageblocks;
unsigned int machine_nr_nodes = 1;
unsigned int machine_nr_cpus = 1;
struct pglist_data machine_nodes[MAX_NUMNODES];
unsigned long machine_node_pfns;
unsigned long machine_events[NR_VM_EVENT_ITEMS];

static unsigned long *made;	/* NULL: all are */
static size_t vmemmap_size, pageblocks_size, made_size;

/* Checks */

static const char *flag_name(unsigned long flags)
{
	static const char * const names[NR_PAGEFLAGS] = {
		[PG_locked] = "locked", [PG_reserved] = "reserved",
		[PG_head] = "head of a compound page", [PG_hwpoison] = "bad",
		[PG_dmap] = "handed out by dmap",
		[PG_table] = "a page table in use",
		[PG_foreign] = "somebody else's", [PG_movable] = "page cache",
	};

	return flags ? names[__ffs(flags)] : "";
}

#define FLAGS_FREE	(1UL << PG_locked | 1UL << PG_reserved |	\
			 1UL << PG_head | 1UL << PG_dmap |		\
			 1UL << PG_table | 1UL << PG_foreign | 1UL << PG_movable)

/* Is the page part of a free run? */
bool buddy_is_free(unsigned long pfn)
{
	unsigned int order;

	if (made && !test_bit(pfn / CHUNK_PAGES, made))
		return true;
	for (order = 0; order <= MAX_PAGE_ORDER; order++) {
		struct page *head = pfn_to_page(pfn & ~((1UL << order) - 1));

		if (PageBuddy(head) && buddy_order(head) >= order)
			return true;
	}
	return false;
}

static bool page_ok(struct page *page, const char *way)
{
	unsigned long flags = __atomic_load_n(&page->flags, __ATOMIC_RELAXED);

	if (likely(!(flags & FLAGS_FREE) && !page->page_type &&
		   !PageTail(page) &&
		   !__atomic_load_n(&page->_refcount.counter, __ATOMIC_RELAXED) &&
		   !page->allocated))
		return true;
	machine_violation("page 0x%lx %s the free lists: %s%s, %d references",
			  page_to_pfn(page), way, flag_name(flags & FLAGS_FREE),
			  page->page_type == PGTY_buddy ? " free already" :
			  PageTail(page) ? " tail of a compound page" : "",
			  page->_refcount.counter);
	return false;
}

static bool check_run(struct page *page, unsigned int order, const char *way)
{
	unsigned int i;

	for (i = 0; i < 1U << order; i++)
		if (!page_ok(page + i, way))
			return false;
	return true;
}

static bool check_in(struct zone *zone, struct page *page, unsigned int order)
{
	unsigned long pfn = page_to_pfn(page);

	lockdep_assert_held(&zone->lock);
	if (!pfn_valid(pfn + (1UL << order) - 1) ||
	    page_zone(page) != zone ||
	    page_zone(page + (1UL << order) - 1) != zone) {
		machine_violation("page 0x%lx, order %u, freed to zone %s of node %d",
				  pfn, order, zone->name, zone->node);
		return false;
	}
	if (!IS_ALIGNED(pfn, 1UL << order)) {
		machine_violation("page 0x%lx freed with order %u", pfn, order);
		return false;
	}
	if (buddy_is_free(pfn)) {
		machine_violation("page 0x%lx freed, order %u, is free already",
				  pfn, order);
		return false;
	}
	return check_run(page, order, "put on") &&
	       directmap_check_free(pfn, order);
}

/* Pageblocks */

void set_pageblock_migratetype(struct page *page, int migratetype)
{
	u8 *block = machine_pageblocks + (page_to_pfn(page) >> pageblock_order);

	__atomic_store_n(block, (*block & PAGEBLOCK_OFFLINE) |
			 (migratetype ^ MIGRATE_MOVABLE), __ATOMIC_RELAXED);
}

static void change_pageblock_range(struct page *page, unsigned int order,
				   int migratetype)
{
	unsigned int i;

	for (i = 0; i < 1U << (order - pageblock_order); i++)
		set_pageblock_migratetype(page + i * pageblock_nr_pages,
					  migratetype);
}

/* Free lists; zone->lock */

static void account_free(struct zone *zone, long nr, int migratetype)
{
	if (is_migrate_isolate(migratetype))
		return;
	__mod_zone_page_state(zone, NR_FREE_PAGES, nr);
	if (is_migrate_cma(migratetype))
		__mod_zone_page_state(zone, NR_FREE_CMA_PAGES, nr);
	else if (is_migrate_highatomic(migratetype))
		machine_count(zone->nr_free_highatomic, nr);
}

static void set_buddy(struct page *page, unsigned int order)
{
	__atomic_store_n(&page->private, order, __ATOMIC_RELAXED);
	__atomic_store_n(&page->page_type, PGTY_buddy, __ATOMIC_RELAXED);
}

static void __add_free(struct zone *zone, struct page *page, unsigned int order,
		       int migratetype, bool tail)
{
	struct free_area *area = &zone->free_area[order];

	set_buddy(page, order);
	if (tail)
		list_add_tail(&page->buddy_list, &area->free_list[migratetype]);
	else
		list_add(&page->buddy_list, &area->free_list[migratetype]);
	machine_count(area->nr_free, 1);
}

static void __del_free(struct zone *zone, struct page *page)
{
	machine_count(zone->free_area[buddy_order(page)].nr_free, -1);
	list_del(&page->buddy_list);
	__atomic_store_n(&page->page_type, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&page->private, 0, __ATOMIC_RELAXED);
}

static void del_free(struct zone *zone, struct page *page, int migratetype)
{
	account_free(zone, -(1L << buddy_order(page)), migratetype);
	__del_free(zone, page);
}

static struct page *first_free(struct zone *zone, unsigned int order,
			       int migratetype)
{
	return list_first_entry_or_null(&zone->free_area[order].free_list[migratetype],
					struct page, buddy_list);
}

/* The free run beside [pfn, order), if it is one. */
static struct page *find_buddy(struct zone *zone, unsigned long pfn,
			       unsigned int order)
{
	unsigned long other = pfn ^ (1UL << order);
	struct page *page = pfn_to_page(other);

	if (!zone_spans_pfn(zone, other) || !PageBuddy(page) ||
	    buddy_order(page) != order)
		return NULL;
	return page;
}

static void __free_run(struct zone *zone, struct page *page, unsigned int order,
		       int migratetype, bool tail)
{
	unsigned long pfn = page_to_pfn(page);
	struct page *buddy;
	int mt;

	account_free(zone, 1L << order, migratetype);
	for (; order < MAX_PAGE_ORDER; order++) {
		buddy = find_buddy(zone, pfn, order);
		if (!buddy)
			break;
		mt = migratetype;
		if (order >= pageblock_order) {
			mt = get_pageblock_migratetype(buddy);
			if (mt != migratetype &&
			    (!migratetype_is_mergeable(mt) ||
			     !migratetype_is_mergeable(migratetype)))
				break;
		}
		__del_free(zone, buddy);
		if (mt != migratetype)
			change_pageblock_range(buddy, order, migratetype);
		pfn &= ~(1UL << order);
	}
	/* A run whose buddy's other half is free will soon grow: keep it. */
	if (!tail && order < MAX_PAGE_ORDER - 1 &&
	    find_buddy(zone, pfn & ~(1UL << order), order + 1))
		tail = true;
	__add_free(zone, pfn_to_page(pfn), order, migratetype, tail);
}

/* In pieces of a pageblock, whose types may differ. */
static void free_run(struct zone *zone, struct page *page, unsigned int order,
		     bool tail)
{
	struct page *end = page + (1UL << order);
	unsigned int piece = min(order, (unsigned int)pageblock_order);

	for (; page < end; page += 1UL << piece)
		__free_run(zone, page, piece, get_pageblock_migratetype(page),
			   tail);
}

/* Put what is left of a run of order @high back, but for its first @low. */
static void expand(struct zone *zone, struct page *page, unsigned int low,
		   unsigned int high, int migratetype)
{
	while (high > low) {
		high--;
		account_free(zone, 1L << high, migratetype);
		__add_free(zone, page + (1UL << high), high, migratetype, false);
	}
}

/* Chunks that are on no list yet */

static void make_chunk(struct zone *zone, unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);

	__set_bit(pfn / CHUNK_PAGES, made);
	machine_count(zone->unmade, -CHUNK_PAGES);
	__add_free(zone, page, MAX_PAGE_ORDER, MIGRATE_MOVABLE, true);
}

/* While there are such chunks, there is one on the list that is for them. */
static void keep_stocked(struct zone *zone)
{
	if (likely(!zone->unmade) ||
	    !list_empty(&zone->free_area[MAX_PAGE_ORDER].free_list[MIGRATE_MOVABLE]))
		return;
	while (test_bit(zone->frontier / CHUNK_PAGES, made))
		zone->frontier += CHUNK_PAGES;
	make_chunk(zone, zone->frontier);
	zone->frontier += CHUNK_PAGES;
}

struct page *pfn_to_online_page(unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);
	unsigned long flags;
	struct zone *zone;

	machine_stat(online_lookups, 1);
	if (!pfn_valid(pfn) ||
	    __atomic_load_n(machine_pageblocks + (pfn >> pageblock_order),
			    __ATOMIC_RELAXED) & PAGEBLOCK_OFFLINE)
		return NULL;
	if (unlikely(made) && !test_bit(pfn / CHUNK_PAGES, made)) {
		zone = page_zone(page);
		spin_lock_irqsave(&zone->lock, flags);
		if (!test_bit(pfn / CHUNK_PAGES, made))
			make_chunk(zone, ALIGN_DOWN(pfn, CHUNK_PAGES));
		spin_unlock_irqrestore(&zone->lock, flags);
	}
	return page;
}

/* From one type to another; zone->lock */

/* The pageblock of @page, unless the zone has only a part of it. */
static struct page *whole_pageblock(struct zone *zone, struct page *page)
{
	unsigned long start = ALIGN_DOWN(page_to_pfn(page), pageblock_nr_pages);

	if (!zone_spans_pfn(zone, start) ||
	    !zone_spans_pfn(zone, start + pageblock_nr_pages - 1))
		return NULL;
	return pfn_to_page(start);
}

static void count_pageblock(struct page *start, int *free, int *movable)
{
	unsigned int i = 0;

	*free = *movable = 0;
	while (i < pageblock_nr_pages) {
		if (PageBuddy(start + i)) {
			*free += 1 << buddy_order(start + i);
			i += 1 << buddy_order(start + i);
			continue;
		}
		*movable += page_flag(start + i, PG_movable);
		i++;
	}
}

/* Runs inside the pageblock alone. */
static void __move_pageblock(struct zone *zone, struct page *start, int from,
			     int to)
{
	unsigned int i = 0, order;

	while (i < pageblock_nr_pages) {
		if (!PageBuddy(start + i)) {
			i++;
			continue;
		}
		order = buddy_order(start + i);
		del_free(zone, start + i, from);
		account_free(zone, 1L << order, to);
		__add_free(zone, start + i, order, to, false);
		i += 1U << order;
	}
	set_pageblock_migratetype(start, to);
}

static bool move_pageblock(struct zone *zone, struct page *page, int from, int to)
{
	struct page *start = whole_pageblock(zone, page);

	if (!start)
		return false;
	__move_pageblock(zone, start, from, to);
	return true;
}

bool move_freepages_block_isolate(struct zone *zone, struct page *page,
				  int migratetype)
{
	struct page *start, *head;

	lockdep_assert_held(&zone->lock);
	start = whole_pageblock(zone, page);
	if (!start)
		return false;
	/* A free run that is longer than the pageblock is cut. */
	head = pfn_to_page(ALIGN_DOWN(page_to_pfn(start), CHUNK_PAGES));
	if (zone_spans_pfn(zone, page_to_pfn(head)) && PageBuddy(head) &&
	    buddy_order(head) > pageblock_order) {
		del_free(zone, head, get_pageblock_migratetype(head));
		set_pageblock_migratetype(start, migratetype);
		free_run(zone, head, MAX_PAGE_ORDER, false);
		return true;
	}
	__move_pageblock(zone, start, get_pageblock_migratetype(start),
			 migratetype);
	return true;
}

/* Taking runs; zone->lock */

static struct page *take_smallest(struct zone *zone, unsigned int order,
				  int migratetype)
{
	unsigned int current_order;
	struct page *page;

	for (current_order = order; current_order < NR_PAGE_ORDERS; current_order++) {
		page = first_free(zone, current_order, migratetype);
		if (!page)
			continue;
		del_free(zone, page, migratetype);
		expand(zone, page, order, current_order, migratetype);
		return page;
	}
	return NULL;
}

static const int fallbacks[MIGRATE_PCPTYPES][MIGRATE_PCPTYPES - 1] = {
	[MIGRATE_UNMOVABLE] = { MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE },
	[MIGRATE_MOVABLE] = { MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE },
	[MIGRATE_RECLAIMABLE] = { MIGRATE_UNMOVABLE, MIGRATE_MOVABLE },
};

static int find_fallback(struct zone *zone, unsigned int order, int migratetype)
{
	int i;

	for (i = 0; i < MIGRATE_PCPTYPES - 1; i++)
		if (first_free(zone, order, fallbacks[migratetype][i]))
			return fallbacks[migratetype][i];
	return -1;
}

static bool may_claim(unsigned int order, int migratetype)
{
	return order >= pageblock_order / 2 || migratetype != MIGRATE_MOVABLE;
}

/* Make the pageblock of a free run of another type one of ours, if it pays. */
static struct page *claim_block(struct zone *zone, struct page *page,
				unsigned int order, int migratetype)
{
	unsigned int current_order = buddy_order(page);
	int type = get_pageblock_migratetype(page);
	int free, movable, alike;
	struct page *start;

	if (current_order >= pageblock_order) {
		del_free(zone, page, type);
		change_pageblock_range(page, current_order, migratetype);
		expand(zone, page, order, current_order, migratetype);
		return page;
	}
	start = whole_pageblock(zone, page);
	if (!start)
		return NULL;
	count_pageblock(start, &free, &movable);
	if (migratetype == MIGRATE_MOVABLE)
		alike = movable;
	else if (type == MIGRATE_MOVABLE)
		alike = (int)pageblock_nr_pages - free - movable;
	else
		alike = 0;
	if (free + alike < 1 << (pageblock_order - 1))
		return NULL;
	__move_pageblock(zone, start, type, migratetype);
	return take_smallest(zone, order, migratetype);
}

static struct page *take_claimed(struct zone *zone, unsigned int order,
				 int migratetype, unsigned int alloc_flags)
{
	int least = order, current_order, type;
	struct page *page;

	if (order < pageblock_order && alloc_flags & ALLOC_NOFRAGMENT)
		least = pageblock_order;
	for (current_order = MAX_PAGE_ORDER; current_order >= least; current_order--) {
		type = find_fallback(zone, current_order, migratetype);
		if (type < 0)
			continue;
		if (!may_claim(current_order, migratetype))
			break;
		page = claim_block(zone, first_free(zone, current_order, type),
				   order, migratetype);
		if (page)
			return page;
	}
	return NULL;
}

static struct page *take_stolen(struct zone *zone, unsigned int order,
				int migratetype)
{
	unsigned int current_order;
	struct page *page;
	int type;

	for (current_order = order; current_order < NR_PAGE_ORDERS; current_order++) {
		type = find_fallback(zone, current_order, migratetype);
		if (type < 0)
			continue;
		page = first_free(zone, current_order, type);
		del_free(zone, page, type);
		expand(zone, page, order, current_order, type);
		return page;
	}
	return NULL;
}

static struct page *take(struct zone *zone, unsigned int order, int migratetype,
			 unsigned int alloc_flags)
{
	struct page *page;

	keep_stocked(zone);
	if (alloc_flags & ALLOC_CMA &&
	    zone_page_state(zone, NR_FREE_CMA_PAGES) >
	    zone_page_state(zone, NR_FREE_PAGES) / 2) {
		page = take_smallest(zone, order, MIGRATE_CMA);
		if (page)
			return page;
	}
	page = take_smallest(zone, order, migratetype);
	if (!page && alloc_flags & ALLOC_CMA)
		page = take_smallest(zone, order, MIGRATE_CMA);
	if (!page)
		page = take_claimed(zone, order, migratetype, alloc_flags);
	if (!page && !(alloc_flags & ALLOC_NOFRAGMENT))
		page = take_stolen(zone, order, migratetype);
	keep_stocked(zone);
	return page;
}

/* Keep a pageblock for requests that are large and cannot wait. */
static void reserve_highatomic(struct zone *zone, struct page *page,
			       unsigned int order)
{
	unsigned long limit = zone_managed_pages(zone) / 100;
	int type = get_pageblock_migratetype(page);

	if (limit < pageblock_nr_pages || !migratetype_is_mergeable(type) ||
	    zone->nr_reserved_highatomic >= ALIGN(limit, pageblock_nr_pages))
		return;
	if (order < pageblock_order) {
		if (!move_pageblock(zone, page, type, MIGRATE_HIGHATOMIC))
			return;
		zone->nr_reserved_highatomic += pageblock_nr_pages;
	} else {
		change_pageblock_range(page, order, MIGRATE_HIGHATOMIC);
		zone->nr_reserved_highatomic += 1UL << order;
	}
}

/* Give one of them up. Returns whether there was one with free pages. */
bool unreserve_highatomic(struct zone *zone, int migratetype)
{
	struct page *page = NULL;
	unsigned long flags, nr;
	unsigned int order;

	spin_lock_irqsave(&zone->lock, flags);
	for (order = 0; order < NR_PAGE_ORDERS && !page; order++) {
		page = first_free(zone, order, MIGRATE_HIGHATOMIC);
		if (!page)
			continue;
		nr = max(pageblock_nr_pages, 1UL << order);
		zone->nr_reserved_highatomic -=
			min(nr, zone->nr_reserved_highatomic);
		if (order < pageblock_order) {
			move_pageblock(zone, page, MIGRATE_HIGHATOMIC, migratetype);
			continue;
		}
		del_free(zone, page, MIGRATE_HIGHATOMIC);
		change_pageblock_range(page, order, migratetype);
		account_free(zone, 1L << order, migratetype);
		__add_free(zone, page, order, migratetype, false);
	}
	spin_unlock_irqrestore(&zone->lock, flags);
	return page;
}

struct page *rmqueue(struct zone *zone, unsigned int order, int migratetype,
		     unsigned int alloc_flags)
{
	struct page *page = NULL;
	unsigned long flags;

	spin_lock_irqsave(&zone->lock, flags);
	if (alloc_flags & ALLOC_HIGHATOMIC)
		page = take_smallest(zone, order, MIGRATE_HIGHATOMIC);
	if (!page) {
		page = take(zone, order, migratetype, alloc_flags);
		if (!page && alloc_flags & (ALLOC_OOM | ALLOC_NON_BLOCK))
			page = take_smallest(zone, order, MIGRATE_HIGHATOMIC);
	}
	if (page && alloc_flags & ALLOC_HIGHATOMIC)
		reserve_highatomic(zone, page, order);
	if (page)
		check_run(page, order, "taken off");
	spin_unlock_irqrestore(&zone->lock, flags);
	if (page)
		count_vm_events(PGALLOC, 1UL << order);
	return page;
}

void free_one_page(struct page *page, unsigned int order)
{
	struct zone *zone = page_zone(page);
	unsigned long flags;

	spin_lock_irqsave(&zone->lock, flags);
	if (check_in(zone, page, order)) {
		free_run(zone, page, order, false);
		count_vm_events(PGFREE, 1UL << order);
	}
	spin_unlock_irqrestore(&zone->lock, flags);
}

/* Take the page itself out of the free run that it is in; bad memory. */
bool buddy_take(struct page *page)
{
	unsigned long pfn = page_to_pfn(page), head_pfn, flags;
	struct zone *zone = page_zone(page);
	struct page *head;
	unsigned int order;
	bool taken = false;
	int mt;

	pfn_to_online_page(pfn);	/* on the lists, if it is free */
	spin_lock_irqsave(&zone->lock, flags);
	for (order = 0; order <= MAX_PAGE_ORDER && !taken; order++) {
		head_pfn = pfn & ~((1UL << order) - 1);
		head = pfn_to_page(head_pfn);
		if (!PageBuddy(head) || buddy_order(head) < order)
			continue;
		order = buddy_order(head);
		mt = get_pageblock_migratetype(head);
		del_free(zone, head, mt);
		while (order) {
			order--;
			if (pfn >= head_pfn + (1UL << order)) {
				account_free(zone, 1L << order, mt);
				__add_free(zone, pfn_to_page(head_pfn), order, mt, false);
				head_pfn += 1UL << order;
			} else {
				account_free(zone, 1L << order, mt);
				__add_free(zone, pfn_to_page(head_pfn + (1UL << order)),
					   order, mt, false);
			}
		}
		taken = true;
	}
	spin_unlock_irqrestore(&zone->lock, flags);
	return taken;
}

/* mm/internal.h */

int __isolate_free_page(struct page *page, unsigned int order)
{
	struct zone *zone = page_zone(page);
	int mt = get_pageblock_migratetype(page);
	unsigned int i;

	lockdep_assert_held(&zone->lock);
	if (!PageBuddy(page) || buddy_order(page) != order) {
		machine_violation("page 0x%lx, order %u, isolated, but not free",
				  page_to_pfn(page), order);
		return 0;
	}
	if (!is_migrate_isolate(mt) &&
	    !zone_watermark_ok(zone, 0, min_wmark_pages(zone) + (1UL << order),
			       0, ALLOC_CMA))
		return 0;
	del_free(zone, page, mt);
	check_run(page, order, "isolated from");
	if (order >= pageblock_order - 1)
		for (i = 0; i < 1U << order; i += pageblock_nr_pages) {
			mt = get_pageblock_migratetype(page + i);
			if (migratetype_is_mergeable(mt))
				move_pageblock(zone, page + i, mt, MIGRATE_MOVABLE);
		}
	keep_stocked(zone);
	return 1 << order;
}

void __putback_isolated_page(struct page *page, unsigned int order, int mt)
{
	struct zone *zone = page_zone(page);

	lockdep_assert_held(&zone->lock);
	if (mt != get_pageblock_migratetype(page))
		machine_violation("page 0x%lx put back as of type %d, its pageblock has %d",
				  page_to_pfn(page), mt,
				  get_pageblock_migratetype(page));
	if (check_in(zone, page, order))
		__free_run(zone, page, order, mt, true);
}

/* Watermarks */

static bool may_have(struct zone *zone, unsigned int order, int migratetype)
{
	return !data_race(list_empty(&zone->free_area[order].free_list[migratetype]));
}

bool __zone_watermark_ok(struct zone *zone, unsigned int order,
			 unsigned long mark, int highest_zoneidx,
			 unsigned int alloc_flags)
{
	long min = mark, free = zone_page_state(zone, NR_FREE_PAGES);
	unsigned int o;
	int mt;

	free -= (1L << order) - 1;
	if (!(alloc_flags & ALLOC_RESERVES))
		free -= machine_counted(zone->nr_free_highatomic);
	if (!(alloc_flags & ALLOC_CMA))
		free -= zone_page_state(zone, NR_FREE_CMA_PAGES);
	if (alloc_flags & ALLOC_MIN_RESERVE) {
		min -= min / 2;
		if (alloc_flags & ALLOC_NON_BLOCK)
			min -= min / 4;
	}
	if (free <= min + zone->lowmem_reserve[highest_zoneidx])
		return false;
	if (!order || machine_counted(zone->unmade))
		return true;
	/* Without zone->lock, as in the kernel: a guess. */
	for (o = order; o < NR_PAGE_ORDERS; o++) {
		if (!machine_counted(zone->free_area[o].nr_free))
			continue;
		for (mt = 0; mt < MIGRATE_PCPTYPES; mt++)
			if (may_have(zone, o, mt))
				return true;
		if (alloc_flags & ALLOC_CMA &&
		    may_have(zone, o, MIGRATE_CMA))
			return true;
		if (alloc_flags & (ALLOC_HIGHATOMIC | ALLOC_OOM) &&
		    may_have(zone, o, MIGRATE_HIGHATOMIC))
			return true;
	}
	return false;
}

bool zone_watermark_ok(struct zone *zone, unsigned int order,
		       unsigned long mark, int highest_zoneidx,
		       unsigned int alloc_flags)
{
	return __zone_watermark_ok(zone, order, mark, highest_zoneidx,
				   alloc_flags);
}

static unsigned long square_root(unsigned long x)
{
	unsigned long root = 0, bit = 1UL << 31;

	for (; bit; bit >>= 1)
		if ((root | bit) * (root | bit) <= x)
			root |= bit;
	return root;
}

unsigned long totalram_pages(void)
{
	unsigned long nr = 0;
	int nid, type;

	for_each_node(nid)
		for (type = 0; type < MAX_NR_ZONES; type++)
			nr += zone_managed_pages(&NODE_DATA(nid)->node_zones[type]);
	return nr;
}

void zones_setup_watermarks(void)
{
	static const unsigned int ratio[MAX_NR_ZONES] = {
		[ZONE_DMA] = 256, [ZONE_DMA32] = 256, [ZONE_NORMAL] = 32,
	};
	unsigned long total = totalram_pages(), min_pages, upper, min, step;
	struct zone *zones, *zone;
	int nid, type, high;

	min_pages = square_root(total * (PAGE_SIZE >> 10) * 16);
	min_pages = clamp(min_pages, 128UL, 262144UL) / (PAGE_SIZE >> 10);
	for_each_node(nid) {
		zones = NODE_DATA(nid)->node_zones;
		for (type = 0; type < MAX_NR_ZONES; type++) {
			zone = &zones[type];
			upper = 0;
			for (high = type + 1; high < MAX_NR_ZONES; high++) {
				upper += zone_managed_pages(&zones[high]);
				zone->lowmem_reserve[high] = ratio[type] ?
					upper / ratio[type] : 0;
			}
			min = min_pages * zone_managed_pages(zone) / total;
			step = max(min / 4, zone_managed_pages(zone) / 1000);
			zone->_watermark[WMARK_MIN] = min;
			zone->_watermark[WMARK_LOW] = min + step;
			zone->_watermark[WMARK_HIGH] = min + 2 * step;
			zone->_watermark[WMARK_PROMO] = min + 3 * step;
		}
	}
}

/* What tests ask */

unsigned long machine_free_pages(int nid)
{
	unsigned long nr = 0;
	int type;

	for (type = 0; type < MAX_NR_ZONES; type++)
		nr += zone_page_state(&NODE_DATA(nid)->node_zones[type],
				      NR_FREE_PAGES);
	return nr;
}

unsigned long machine_free_runs(int nid, unsigned int order)
{
	unsigned long nr = 0;
	struct zone *zone;
	int type;

	for (type = 0; type < MAX_NR_ZONES; type++) {
		zone = &NODE_DATA(nid)->node_zones[type];
		nr += machine_counted(zone->free_area[order].nr_free);
		if (order == MAX_PAGE_ORDER)
			nr += zone->unmade / CHUNK_PAGES;
	}
	return nr;
}

/* Are the lists what the counters say, and the pages what the lists say? */
bool buddy_valid(struct zone *zone)
{
	unsigned long free = zone->unmade, cma = 0, highatomic = 0, nr, flags;
	bool valid = true;
	struct page *page;
	unsigned int order;
	int mt;

	spin_lock_irqsave(&zone->lock, flags);
	for (order = 0; order < NR_PAGE_ORDERS; order++) {
		nr = 0;
		for (mt = 0; mt < MIGRATE_TYPES; mt++)
			list_for_each_entry(page, &zone->free_area[order].free_list[mt],
					    buddy_list) {
				nr++;
				valid = valid && PageBuddy(page) &&
					buddy_order(page) == order &&
					page_zone(page) == zone &&
					IS_ALIGNED(page_to_pfn(page), 1UL << order) &&
					get_pageblock_migratetype(page) == mt &&
					(order == MAX_PAGE_ORDER || mt == MIGRATE_ISOLATE ||
					 !find_buddy(zone, page_to_pfn(page), order) ||
					 order >= pageblock_order);
				if (mt != MIGRATE_ISOLATE)
					free += 1UL << order;
				if (mt == MIGRATE_CMA)
					cma += 1UL << order;
				if (mt == MIGRATE_HIGHATOMIC)
					highatomic += 1UL << order;
			}
		valid = valid && nr == zone->free_area[order].nr_free;
	}
	valid = valid && free == zone_page_state(zone, NR_FREE_PAGES) &&
		cma == zone_page_state(zone, NR_FREE_CMA_PAGES) &&
		highatomic == zone->nr_free_highatomic;
	spin_unlock_irqrestore(&zone->lock, flags);
	return valid;
}

/* Boot */

int node_distance(int a, int b)
{
	return a == b ? 10 : 10 + 10 * (a > b ? a - b : b - a);
}

static void add_zones(struct zonelist *list, unsigned int *nr, int nid)
{
	int type;

	for (type = MAX_NR_ZONES - 1; type >= 0; type--) {
		struct zone *zone = &NODE_DATA(nid)->node_zones[type];

		if (managed_zone(zone))
			list->_zonerefs[(*nr)++] = (struct zoneref) {
				.zone = zone, .zone_idx = type,
			};
	}
	list->_zonerefs[*nr] = (struct zoneref) { NULL, 0 };
}

static void build_zonelists(struct pglist_data *pgdat)
{
	unsigned int nr = 0, distance, other;

	for (distance = 0; distance < machine_nr_nodes; distance++)
		for_each_node(other)
			if (node_distance(pgdat->node_id, other) ==
			    10 + 10 * (int)distance)
				add_zones(&pgdat->node_zonelists[ZONELIST_FALLBACK],
					  &nr, other);
	nr = 0;
	add_zones(&pgdat->node_zonelists[ZONELIST_NOFALLBACK], &nr,
		  pgdat->node_id);
}

static void setup_zone(struct pglist_data *pgdat, enum zone_type type,
		       unsigned long start, unsigned long end)
{
	static const char * const names[MAX_NR_ZONES] = {
		"DMA", "DMA32", "Normal", "Movable",
	};
	struct zone *zone = &pgdat->node_zones[type];
	unsigned int order;
	int mt;

	spin_lock_init(&zone->lock);
	for (order = 0; order < NR_PAGE_ORDERS; order++)
		for (mt = 0; mt < MIGRATE_TYPES; mt++)
			INIT_LIST_HEAD(&zone->free_area[order].free_list[mt]);
	zone->zone_start_pfn = start;
	zone->spanned_pages = zone->present_pages = end - start;
	zone->zone_pgdat = pgdat;
	zone->node = pgdat->node_id;
	zone->name = names[type];
}

/* All pages from @pfn on, to the zone's end, are free. */
static void free_zone(struct zone *zone, unsigned long pfn)
{
	unsigned long end = zone_end_pfn(zone), flags;
	unsigned int order;

	pfn = max(pfn, zone->zone_start_pfn);
	if (pfn >= end)
		return;
	atomic_long_set(&zone->managed_pages, end - pfn);
	zone->vm_stat[NR_FREE_PAGES] = end - pfn;
	spin_lock_irqsave(&zone->lock, flags);
	while (pfn < end) {
		if (made && IS_ALIGNED(pfn, CHUNK_PAGES) &&
		    pfn + CHUNK_PAGES <= end) {
			zone->frontier = pfn;
			zone->unmade = ALIGN_DOWN(end - pfn, CHUNK_PAGES);
			pfn += zone->unmade;
			continue;
		}
		order = pfn ? min((int)__ffs(pfn), MAX_PAGE_ORDER) : MAX_PAGE_ORDER;
		while (pfn + (1UL << order) > end)
			order--;
		if (made)
			__set_bit(pfn / CHUNK_PAGES, made);
		__add_free(zone, pfn_to_page(pfn), order, MIGRATE_MOVABLE, true);
		pfn += 1UL << order;
	}
	spin_unlock_irqrestore(&zone->lock, flags);
}

static void reserve(unsigned long pfn, unsigned long end)
{
	for (; pfn < end; pfn++) {
		SetPageReserved(pfn_to_page(pfn));
		set_page_count(pfn_to_page(pfn), 1);
		if (made)
			__set_bit(pfn / CHUNK_PAGES, made);
	}
}

static void *reserve_address_space(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED) {
		perror("address space for the machine's memory");
		exit(EXIT_FAILURE);
	}
	return p;
}

/* The low pages up to @reserved_end hold the image and the boot tables. */
void buddy_boot(unsigned long reserved_end)
{
	unsigned long dma32_end, start;
	struct pglist_data *pgdat;
	int nid, type;

	vmemmap_size = machine_nr_pfns * sizeof(struct page);
	machine_vmemmap = reserve_address_space(vmemmap_size);
	pageblocks_size = (machine_nr_pfns >> pageblock_order) + 1;
	machine_pageblocks = reserve_address_space(pageblocks_size);
	made = NULL;
	if (machine_nr_pfns > LAZY_PAGES) {
		made_size = machine_nr_pfns / CHUNK_PAGES / 8 + 8;
		made = reserve_address_space(made_size);
	}

	memset(machine_events, 0, sizeof(machine_events));
	memset(machine_nodes, 0, sizeof(machine_nodes));
	for_each_node(nid) {
		pgdat = NODE_DATA(nid);
		start = nid * machine_node_pfns;
		pgdat->node_id = nid;
		pgdat->node_start_pfn = start;
		pgdat->node_present_pages = machine_node_pfns;
		pgdat->node_spanned_pages = machine_node_pfns;
		for (type = 0; type < MAX_NR_ZONES; type++)
			setup_zone(pgdat, type, start, start);
		if (nid) {
			setup_zone(pgdat, ZONE_NORMAL, start,
				   start + machine_node_pfns);
			continue;
		}
		pgdat->node_present_pages--;	/* page frame 0 is no page */
		dma32_end = pageblock_nr_pages;
		if (machine_config.node_mib >= DMA32_MIN_MIB)
			dma32_end = ALIGN(dma32_end +
					  min(machine_node_pfns / 8, DMA32_MAX_PAGES),
					  CHUNK_PAGES);
		setup_zone(pgdat, ZONE_DMA, 1, pageblock_nr_pages);
		setup_zone(pgdat, ZONE_DMA32, pageblock_nr_pages, dma32_end);
		setup_zone(pgdat, ZONE_NORMAL, dma32_end, machine_node_pfns);
	}
	reserve(0, LOW_RESERVED);
	reserve(pageblock_nr_pages, reserved_end);
	for_each_node(nid) {
		struct zone *zones = NODE_DATA(nid)->node_zones;

		free_zone(&zones[ZONE_DMA], LOW_RESERVED);
		free_zone(&zones[ZONE_DMA32], reserved_end);
		free_zone(&zones[ZONE_NORMAL], reserved_end);
	}
	for_each_node(nid)
		build_zonelists(NODE_DATA(nid));
	zones_setup_watermarks();
}

void buddy_shutdown(void)
{
	munmap(machine_vmemmap, vmemmap_size);
	munmap(machine_pageblocks, pageblocks_size);
	if (made)
		munmap(made, made_size);
	machine_vmemmap = NULL;
	machine_pageblocks = NULL;
	made = NULL;
}
