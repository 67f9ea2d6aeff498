// SPDX-License-Identifier: GPL-2.0
/*
 * dmap: a page cache on top of the page allocator, for pages whose permission
 * in the direct map may change.
 *
 * The idea is Mike Rapoport's: "mm/page_alloc: cache pte-mapped allocations",
 * RFC of August 2021. Here are the doors, the boot options and the start.
 */
#define pr_fmt(fmt) "dmap: " fmt

#include "dmap.h"

#define CREATE_TRACE_POINTS
#include <trace/events/dmap.h>

DEFINE_STATIC_KEY_FALSE(dmap_key);
EXPORT_SYMBOL(dmap_key);	/* pagetable_alloc() is inline */

DEFINE_XARRAY(dmap_blocks);
struct dmap_class *dmap_classes[MAX_NUMNODES][DMAP_NR_LIFETIMES] __ro_after_init;
unsigned long dmap_reserve_pages __ro_after_init;

/* A request that reclaim cannot serve in so many rounds, others being faster. */
#define RECLAIM_ROUNDS	16

static struct page *take_or_refill(struct dmap_class *class, gfp_t gfp,
				   unsigned int order)
{
	struct page *page = dmap_class_alloc(class, order);

	if (!page && gfpflags_allow_blocking(gfp) &&
	    !dmap_refill(class, gfp, order))
		page = dmap_class_alloc(class, order);
	return page;
}

static struct page *take_any(gfp_t gfp, unsigned int order, int nid,
			     const nodemask_t *nodemask)
{
	struct zonelist *zonelist = node_zonelist(nid, gfp);
	struct page *page = NULL, *reject, *next;
	struct dmap_class *class;
	struct zoneref *z;
	struct zone *zone;
	int round, last = NUMA_NO_NODE;
	LIST_HEAD(rejects);

	for_each_zone_zonelist_nodemask(zone, z, zonelist, ZONE_NORMAL,
					(nodemask_t *)nodemask) {
		if (zone_to_nid(zone) == last)
			continue;
		if (cpusets_enabled() && in_task() &&
		    !__cpuset_zone_allowed(zone, gfp))
			continue;
		last = zone_to_nid(zone);
		page = take_or_refill(dmap_class_for(gfp, last), gfp, order);
		if (page)
			return page;
	}

	if (!gfpflags_allow_blocking(gfp))
		return NULL;
	for (round = 0; round < RECLAIM_ROUNDS || gfp & __GFP_NOFAIL; round++) {
		class = dmap_refill_reclaim(gfp, order, nid, nodemask, &rejects);
		if (class)
			page = dmap_class_alloc(class, order);
		if (page || fatal_signal_pending(current))
			break;
	}
	list_for_each_entry_safe(reject, next, &rejects, lru)
		__free_pages(reject, order);
	return page;
}

static bool poisoned(struct page *page, unsigned int order)
{
	unsigned int i;

	for (i = 0; i < 1U << order; i++)
		if (PageHWPoison(page + i))
			return true;
	return false;
}

/* Pages with bad memory stay live for ever; the good ones of a run go back. */
static void keep_poisoned(struct page *page, unsigned int order)
{
	struct dmap_block *block = dmap_block_of(page_to_pfn(page));
	unsigned int i;

	for (i = 0; i < 1U << order; i++)
		if (!PageHWPoison(page + i))
			dmap_class_free(block, page + i, 0);
}

static struct page *take(gfp_t gfp, unsigned int order, int nid,
			 const nodemask_t *nodemask)
{
	struct page *page;

	while ((page = take_any(gfp, order, nid, nodemask)) &&
	       unlikely(poisoned(page, order)))
		keep_poisoned(page, order);
	return page;
}

/* Make an idle page what the page allocator would have handed out. */
static void prepare(struct page *page, gfp_t gfp, unsigned int order)
{
	unsigned int i;

	post_alloc_hook(page, order, gfp);
	set_page_refcounted(page);
	for (i = 0; i < 1U << order; i++)
		__set_bit(PG_dmap, &page[i].flags);
	if (order && (gfp & __GFP_COMP))
		prep_compound_page(page, order);
	clear_page_pfmemalloc(page);
}

