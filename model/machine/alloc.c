// SPDX-License-Identifier: GPL-2.0
/*
 * Allocating and freeing pages: from the call down to the zone's free lists,
 * with reclaim in between, and dmap's hooks where hooks/6.12/page-alloc.patch
 * has them. Faults are injected here.
 */
#include "memory.h"
#include <stdio.h>
#include <linux/dmap.h>

/* Faults */

static unsigned long fail_nth;
static unsigned int fail_random;
static unsigned long failed;

static void set_faults(unsigned long nth, unsigned int random)
{
	model_lock();
	__atomic_store_n(&fail_nth, nth, __ATOMIC_RELAXED);
	__atomic_store_n(&fail_random, random, __ATOMIC_RELAXED);
	__atomic_store_n(&failed, 0, __ATOMIC_RELAXED);
	model_unlock();
}

void machine_fail_nth(unsigned long nth)
{
	set_faults(nth, machine_counted(fail_random));
}

void machine_fail_random(unsigned int n)
{
	set_faults(machine_counted(fail_nth), n);
}

unsigned long machine_failed(void)
{
	return machine_counted(failed);
}

bool machine_should_fail(gfp_t gfp)
{
	bool fail = false;

	if (likely(!machine_counted(fail_nth) && !machine_counted(fail_random)) ||
	    gfp & __GFP_NOFAIL)
		return false;
	model_lock();
	if (fail_nth) {
		machine_count(fail_nth, -1);
		fail = !fail_nth;
	}
	if (fail_random && !(machine_random() % fail_random))
		fail = true;
	machine_count(failed, fail);
	model_unlock();
	return fail;
}

/* Rules about the context */

/* Entering reclaim is checked whenever it could happen, not when it does. */
void might_alloc(gfp_t gfp)
{
	if (!gfpflags_allow_blocking(gfp))
		return;
	might_sleep();
	lock_reclaim_enter(gfp);
	lock_reclaim_exit();
}

/* Who is in reclaim: they may take all that is left, and do not enter again. */
#define MAX_RECLAIMERS	1024
static struct task_struct *reclaimers[MAX_RECLAIMERS];
static unsigned int nr_reclaimers;

static bool reclaiming(void)
{
	unsigned int i;
	bool found = false;

	if (likely(!machine_counted(nr_reclaimers)))
		return false;
	model_lock();
	for (i = 0; i < nr_reclaimers && !found; i++)
		found = reclaimers[i] == current;
	model_unlock();
	return found;
}

static void reclaim_begin(void)
{
	model_lock();
	if (nr_reclaimers == MAX_RECLAIMERS)
		machine_unmodelled("so many tasks in reclaim");
	reclaimers[nr_reclaimers] = current;
	machine_count(nr_reclaimers, 1);
	model_unlock();
}

static void reclaim_end(void)
{
	unsigned int i;

	model_lock();
	for (i = 0; reclaimers[i] != current; i++)
		;
	machine_count(nr_reclaimers, -1);
	reclaimers[i] = reclaimers[nr_reclaimers];
	model_unlock();
}

/* Shrinkers */

static LIST_HEAD(shrinkers);

struct shrinker *shrinker_alloc(unsigned int flags, const char *fmt, ...)
{
	struct shrinker *shrinker;
	char name[64];
	va_list args;

	might_alloc(GFP_KERNEL);
	if (machine_should_fail(GFP_KERNEL))
		return NULL;
	va_start(args, fmt);
	vsnprintf(name, sizeof(name), fmt, args);
	va_end(args);
	shrinker = calloc(1, sizeof(*shrinker));
	BUG_ON(!shrinker);
	shrinker->name = strdup(name);
	shrinker->flags = flags;
	shrinker->seeks = DEFAULT_SEEKS;
	INIT_LIST_HEAD(&shrinker->list);
	return shrinker;
}

void shrinker_register(struct shrinker *shrinker)
{
	if (!shrinker->count_objects || !shrinker->scan_objects)
		machine_violation("shrinker %s has no functions", shrinker->name);
	list_add_tail(&shrinker->list, &shrinkers);
}

void shrinker_free(struct shrinker *shrinker)
{
	list_del(&shrinker->list);
	free((char *)shrinker->name);
	free(shrinker);
}

