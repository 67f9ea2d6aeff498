// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that others use, and what happens to memory as such: it is offlined,
 * or goes bad.
 */
#include "memory.h"

unsigned long machine_nr_poisoned;	/* pages that nobody gets any more */
unsigned long machine_nr_offline;

/* Page cache, oldest first; and what machine_fragment() holds. */
static struct list_head movable[MAX_NUMNODES];
static struct list_head fragments;
static struct notifier_block *notifiers;
static DEFINE_MUTEX(hotplug_lock);

/* Foreign pages */

struct page *machine_foreign_alloc(unsigned int order, int nid, bool reclaimable)
{
	gfp_t gfp = GFP_KERNEL;
	struct page *page;

	/* Page cache for which page cache must go is never full. */
	if (reclaimable)
		gfp = __GFP_MOVABLE | __GFP_NOMEMALLOC;
	else if (!preemptible() || rcu_read_lock_held())
		gfp = __GFP_NOMEMALLOC;
	page = alloc_foreign(gfp, order, nid, false);
	if (!page)
		return NULL;
	page_flag_test_and_set(page, PG_foreign);
	if (reclaimable) {
		page_flag_test_and_set(page, PG_movable);
		model_lock();
		list_add_tail(&page->lru, &movable[nid]);
		model_unlock();
		mod_node_page_state(NODE_DATA(nid), NR_MODEL_RECLAIMABLE, 1L << order);
	}
	return page;
}

static void foreign_put(struct page *page, unsigned int order)
{
	page_flag_test_and_clear(page, PG_foreign);
	__free_pages(page, order);
}

/* @page is off its list. */
static void movable_put(struct page *page)
{
	unsigned int order = page->allocated - 1;

	page_flag_test_and_clear(page, PG_movable);
	mod_node_page_state(page_pgdat(page), NR_MODEL_RECLAIMABLE, -(1L << order));
	foreign_put(page, order);
}

void machine_foreign_free(struct page *page, unsigned int order)
{
	if (!page_flag(page, PG_foreign)) {
		machine_violation("page 0x%lx freed, is nobody else's",
				  page_to_pfn(page));
		return;
	}
	if (!page_flag(page, PG_movable)) {
		foreign_put(page, order);
		return;
	}
	model_lock();
	list_del(&page->lru);
	model_unlock();
	movable_put(page);
}

unsigned long foreign_reclaim(int nid, unsigned long nr)
{
	unsigned long reclaimed = 0;
	struct page *page;

	while (reclaimed < nr) {
		model_lock();
		page = list_first_entry_or_null(&movable[nid], struct page, lru);
		if (page)
			list_del(&page->lru);
		model_unlock();
		if (!page)
			break;
		reclaimed += 1UL << (page->allocated - 1);
		movable_put(page);
	}
	count_vm_events(PGSTEAL_DIRECT, reclaimed);
	return reclaimed;
}

void machine_fragment(int nid, unsigned int one_in)
{
	struct page *page, *next;
	LIST_HEAD(pages);

	while ((page = alloc_foreign(GFP_KERNEL, 0, nid, true))) {
		page_flag_test_and_set(page, PG_foreign);
		list_add_tail(&page->lru, &pages);
	}
	list_for_each_entry_safe(page, next, &pages, lru) {
		if (machine_random() % one_in)
			continue;
		list_del(&page->lru);
		foreign_put(page, 0);
	}
	list_splice_tail(&pages, &fragments);
}

void machine_unfragment(void)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &fragments, lru) {
		list_del(&page->lru);
		foreign_put(page, 0);
	}
}

/* Memory hotplug */

int register_memory_notifier(struct notifier_block *nb)
{
	struct notifier_block **p = &notifiers;

	while (*p && (*p)->priority >= nb->priority)
		p = &(*p)->next;
	nb->next = *p;
	*p = nb;
	return 0;
}

static int notify(unsigned long action, unsigned long pfn, unsigned long nr)
{
	struct memory_notify mem = {
		.start_pfn = pfn,
		.nr_pages = nr,
		.status_change_nid_normal = NUMA_NO_NODE,
		.status_change_nid = NUMA_NO_NODE,
	};
	struct notifier_block *nb;
	int ret = NOTIFY_DONE;

	for (nb = notifiers; nb && !(ret & NOTIFY_STOP_MASK); nb = nb->next)
		ret = nb->notifier_call(nb, action, &mem);
	return notifier_to_errno(ret);
}

/* A page that cannot be moved away; not free and not idle ones. */
static bool unmovable(unsigned long pfn)
{
	struct page *page = compound_head(pfn_to_page(pfn));
	unsigned int order;

	if (PageReserved(page))
		return true;
	if (buddy_is_free(pfn) || PageHWPoison(pfn_to_page(pfn)))
		return false;
	/* Of a longer page cache page, the head tells. */
	for (order = 0; order <= MAX_PAGE_ORDER; order++) {
		page = pfn_to_page(pfn & ~((1UL << order) - 1));
		if (page_flag(page, PG_movable) && page->allocated > order)
			return false;
	}
	return __atomic_load_n(&pfn_to_page(pfn)->_refcount.counter,
			       __ATOMIC_RELAXED);
}

static int isolate_block(unsigned long pfn)
{
	struct page *page = pfn_to_online_page(pfn);
	struct zone *zone = page_zone(page);
	int ret = -EBUSY;
	unsigned long flags, i;

	spin_lock_irqsave(&zone->lock, flags);
	if (is_migrate_isolate_page(page))
		goto unlock;
	for (i = 0; i < pageblock_nr_pages; i++)
		if (unmovable(pfn + i))
			goto unlock;
	if (move_freepages_block_isolate(zone, page, MIGRATE_ISOLATE)) {
		zone->nr_isolate_pageblock++;
		ret = 0;
	}
unlock:
	spin_unlock_irqrestore(&zone->lock, flags);
	return ret;
}

