/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pages, zones and nodes of the modelled machine, and the counters of
 * /proc/vmstat.
 *
 * struct page is in one array over all page frames (the vmemmap), which is
 * reserved and not filled: an all-zero struct page is a page that nobody has
 * touched yet. So whatever must be known of a page at boot has to follow from
 * its number alone: node and zone do.
 */
#ifndef _MODEL_PAGE_H
#define _MODEL_PAGE_H

#define __GFP_NOLOCKDEP		0	/* nothing here may evade the rules */
#define __GFP_BITS_SHIFT	24
#define __GFP_BITS_MASK		((1U << __GFP_BITS_SHIFT) - 1)
#define GFP_RECLAIM_MASK						\
	(__GFP_RECLAIM | __GFP_HIGH | __GFP_IO | __GFP_FS |		\
	 __GFP_NOWARN | __GFP_RETRY_MAYFAIL | __GFP_NOFAIL |		\
	 __GFP_NORETRY | __GFP_MEMALLOC | __GFP_NOMEMALLOC)

static inline bool gfpflags_allow_blocking(gfp_t gfp)
{
	return gfp & __GFP_DIRECT_RECLAIM;
}

static inline int gfp_migratetype(gfp_t gfp)
{
	return (gfp & (__GFP_MOVABLE | __GFP_RECLAIMABLE)) / __GFP_MOVABLE;
}

/* Which there are is a matter of configuration; here, all that x86-64 can have. */
enum zone_type {
	ZONE_DMA,
	ZONE_DMA32,
	ZONE_NORMAL,
	ZONE_MOVABLE,
	MAX_NR_ZONES,
};

static inline enum zone_type gfp_zone(gfp_t gfp)
{
	return gfp & __GFP_DMA ? ZONE_DMA :
	       gfp & __GFP_DMA32 ? ZONE_DMA32 : ZONE_NORMAL;
}

/* Page frames */

#define PFN_UP(x)	(((x) + PAGE_SIZE - 1) >> PAGE_SHIFT)
#define PFN_DOWN(x)	((unsigned long)(x) >> PAGE_SHIFT)
#define PFN_PHYS(x)	((phys_addr_t)(x) << PAGE_SHIFT)
#define PHYS_PFN(x)	((unsigned long)((x) >> PAGE_SHIFT))

/* The numbers of the flags are the model's own. */
enum pageflags {
	PG_locked,
	PG_reserved,
	PG_head,
	PG_hwpoison,
	PG_dmap,
	PG_table,	/* model: an entry of the direct map refers to it */
	PG_foreign,	/* model: of machine_foreign_alloc() */
	PG_movable,	/* model: foreign, and reclaim may take it */
	PG_touched,	/* model: its contents may not be zero */
	PG_was_table,	/* model: and CPUs may still walk through it */
	NR_PAGEFLAGS,
};

#define __PG_HWPOISON		(1UL << PG_hwpoison)
#define __PG_DMAP		(1UL << PG_dmap)

#define PGTY_buddy		0x6d627564U	/* page_type of a free run's head */

/**
 * struct page - a page frame
 * @flags:	enum pageflags
 * @lru:	its user's; in a free list
 * @mapping:	its user's
 * @compound_head: in a tail of a compound page: the head, and 1
 * @private:	its user's; order of a free run
 * @rcu_head:	its user's, over @lru
 * @page_type:	PGTY_buddy at the head of a free run
 * @_refcount:	references; 0 for pages on free lists and idle ones of dmap
 * @allocated:	the order that it was allocated with, and 1; 0 for tails and
 *		for pages that are not handed out. Nobody but the model sees it.
 * @generation:	how many times it was freed; see machine/tlb.c
 */
struct page {
	unsigned long flags;
	union {
		struct list_head lru;
		struct list_head buddy_list;
		struct rcu_head rcu_head;
	};
	union {
		void *mapping;
		unsigned long compound_head;
	};
	unsigned long index;
	unsigned long private;
	unsigned int page_type;
	atomic_t _refcount;
	u8 allocated;
	u8 compound_order;
	u32 generation;
};

_Static_assert(sizeof(struct page) == 64, "64 bytes a page");

extern struct page *machine_vmemmap;	/* of page frame 0 */
extern unsigned long machine_nr_pfns;	/* of all nodes */
extern void *machine_contents;		/* what is in page frame 0, and so on */