static unsigned long shrink_one(struct shrinker *shrinker, gfp_t gfp, int nid,
				int priority)
{
	struct shrink_control sc = { .gfp_mask = gfp, .nid = nid };
	unsigned long freed = 0, deferred, delta, total, scanned = 0, ret;
	unsigned long batch = shrinker->batch ?: SHRINK_BATCH;
	unsigned long freeable = shrinker->count_objects(shrinker, &sc);

	if (!freeable || freeable == SHRINK_EMPTY)
		return 0;
	deferred = __atomic_exchange_n(&shrinker->nr_deferred[nid], 0,
				       __ATOMIC_RELAXED);
	delta = (freeable >> priority) * 4 / shrinker->seeks;
	total = min((deferred >> priority) + delta, 2 * freeable);
	while (total >= batch || total >= freeable) {
		sc.nr_to_scan = min(batch, total);
		sc.nr_scanned = sc.nr_to_scan;
		ret = shrinker->scan_objects(shrinker, &sc);
		if (ret == SHRINK_STOP)
			break;
		freed += ret;
		count_vm_events(SLABS_SCANNED, sc.nr_scanned);
		total -= sc.nr_scanned;
		scanned += sc.nr_scanned;
		cond_resched();
	}
	total = deferred + delta > scanned ? deferred + delta - scanned : 0;
	__atomic_fetch_add(&shrinker->nr_deferred[nid], min(total, 2 * freeable),
			   __ATOMIC_RELAXED);
	return freed;
}

/* Reclaim */

struct request {
	gfp_t gfp;
	unsigned int order;
	int migratetype;
	struct zonelist *zonelist;
	const nodemask_t *nodemask;
	enum zone_type highest;
};

static unsigned long direct_reclaim(const struct request *r)
{
	unsigned long reclaimed = 0;
	struct shrinker *shrinker;
	int priority, last;
	struct zoneref *z;
	struct zone *zone;

	machine_stat(reclaims, 1);
	count_vm_event(ALLOCSTALL);
	cond_resched();
	lock_reclaim_enter(r->gfp);
	reclaim_begin();
	for (priority = DEF_PRIORITY;
	     priority >= 0 && reclaimed < SWAP_CLUSTER_MAX; priority--) {
		last = NUMA_NO_NODE;
		for_each_zone_zonelist_nodemask(zone, z, r->zonelist, r->highest,
						r->nodemask) {
			if (zone_to_nid(zone) == last)
				continue;
			last = zone_to_nid(zone);
			reclaimed += foreign_reclaim(last, SWAP_CLUSTER_MAX);
			list_for_each_entry(shrinker, &shrinkers, list)
				reclaimed += shrink_one(shrinker, r->gfp, last,
							priority);
		}
	}
	reclaim_end();
	lock_reclaim_exit();
	return reclaimed;
}

/* Allocating */

static void clear_contents(struct page *page, unsigned int order)
{
	unsigned int i;

	for (i = 0; i < 1U << order; i++)
		if (page_flag(page + i, PG_touched)) {
			memset(__va(PFN_PHYS(page_to_pfn(page + i))), 0, PAGE_SIZE);
			page_flag_test_and_clear(page + i, PG_touched);
		}
}

void post_alloc_hook(struct page *page, unsigned int order, gfp_t gfp)
{
	set_page_private(page, 0);
	if (unlikely(page->allocated || PageBuddy(page) || PageTail(page) ||
		     page_flag(page, PG_reserved)))
		machine_violation("page 0x%lx handed out, but in use",
				  page_to_pfn(page));
	page->allocated = order + 1;
	if (gfp & __GFP_ZERO)
		clear_contents(page, order);
}

void prep_compound_page(struct page *page, unsigned int order)
{
	unsigned int i;

	page->flags |= 1UL << PG_head;
	page->compound_order = order;
	for (i = 1; i < 1U << order; i++)
		__atomic_store_n(&page[i].compound_head, (unsigned long)page | 1,
				 __ATOMIC_RELAXED);
}

static bool nofragment(const struct request *r)
{
	struct zone *zone = next_zones_zonelist(r->zonelist->_zonerefs,
						r->highest, r->nodemask)->zone;

	return zone && zone_idx(zone) == ZONE_NORMAL &&
	       (machine_nr_nodes == 1 || populated_zone(zone - 1));
}