static void unisolate(unsigned long pfn, unsigned long end)
{
	struct zone *zone = page_zone(pfn_to_page(pfn));
	unsigned long flags;

	spin_lock_irqsave(&zone->lock, flags);
	for (; pfn < end; pfn += pageblock_nr_pages) {
		move_freepages_block_isolate(zone, pfn_to_page(pfn),
					     MIGRATE_MOVABLE);
		zone->nr_isolate_pageblock--;
	}
	spin_unlock_irqrestore(&zone->lock, flags);
}

/* Move page cache away; here that is to drop it. */
static void migrate(unsigned long pfn, unsigned long end)
{
	struct page *page;

	for (; pfn < end; pfn++) {
		page = pfn_to_page(pfn);
		model_lock();
		if (page_flag(page, PG_movable))
			list_del(&page->lru);
		else
			page = NULL;
		model_unlock();
		if (page)
			movable_put(page);
	}
}

/* Take the free pages of a range out of use. */
static void remove_free(struct zone *zone, unsigned long pfn, unsigned long end)
{
	unsigned long flags, nr = end - pfn, bad = 0, i;

	for (i = pfn; i < end; i++) {
		if (PageHWPoison(pfn_to_page(i)))
			bad++;
		else if (!buddy_take(pfn_to_page(i)))
			machine_violation("page 0x%lx goes offline, but is not free", i);
		set_page_count(pfn_to_page(i), 0);
	}
	spin_lock_irqsave(&zone->lock, flags);
	for (; pfn < end; pfn += pageblock_nr_pages) {
		set_pageblock_migratetype(pfn_to_page(pfn), MIGRATE_MOVABLE);
		machine_pageblocks[pfn >> pageblock_order] |= PAGEBLOCK_OFFLINE;
		zone->nr_isolate_pageblock--;
	}
	spin_unlock_irqrestore(&zone->lock, flags);
	atomic_long_sub(nr, &zone->managed_pages);
	zone->present_pages -= nr;
	zone->zone_pgdat->node_present_pages -= nr;
	machine_nr_offline += nr;
	machine_nr_poisoned -= bad;
	zones_setup_watermarks();
}

static int offline(unsigned long pfn, unsigned long nr)
{
	unsigned long end = pfn + nr, i;
	int ret;

	for (i = pfn; i < end; i += pageblock_nr_pages) {
		ret = pfn_to_online_page(i) ? isolate_block(i) : -EINVAL;
		if (ret) {
			if (i > pfn)
				unisolate(pfn, i);
			return ret;
		}
	}
	ret = notify(MEM_GOING_OFFLINE, pfn, nr);
	if (!ret)
		migrate(pfn, end);
	for (i = pfn; !ret && i < end; i++) {
		if (buddy_is_free(i) || PageHWPoison(pfn_to_page(i)))
			continue;
		/* The kernel takes these for pages on their way, and waits. */
		if (!__atomic_load_n(&pfn_to_page(i)->_refcount.counter,
				     __ATOMIC_RELAXED))
			machine_violation("memory goes offline and waits for ever for page 0x%lx",
					  i);
		ret = -EBUSY;
	}
	if (ret) {
		notify(MEM_CANCEL_OFFLINE, pfn, nr);
		unisolate(pfn, end);
		return ret;
	}
	remove_free(page_zone(pfn_to_page(pfn)), pfn, end);
	notify(MEM_OFFLINE, pfn, nr);
	return 0;
}

int machine_offline(unsigned long pfn, unsigned long nr_pages)
{
	int ret;

	might_sleep();
	if (!nr_pages || (pfn | nr_pages) & (pageblock_nr_pages - 1) ||
	    !pfn_valid(pfn) || !pfn_valid(pfn + nr_pages - 1) ||
	    page_zone(pfn_to_page(pfn)) != page_zone(pfn_to_page(pfn + nr_pages - 1)))
		return -EINVAL;
	mutex_lock(&hotplug_lock);
	ret = offline(pfn, nr_pages);
	mutex_unlock(&hotplug_lock);
	return ret;
}

/* Bad memory */

void machine_poison(unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);
	bool cache = false;

	if (!pfn_valid(pfn) || page_flag_test_and_set(page, PG_hwpoison))
		return;
	machine_nr_poisoned++;
	if (buddy_take(page)) {
		/* Nobody's, and not to be had: a reference says so. */
		set_page_count(page, 1);
		return;
	}
	model_lock();
	if (page_flag(page, PG_movable) && page->allocated == 1) {
		list_del(&page->lru);
		cache = true;
	}
	model_unlock();
	if (cache)
		movable_put(page);
	/* What is in use, or idle in dmap, keeps the mark. */
}

void foreign_boot(void)
{
	int nid;

	for (nid = 0; nid < MAX_NUMNODES; nid++)
		INIT_LIST_HEAD(&movable[nid]);
	INIT_LIST_HEAD(&fragments);
	notifiers = NULL;
	machine_nr_poisoned = 0;
	machine_nr_offline = 0;
}

/* Page cache goes with the machine; what else is left is its user's fault. */
void foreign_shutdown(void)
{
	int nid;

	for_each_node(nid)
		while (foreign_reclaim(nid, ULONG_MAX))
			;
	machine_unfragment();
	notifiers = NULL;
}