#define pfn_to_page(pfn)	(machine_vmemmap + (pfn))
#define page_to_pfn(page)	((unsigned long)((page) - machine_vmemmap))
#define pfn_valid(pfn)		((unsigned long)(pfn) < machine_nr_pfns)
#define nth_page(page, n)	((page) + (n))

#define __va(phys)							\
	((void *)((unsigned long)machine_contents + (unsigned long)(phys)))
#define __pa(virt)		((unsigned long)(virt) - (unsigned long)machine_contents)
#define virt_to_page(virt)	pfn_to_page(PFN_DOWN(__pa(virt)))
#define virt_to_phys(virt)	__pa(virt)

/* Flags. Others may look at them, and set PG_hwpoison, at any time. */

static inline bool page_flag(const struct page *page, enum pageflags flag)
{
	return __atomic_load_n(&page->flags, __ATOMIC_RELAXED) >> flag & 1;
}

static inline bool page_flag_test_and_set(struct page *page, enum pageflags flag)
{
	return __atomic_fetch_or(&page->flags, 1UL << flag,
				 __ATOMIC_SEQ_CST) >> flag & 1;
}

static inline bool page_flag_test_and_clear(struct page *page,
					    enum pageflags flag)
{
	return __atomic_fetch_and(&page->flags, ~(1UL << flag),
				  __ATOMIC_SEQ_CST) >> flag & 1;
}

#define __PAGEFLAG(Name, flag)						\
static inline bool Page##Name(const struct page *page)			\
{									\
	return page_flag(page, flag);					\
}									\
static inline void SetPage##Name(struct page *page)			\
{									\
	page_flag_test_and_set(page, flag);				\
}									\
static inline void ClearPage##Name(struct page *page)			\
{									\
	page_flag_test_and_clear(page, flag);				\
}									\
static inline void __SetPage##Name(struct page *page)			\
{									\
	__set_bit(flag, &page->flags);					\
}									\
static inline void __ClearPage##Name(struct page *page)		\
{									\
	__clear_bit(flag, &page->flags);				\
}

__PAGEFLAG(Dmap, PG_dmap)
__PAGEFLAG(HWPoison, PG_hwpoison)
__PAGEFLAG(Reserved, PG_reserved)
__PAGEFLAG(Head, PG_head)
#undef __PAGEFLAG

static inline bool PageTail(const struct page *page)
{
	return __atomic_load_n(&page->compound_head, __ATOMIC_RELAXED) & 1;
}

static inline bool PageCompound(const struct page *page)
{
	return PageHead(page) || PageTail(page);
}

static inline struct page *compound_head(struct page *page)
{
	unsigned long head = __atomic_load_n(&page->compound_head,
					     __ATOMIC_RELAXED);

	return head & 1 ? (struct page *)(head - 1) : page;
}

static inline unsigned int compound_order(struct page *page)
{
	return PageHead(page) ? page->compound_order : 0;
}

static inline bool PageBuddy(const struct page *page)
{
	return __atomic_load_n(&page->page_type, __ATOMIC_RELAXED) == PGTY_buddy;
}

static inline unsigned int buddy_order(const struct page *page)
{
	return __atomic_load_n(&page->private, __ATOMIC_RELAXED);
}

/* Without zone->lock: whatever is there now. */
#define buddy_order_unsafe(page)	buddy_order(page)

#define page_private(page)		((page)->private)
#define set_page_private(page, value)					\
	__atomic_store_n(&(page)->private, value, __ATOMIC_RELAXED)

/* The address of a page. Whoever asks may write there. */
static inline void *page_address(struct page *page)
{
	if (!page_flag(page, PG_touched))
		page_flag_test_and_set(page, PG_touched);
	return __va(PFN_PHYS(page_to_pfn(page)));
}

/* References */

void page_ref_bad(struct page *page, const char *what);
void __put_page(struct page *page);

static inline int page_ref_count(const struct page *page)
{
	return atomic_read(&page->_refcount);
}

static inline int page_count(struct page *page)
{
	return page_ref_count(compound_head(page));
}

static inline void set_page_count(struct page *page, int count)
{
	atomic_set(&page->_refcount, count);
}