static struct page *from_freelists(const struct request *r,
				   unsigned int alloc_flags)
{
	struct zone *zone, *first = NULL;
	struct zoneref *z;
	struct page *page;

again:
	for_each_zone_zonelist_nodemask(zone, z, r->zonelist, r->highest,
					r->nodemask) {
		if (!first)
			first = zone;
		/* A near node is worth more than unmixed pageblocks. */
		if (alloc_flags & ALLOC_NOFRAGMENT &&
		    zone_to_nid(zone) != zone_to_nid(first)) {
			alloc_flags &= ~ALLOC_NOFRAGMENT;
			goto again;
		}
		if (!(alloc_flags & ALLOC_NO_WATERMARKS) &&
		    !__zone_watermark_ok(zone, r->order,
					 wmark_pages(zone, alloc_flags & ALLOC_WMARK_MASK),
					 r->highest, alloc_flags))
			continue;
		page = rmqueue(zone, r->order, r->migratetype, alloc_flags);
		if (!page)
			continue;
		post_alloc_hook(page, r->order, r->gfp);
		set_page_refcounted(page);
		if (r->order && r->gfp & __GFP_COMP)
			prep_compound_page(page, r->order);
		return page;
	}
	if (alloc_flags & ALLOC_NOFRAGMENT) {
		alloc_flags &= ~ALLOC_NOFRAGMENT;
		goto again;
	}
	return NULL;
}

static unsigned int slow_flags(const struct request *r)
{
	unsigned int flags = ALLOC_WMARK_MIN | ALLOC_CPUSET;

	if (r->gfp & __GFP_HIGH)
		flags |= ALLOC_MIN_RESERVE;
	if (!(r->gfp & (__GFP_DIRECT_RECLAIM | __GFP_NOMEMALLOC))) {
		flags |= ALLOC_NON_BLOCK;
		if (r->order && flags & ALLOC_MIN_RESERVE)
			flags |= ALLOC_HIGHATOMIC;
	}
	if (r->migratetype == MIGRATE_MOVABLE)
		flags |= ALLOC_CMA;
	if (!(r->gfp & __GFP_NOMEMALLOC) &&
	    (r->gfp & __GFP_MEMALLOC || reclaiming()))
		flags = ALLOC_NO_WATERMARKS;
	return flags;
}

static bool unreserve(const struct request *r)
{
	struct zoneref *z;
	struct zone *zone;

	for_each_zone_zonelist_nodemask(zone, z, r->zonelist, r->highest,
					r->nodemask)
		if (zone->nr_reserved_highatomic &&
		    unreserve_highatomic(zone, r->migratetype))
			return true;
	return false;
}

#define MAX_ROUNDS	16	/* of reclaim without a page for the request */
#define FOREVER		100000

static struct page *alloc_slowly(const struct request *r)
{
	unsigned int flags = slow_flags(r);
	struct page *page = from_freelists(r, flags);
	unsigned long round, barren = 0;

	if (page || !gfpflags_allow_blocking(r->gfp) || flags & ALLOC_NO_WATERMARKS)
		return page;
	for (round = 1;; round++) {
		if (!direct_reclaim(r))
			barren++;
		page = from_freelists(r, flags);
		if (!page && unreserve(r))
			page = from_freelists(r, flags);
		if (page)
			return page;
		if (r->gfp & __GFP_NOFAIL) {
			if (round == FOREVER) {
				machine_violation("a request that must not fail waits for ever: gfp 0x%x, order %u",
						  r->gfp, r->order);
				return NULL;
			}
			schedule_timeout_uninterruptible(HZ / 50);
			continue;
		}
		if (r->gfp & __GFP_NORETRY || barren > 1 || round == MAX_ROUNDS)
			return NULL;
		if (r->order > PAGE_ALLOC_COSTLY_ORDER &&
		    !(r->gfp & __GFP_RETRY_MAYFAIL))
			return NULL;
	}
}