/**
 * dmap_get_page() - serve a request with %__GFP_PTE_MAPPED
 * @gfp: flags
 * @order: order, at most that of a block
 * @nid: preferred node
 * @nodemask: allowed nodes, or NULL for all
 *
 * For __alloc_pages(), which charges and traces what it gets, as it does with
 * pages from the free lists.
 *
 * Context: as @gfp says: where it does not allow to block, only idle pages are
 * handed out.
 * Return: the page, or NULL; never a page that is not of a block.
 */
struct page *dmap_get_page(gfp_t gfp, unsigned int order, int nid,
			   const nodemask_t *nodemask)
{
	struct page *page = NULL;

	/* Blocks are not kept apart by zone: what only ZONE_DMA can meet fails. */
	if (dmap_enabled() && order <= DMAP_BLOCK_ORDER &&
	    !(gfp & (__GFP_DMA | __GFP_DMA32)))
		page = take(gfp, order, nid, nodemask);
	if (!page) {
		count_vm_event(DMAP_ALLOC_FAIL);
		return NULL;
	}
	prepare(page, gfp, order);
	count_vm_event(DMAP_ALLOC);
	trace_dmap_alloc(page_to_pfn(page), order,
			 dmap_life_of(gfp) == DMAP_USER, page_to_nid(page));
	return page;
}

/**
 * dmap_alloc() - allocate pages of a class
 * @id: the class
 * @gfp: flags; %__GFP_ZERO, %__GFP_ACCOUNT and %__GFP_COMP mean what they mean
 *	for alloc_pages()
 * @order: order of the request, in pages, at most that of a PMD
 * @nid: preferred node, or %NUMA_NO_NODE for the nearest
 *
 * Context: as @gfp says. May sleep where it allows to block; elsewhere only
 * idle pages are handed out.
 * Return: the first page, with one reference; or NULL when the request cannot
 * be met exactly. Free with dmap_free(), or with whatever frees pages.
 */
struct page *dmap_alloc(enum dmap_class_id id, gfp_t gfp, unsigned int order,
			int nid)
{
	if (WARN_ON_ONCE(id != DMAP_PTE))
		return NULL;
	if (nid == NUMA_NO_NODE)
		nid = numa_mem_id();
	return __alloc_pages_noprof(gfp | __GFP_PTE_MAPPED, order, nid, NULL);
}
EXPORT_SYMBOL_GPL(dmap_alloc);

/**
 * dmap_free() - drop a reference to pages from dmap_alloc()
 * @page: the first page, with the permission of its class in the direct map
 * @order: order of the request
 *
 * A page that is not the cache's is reported and left alone.
 *
 * Context: Any but NMI; never sleeps, never allocates.
 */
void dmap_free(struct page *page, unsigned int order)
{
	if (!PageDmap(page)) {
		dmap_report(page, order, "free of a page that is not handed out");
		return;
	}
	__free_pages(page, order);
}
EXPORT_SYMBOL_GPL(dmap_free);

/**
 * dmap_divert() - take a page that is being freed
 * @page: the first page, without a reference, with PG_dmap
 * @order: order that it is freed with
 *
 * For free_pages_prepare(). What is not a live page of a block is reported and
 * kept from everybody.
 *
 * Context: Any but NMI.
 * Return: true: the page allocator must not touch the page any more.
 */
bool dmap_divert(struct page *page, unsigned int order)
{
	unsigned long pfn = page_to_pfn(page);
	struct dmap_block *block = dmap_block_of(pfn);
	unsigned int i;

	/*
	 * Without class->lock: the bits of live pages do not change before the
	 * caller's own free. Those of their neighbours in the same words may,
	 * and are not looked at. Two frees at once both come past this check;
	 * dmap_class_free() refuses the second.
	 */
	if (!block || !data_race(dmap_block_is_live(block, pfn - block->pfn,
						    order))) {
		dmap_report(page, order, "free of pages that are not live");
		return true;
	}

	for (i = 0; i < 1U << order; i++)
		__clear_bit(PG_dmap, &page[i].flags);
	if (!free_pages_prepare_dmap(page, order))
		return true;
	/* Before the pages can be handed out again, so that events are in order. */
	trace_dmap_free(pfn, order);
	if (dmap_class_free(block, page, order))
		count_vm_event(DMAP_FREE);
	else
		dmap_report(page, order, "two frees of pages at once");
	return true;
}