static inline void set_page_refcounted(struct page *page)
{
	if (unlikely(__atomic_load_n(&page->_refcount.counter, __ATOMIC_RELAXED)))
		page_ref_bad(page, "new page has references");
	set_page_count(page, 1);
}

static inline bool page_ref_freeze(struct page *page, int count)
{
	return atomic_cmpxchg(&page->_refcount, count, 0) == count;
}

static inline void page_ref_unfreeze(struct page *page, int count)
{
	atomic_set_release(&page->_refcount, count);
}

static inline bool get_page_unless_zero(struct page *page)
{
	return atomic_inc_not_zero(&page->_refcount);
}

static inline void get_page(struct page *page)
{
	page = compound_head(page);
	if (unlikely(atomic_fetch_add(1, &page->_refcount) <= 0))
		page_ref_bad(page, "reference to a page that is free");
}

static inline bool put_page_testzero(struct page *page)
{
	int was = atomic_fetch_sub(1, &page->_refcount);

	if (unlikely(was <= 0))
		page_ref_bad(page, "free of a page without a reference");
	return was == 1;
}

static inline void put_page(struct page *page)
{
	page = compound_head(page);
	if (put_page_testzero(page))
		__put_page(page);
}

/* Counters */

#include <linux/dmap_vmstat.h>

enum zone_stat_item {
	NR_FREE_PAGES,
	NR_FREE_CMA_PAGES,
	NR_VM_ZONE_STAT_ITEMS,
};

enum node_stat_item {
	NR_MODEL_RECLAIMABLE,	/* pages that reclaim may take */
	DMAP_GAUGE_ITEMS
	NR_VM_NODE_STAT_ITEMS,
};

enum vm_event_item {
	PGFREE,
	PGALLOC,
	ALLOCSTALL,
	PGSTEAL_DIRECT,
	SLABS_SCANNED,
	DMAP_EVENT_ITEMS
	NR_VM_EVENT_ITEMS,
};

extern unsigned long machine_events[NR_VM_EVENT_ITEMS];

/* Counters are exact: the kernel's per-CPU differences are not modelled. */
#if defined(MODEL_THREADS) || defined(MODEL_ACCESS)
#define machine_count(counter, nr)					\
	((void)__atomic_fetch_add(&(counter), nr, __ATOMIC_RELAXED))
#define machine_counted(counter)					\
	__atomic_load_n(&(counter), __ATOMIC_RELAXED)
#else
#define machine_count(counter, nr)	((void)((counter) += (nr)))
#define machine_counted(counter)	(counter)
#endif

#define count_vm_events(item, nr)	machine_count(machine_events[item], nr)
#define count_vm_event(item)		count_vm_events(item, 1)
#define __count_vm_events(item, nr)	count_vm_events(item, nr)
#define __count_vm_event(item)		count_vm_event(item)

static inline void all_vm_events(unsigned long *values)
{
	int i;

	for (i = 0; i < NR_VM_EVENT_ITEMS; i++)
		values[i] = machine_counted(machine_events[i]);
}

/* Nodes */

#define MAX_NUMNODES	8

typedef struct {
	DECLARE_BITMAP(bits, MAX_NUMNODES);
} nodemask_t;

#define NODE_MASK_NONE			((nodemask_t) { { 0 } })
#define node_set(nid, mask)		__set_bit(nid, (mask).bits)
#define node_clear(nid, mask)		__clear_bit(nid, (mask).bits)
#define node_isset(nid, mask)		test_bit(nid, (mask).bits)
#define nodes_clear(mask)		bitmap_zero((mask).bits, MAX_NUMNODES)
#define nodemask_of_node(nid)		((nodemask_t) { { 1UL << (nid) } })

extern unsigned int machine_nr_nodes;
extern unsigned int machine_nr_cpus;

enum node_states {
	N_POSSIBLE,
	N_ONLINE,
	N_MEMORY,
};

/* All nodes that the machine has are online, and have memory. */
#define nr_online_nodes			machine_nr_nodes
#define num_online_nodes()		((int)machine_nr_nodes)
#define first_online_node		0
#define node_online(nid)		((unsigned int)(nid) < machine_nr_nodes)
#define node_state(nid, state)		node_online(nid)
#define for_each_node(nid)						\
	for ((nid) = 0; (nid) < (int)machine_nr_nodes; (nid)++)