static struct request make_request(gfp_t gfp, unsigned int order, int nid,
				   const nodemask_t *nodemask)
{
	return (struct request) {
		.gfp = gfp,
		.order = order,
		.migratetype = gfp_migratetype(gfp),
		.zonelist = node_zonelist(nid, gfp),
		.nodemask = nodemask,
		.highest = gfp_zone(gfp),
	};
}

struct page *__alloc_pages_noprof(gfp_t gfp, unsigned int order, int nid,
				  nodemask_t *nodemask)
{
	struct request r;
	struct page *page;
	unsigned int flags;

	if (unlikely(!node_online(nid))) {
		machine_violation("request for node %d", nid);
		return NULL;
	}
	if (unlikely(order > MAX_PAGE_ORDER)) {
		WARN_ON(!(gfp & __GFP_NOWARN));
		return NULL;
	}
	machine_stat(allocations, 1);
	might_alloc(gfp);
	if (machine_should_fail(gfp))
		return NULL;
	/* The free lists are not even looked at: as the hook has it. */
	if (gfp & __GFP_PTE_MAPPED)
		return dmap_get_page(gfp, order, nid, nodemask);

	r = make_request(gfp, order, nid, nodemask);
	flags = ALLOC_WMARK_LOW;
	if (r.migratetype == MIGRATE_MOVABLE)
		flags |= ALLOC_CMA;
	if (nofragment(&r))
		flags |= ALLOC_NOFRAGMENT;
	page = from_freelists(&r, flags);
	return page ?: alloc_slowly(&r);
}

struct page *alloc_foreign(gfp_t gfp, unsigned int order, int nid, bool deep)
{
	struct request r = make_request(gfp | __GFP_THISNODE, order, nid, NULL);

	if (deep)
		return from_freelists(&r, ALLOC_NO_WATERMARKS);
	might_alloc(gfp);
	return alloc_slowly(&r);
}

unsigned long __get_free_pages(gfp_t gfp, unsigned int order)
{
	struct page *page = alloc_pages(gfp, order);

	return page ? (unsigned long)page_address(page) : 0;
}

/* Pages of the cache come one by one, as the hook has it; so do all here. */
unsigned long alloc_pages_bulk_noprof(gfp_t gfp, int nid, nodemask_t *nodemask,
				      int nr, struct list_head *list,
				      struct page **array)
{
	int i, populated = 0;

	if (list)
		machine_unmodelled("bulk allocation to a list");
	for (i = 0; i < nr; i++) {
		if (array[i]) {
			populated++;
			continue;
		}
		array[i] = __alloc_pages_noprof(gfp, 0, nid, nodemask);
		if (!array[i])
			break;
		populated++;
		if (gfp & __GFP_PTE_MAPPED)
			break;
	}
	return populated;
}

/* Freeing */

/* What a compound page is made of goes; false when it is not one of @order. */
static bool dissolve(struct page *page, unsigned int order)
{
	unsigned int i;

	if (!PageHead(page))
		return true;
	if (page->compound_order != order) {
		machine_violation("compound page 0x%lx of order %u freed with order %u",
				  page_to_pfn(page), page->compound_order, order);
		return false;
	}
	page->flags &= ~(1UL << PG_head);
	page->compound_order = 0;
	for (i = 1; i < 1U << order; i++)
		__atomic_store_n(&page[i].compound_head, 0, __ATOMIC_RELAXED);
	return true;
}

static bool table_is_forgotten(struct page *page)
{
	unsigned int cpu;

	page_flag_test_and_clear(page, PG_was_table);
	if (!tlb_uses_table(page_to_pfn(page), &cpu))
		return true;
	machine_violation("page 0x%lx freed: it was a page table, and CPU %u may still walk through it",
			  page_to_pfn(page), cpu);
	return false;
}