/**
 * dmap_report() - report a free that was refused
 * @page: the page
 * @order: the order that it was freed with
 * @what: what is wrong
 *
 * Context: Any but NMI.
 */
void dmap_report(struct page *page, unsigned int order, const char *what)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL,
				      DEFAULT_RATELIMIT_BURST);

	count_vm_event(DMAP_BAD_FREE);
	if (!__ratelimit(&limit))
		return;
	pr_err("%s: pfn 0x%lx order %u\n", what, page_to_pfn(page), order);
	dump_page(page, what);
	WARN_ON_ONCE(1);
}

static bool dmap_wanted __initdata = true;
static char *reserve_wanted __initdata;

static int __init setup_dmap(char *value)
{
	if (value && !strcmp(value, "on"))
		dmap_wanted = true;
	else if (value && !strcmp(value, "off"))
		dmap_wanted = false;
	else
		pr_warn("dmap=%s is not known, valid are on and off; using on\n",
			value ?: "");
	return 0;
}
early_param("dmap", setup_dmap);

static int __init setup_dmap_reserve(char *value)
{
	reserve_wanted = value ?: "";
	return 0;
}
early_param("dmap_reserve", setup_dmap_reserve);

/* Idle user memory per node that is never given back but under pressure. */
static unsigned long __init reserve_pages(void)
{
	unsigned long long max = (u64)totalram_pages() << PAGE_SHIFT >> 3;
	unsigned long long size;
	char *end;

	if (!reserve_wanted)
		return 0;
	size = memparse(reserve_wanted, &end);
	if (end == reserve_wanted || *end || size > max) {
		pr_warn("dmap_reserve=%s is not valid, valid is a size from 0 to %lluM; using 0\n",
			reserve_wanted, max >> 20);
		return 0;
	}
	return ALIGN(size, PMD_SIZE) >> PAGE_SHIFT;
}

static void __init fill_reserve(void)
{
	LIST_HEAD(pages);
	struct page *page, *next;
	unsigned long nr;
	int nid;

	for_each_node_state(nid, N_MEMORY) {
		/* See KERNEL_KEEP. */
		page = dmap_alloc(DMAP_PTE, GFP_KERNEL | __GFP_THISNODE, 0, nid);
		if (page)
			__free_pages(page, 0);
		for (nr = 0; nr < dmap_reserve_pages; nr += DMAP_BLOCK_PAGES) {
			page = dmap_alloc(DMAP_PTE, GFP_USER | __GFP_THISNODE,
					  DMAP_BLOCK_ORDER, nid);
			if (!page)
				break;
			list_add(&page->lru, &pages);
		}
	}
	list_for_each_entry_safe(page, next, &pages, lru)
		__free_pages(page, DMAP_BLOCK_ORDER);
}

static int __init dmap_init(void)
{
	struct dmap_class *class;
	const char *why;
	int nid, life;

	BUILD_BUG_ON(pageblock_order != DMAP_BLOCK_ORDER);
	BUILD_BUG_ON(DMAP_BLOCK_ORDER > MAX_PAGE_ORDER);

	if (!dmap_wanted) {
		pr_info("off: dmap=off\n");
		return 0;
	}
	if (!arch_dmap_supported(&why)) {
		pr_info("off: %s\n", why);
		return 0;
	}

	/* By RCU: adopt() looks at blocks whose class is not locked. */
	dmap_block_cache = KMEM_CACHE(dmap_block,
				      SLAB_PANIC | SLAB_TYPESAFE_BY_RCU);
	for_each_node(nid) {
		for (life = 0; life < DMAP_NR_LIFETIMES; life++) {
			class = kzalloc(sizeof(*class), GFP_KERNEL | __GFP_NOFAIL);
			dmap_class_init(class, nid);
			dmap_classes[nid][life] = class;
		}
	}
	if (dmap_drain_init()) {
		pr_info("off: no memory for the shrinker\n");
		return 0;
	}
	dmap_reserve_pages = reserve_pages();
	static_branch_enable(&dmap_key);
	fill_reserve();
	pr_info("on: blocks of %lu KiB, reserve of %lu KiB per node\n",
		PMD_SIZE >> 10, dmap_reserve_pages << (PAGE_SHIFT - 10));
	dmap_show_init();
	return 0;
}
fs_initcall(dmap_init);