#define for_each_online_node(nid)	for_each_node(nid)
#define for_each_node_state(nid, state)	for_each_node(nid)
#define num_online_cpus()		machine_nr_cpus
#define nr_cpu_ids			machine_nr_cpus
#define cpu_to_node(cpu)		((int)((cpu) % machine_nr_nodes))
#define numa_node_id()			cpu_to_node(raw_smp_processor_id())
#define numa_mem_id()			numa_node_id()

int node_distance(int a, int b);

/* Zones */

struct free_area {
	struct list_head free_list[MIGRATE_TYPES];
	unsigned long nr_free;
};

struct pglist_data;

/**
 * struct zone - memory of one kind on one node
 * @lock:	free lists, pageblock types, counts
 * @frontier:	pages from here to the end are free and on no list yet, as far
 *		as machine_made says; see machine/buddy.c
 *
 * The rest is as in the kernel.
 */
struct zone {
	spinlock_t lock;
	struct free_area free_area[NR_PAGE_ORDERS];
	unsigned long zone_start_pfn;
	unsigned long spanned_pages;
	unsigned long present_pages;
	atomic_long_t managed_pages;
	unsigned long nr_isolate_pageblock;
	unsigned long nr_reserved_highatomic;
	unsigned long nr_free_highatomic;
	unsigned long _watermark[NR_WMARK];
	long lowmem_reserve[MAX_NR_ZONES];
	unsigned long vm_stat[NR_VM_ZONE_STAT_ITEMS];
	unsigned long frontier;
	unsigned long unmade;
	struct pglist_data *zone_pgdat;
	const char *name;
	int node;
};

struct zoneref {
	struct zone *zone;
	int zone_idx;
};

#define MAX_ZONES_PER_ZONELIST	(MAX_NUMNODES * MAX_NR_ZONES)

struct zonelist {
	struct zoneref _zonerefs[MAX_ZONES_PER_ZONELIST + 1];
};

enum {
	ZONELIST_FALLBACK,
	ZONELIST_NOFALLBACK,
	MAX_ZONELISTS,
};

typedef struct pglist_data {
	struct zone node_zones[MAX_NR_ZONES];
	struct zonelist node_zonelists[MAX_ZONELISTS];
	unsigned long node_start_pfn;
	unsigned long node_present_pages;
	unsigned long node_spanned_pages;
	unsigned long vm_stat[NR_VM_NODE_STAT_ITEMS];
	int node_id;
} pg_data_t;

extern struct pglist_data machine_nodes[MAX_NUMNODES];
extern unsigned long machine_node_pfns;		/* of each node */

#define NODE_DATA(nid)			(&machine_nodes[nid])
#define node_present_pages(nid)		(NODE_DATA(nid)->node_present_pages)
#define node_start_pfn(nid)		(NODE_DATA(nid)->node_start_pfn)
#define zone_to_nid(zone)		((zone)->node)
#define zone_idx(zone)			((zone) - (zone)->zone_pgdat->node_zones)
#define zone_managed_pages(zone)					\
	((unsigned long)__atomic_load_n(&(zone)->managed_pages.counter,	\
					__ATOMIC_RELAXED))
#define managed_zone(zone)		(zone_managed_pages(zone) != 0)
#define populated_zone(zone)		((zone)->present_pages != 0)
#define zone_end_pfn(zone)		((zone)->zone_start_pfn +	\
					 (zone)->spanned_pages)
#define min_wmark_pages(zone)		((zone)->_watermark[WMARK_MIN])
#define low_wmark_pages(zone)		((zone)->_watermark[WMARK_LOW])
#define high_wmark_pages(zone)		((zone)->_watermark[WMARK_HIGH])
#define wmark_pages(zone, w)		((zone)->_watermark[w])

static inline bool zone_spans_pfn(const struct zone *zone, unsigned long pfn)
{
	return pfn >= zone->zone_start_pfn && pfn < zone_end_pfn(zone);
}

static inline int pfn_to_nid(unsigned long pfn)
{
	return machine_nr_nodes == 1 ? 0 : pfn / machine_node_pfns;
}

#define page_to_nid(page)		pfn_to_nid(page_to_pfn(page))
#define page_pgdat(page)		NODE_DATA(page_to_nid(page))