static bool prepare(struct page *page, unsigned int order, bool again)
{
	unsigned int i;

	if (PageTail(page)) {
		machine_violation("tail 0x%lx of a compound page freed",
				  page_to_pfn(page));
		return false;
	}
	if (likely(!(__atomic_load_n(&page->flags, __ATOMIC_RELAXED) &
		     (__PG_HWPOISON | __PG_DMAP))))
		goto unmarked;
	if (PageDmap(page) && dmap_divert(page, order))
		return false;
	if (PageHWPoison(page) && !order) {
		page->allocated = 0;
		page->generation++;
		return false;
	}
unmarked:
	if (!again && page->allocated != order + 1) {
		if (page->allocated)
			machine_violation("page 0x%lx of order %u freed with order %u",
					  page_to_pfn(page), page->allocated - 1, order);
		else
			machine_violation("page 0x%lx freed, order %u, was not allocated as such",
					  page_to_pfn(page), order);
		return false;
	}
	if (!dissolve(page, order))
		return false;
	for (i = 0; i < 1U << order; i++) {
		if (unlikely(page_flag(page + i, PG_table))) {
			machine_violation("page 0x%lx freed: an entry of the direct map refers to it as a table",
					  page_to_pfn(page + i));
			return false;
		}
		if (unlikely(__atomic_load_n(&page[i]._refcount.counter,
					     __ATOMIC_RELAXED))) {
			machine_violation("page 0x%lx freed with %d references",
					  page_to_pfn(page + i),
					  page[i]._refcount.counter);
			return false;
		}
		if (unlikely(page_flag(page + i, PG_was_table)) &&
		    !table_is_forgotten(page + i))
			return false;
		page[i].mapping = NULL;
		page[i].allocated = 0;
		page[i].generation++;
	}
	return true;
}

bool free_pages_prepare(struct page *page, unsigned int order)
{
	return prepare(page, order, false);
}

bool free_pages_prepare_dmap(struct page *page, unsigned int order)
{
	return prepare(page, order, true);
}

static void free_unref_page(struct page *page, unsigned int order)
{
	if (page_flag(page, PG_foreign) && !page->allocated)
		machine_violation("foreign page 0x%lx freed twice",
				  page_to_pfn(page));
	if (free_pages_prepare(page, order))
		free_one_page(page, order);
}

void __free_pages(struct page *page, unsigned int order)
{
	bool head = PageHead(page);

	if (put_page_testzero(page))
		free_unref_page(page, order);
	else if (!head && order) {
		/* The tails go now, the head with its last reference. */
		page->allocated = 1;
		while (order--) {
			page[1UL << order].allocated = order + 1;
			free_unref_page(page + (1UL << order), order);
		}
	}
}

void __put_page(struct page *page)
{
	free_unref_page(page, compound_order(page));
}

void free_pages(unsigned long addr, unsigned int order)
{
	if (addr)
		__free_pages(virt_to_page(addr), order);
}

void split_page(struct page *page, unsigned int order)
{
	unsigned int i;

	if (PageCompound(page) || page->allocated != order + 1) {
		machine_violation("page 0x%lx split, order %u, is not one",
				  page_to_pfn(page), order);
		return;
	}
	for (i = 0; i < 1U << order; i++) {
		page[i].allocated = 1;
		if (i)
			set_page_refcounted(page + i);
	}
}

void free_reserved_page(struct page *page)
{
	struct zone *zone = page_zone(page);

	if (!PageReserved(page)) {
		machine_violation("page 0x%lx freed, is not a reserved one",
				  page_to_pfn(page));
		return;
	}
	ClearPageReserved(page);
	set_page_count(page, 1);
	page->allocated = 1;
	atomic_long_inc(&zone->managed_pages);
	__free_page(page);
}

void page_ref_bad(struct page *page, const char *what)
{
	machine_violation("%s: page 0x%lx, %d references%s%s", what,
			  page_to_pfn(page), page->_refcount.counter,
			  PageBuddy(page) ? ", free" : "",
			  PageDmap(page) ? ", of dmap" : "");
}

void dump_page(struct page *page, const char *reason)
{
	machine_log("page 0x%lx: %d references, flags 0x%lx, allocated with order %d%s: %s\n",
		    page_to_pfn(page), page->_refcount.counter, page->flags,
		    (int)page->allocated - 1, PageBuddy(page) ? ", free" : "",
		    reason);
}

void alloc_shutdown(void)
{
	struct shrinker *shrinker, *next;

	list_for_each_entry_safe(shrinker, next, &shrinkers, list)
		shrinker_free(shrinker);
	fail_nth = 0;
	fail_random = 0;
	failed = 0;
	if (nr_reclaimers)
		machine_violation("%u tasks are still in reclaim", nr_reclaimers);
	nr_reclaimers = 0;
}