/* Page frame 0 is of no use, but of ZONE_DMA as the rest of its pageblock. */
static inline struct zone *page_zone(const struct page *page)
{
	unsigned long pfn = page_to_pfn(page);
	struct zone *zones = NODE_DATA(pfn_to_nid(pfn))->node_zones;

	if (pfn >= zones[ZONE_NORMAL].zone_start_pfn)
		return &zones[ZONE_NORMAL];
	return pfn >= pageblock_nr_pages ? &zones[ZONE_DMA32] : &zones[ZONE_DMA];
}

#define page_zonenum(page)		((enum zone_type)zone_idx(page_zone(page)))

#define __mod_node_page_state(pgdat, item, nr)				\
	machine_count((pgdat)->vm_stat[item], nr)
#define mod_node_page_state(pgdat, item, nr)				\
	__mod_node_page_state(pgdat, item, nr)
#define node_page_state_add(nr, pgdat, item)				\
	__mod_node_page_state(pgdat, item, nr)
#define node_page_state(pgdat, item)	machine_counted((pgdat)->vm_stat[item])
#define node_page_state_pages(pgdat, item)	node_page_state(pgdat, item)
#define zone_page_state(zone, item)	machine_counted((zone)->vm_stat[item])
#define __mod_zone_page_state(zone, item, nr)				\
	machine_count((zone)->vm_stat[item], nr)

static inline unsigned long global_node_page_state(enum node_stat_item item)
{
	unsigned long sum = 0;
	int nid;

	for_each_node(nid)
		sum += node_page_state(NODE_DATA(nid), item);
	return sum;
}

static inline unsigned long global_zone_page_state(enum zone_stat_item item)
{
	unsigned long sum = 0;
	int nid, type;

	for_each_node(nid)
		for (type = 0; type < MAX_NR_ZONES; type++)
			sum += zone_page_state(&NODE_DATA(nid)->node_zones[type],
					       item);
	return sum;
}

unsigned long totalram_pages(void);

/* Zonelists: nearest node first, and of each node the highest zone. */

static inline struct zonelist *node_zonelist(int nid, gfp_t gfp)
{
	return &NODE_DATA(nid)->node_zonelists[gfp & __GFP_THISNODE ?
					       ZONELIST_NOFALLBACK :
					       ZONELIST_FALLBACK];
}

static inline struct zoneref *next_zones_zonelist(struct zoneref *z,
						  enum zone_type highest,
						  const nodemask_t *nodes)
{
	while (z->zone && (z->zone_idx > (int)highest ||
			   (nodes && !node_isset(z->zone->node, *nodes))))
		z++;
	return z;
}

#define zonelist_zone(z)		((z)->zone)
#define zonelist_node_idx(z)		((z)->zone->node)

#define for_each_zone_zonelist_nodemask(zone_, z, zonelist, highest, nodes)\
	for ((z) = next_zones_zonelist((zonelist)->_zonerefs, highest, nodes);\
	     ((zone_) = (z)->zone);					\
	     (z) = next_zones_zonelist((z) + 1, highest, nodes))
#define for_each_zone_zonelist(zone_, z, zonelist, highest)		\
	for_each_zone_zonelist_nodemask(zone_, z, zonelist, highest, NULL)

/* Pageblocks */

extern u8 *machine_pageblocks;	/* migratetype ^ MIGRATE_MOVABLE, | offline */
#define PAGEBLOCK_OFFLINE	0x80

static inline int get_pageblock_migratetype(const struct page *page)
{
	u8 value = __atomic_load_n(machine_pageblocks +
				   (page_to_pfn(page) >> pageblock_order),
				   __ATOMIC_RELAXED);

	return (value & ~PAGEBLOCK_OFFLINE) ^ MIGRATE_MOVABLE;
}

void set_pageblock_migratetype(struct page *page, int migratetype);
struct page *pfn_to_online_page(unsigned long pfn);

#define is_migrate_isolate(mt)		((mt) == MIGRATE_ISOLATE)
#define is_migrate_cma(mt)		((mt) == MIGRATE_CMA)
#define is_migrate_highatomic(mt)	((mt) == MIGRATE_HIGHATOMIC)
#define is_migrate_isolate_page(page)					\
	is_migrate_isolate(get_pageblock_migratetype(page))
#define migratetype_is_mergeable(mt)	((mt) < MIGRATE_PCPTYPES)

#endif /* _MODEL_PAGE_H */
