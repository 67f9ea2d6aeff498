/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The page allocator's calls: those that all may use, those of mm/internal.h,
 * and what belongs to reclaim and to memory hotplug.
 */
#ifndef _MODEL_MEMORY_H
#define _MODEL_MEMORY_H

/* All may use */

struct page *__alloc_pages_noprof(gfp_t gfp, unsigned int order, int nid,
				  nodemask_t *nodemask);
#define __alloc_pages(gfp, order, nid, nodemask)			\
	__alloc_pages_noprof(gfp, order, nid, nodemask)
#define alloc_pages_node(nid, gfp, order)				\
	__alloc_pages_noprof(gfp, order, (nid) == NUMA_NO_NODE ?	\
			     numa_mem_id() : (nid), NULL)
#define alloc_pages(gfp, order)						\
	__alloc_pages_noprof(gfp, order, numa_mem_id(), NULL)
#define alloc_pages_noprof(gfp, order)	alloc_pages(gfp, order)
#define alloc_page(gfp)			alloc_pages(gfp, 0)
unsigned long alloc_pages_bulk_noprof(gfp_t gfp, int nid, nodemask_t *nodemask,
				      int nr, struct list_head *list,
				      struct page **array);
#define alloc_pages_bulk_array(gfp, nr, array)				\
	alloc_pages_bulk_noprof(gfp, numa_mem_id(), NULL, nr, NULL, array)

void __free_pages(struct page *page, unsigned int order);
#define __free_page(page)		__free_pages(page, 0)
unsigned long __get_free_pages(gfp_t gfp, unsigned int order);
#define __get_free_page(gfp)		__get_free_pages(gfp, 0)
#define get_zeroed_page(gfp)		__get_free_page((gfp) | __GFP_ZERO)
void free_pages(unsigned long addr, unsigned int order);
#define free_page(addr)			free_pages(addr, 0)
void split_page(struct page *page, unsigned int order);
void free_reserved_page(struct page *page);
void dump_page(struct page *page, const char *reason);

/* mm/internal.h, and hooks/ */

void post_alloc_hook(struct page *page, unsigned int order, gfp_t gfp);
bool free_pages_prepare(struct page *page, unsigned int order);
bool free_pages_prepare_dmap(struct page *page, unsigned int order);
void prep_compound_page(struct page *page, unsigned int order);
int __isolate_free_page(struct page *page, unsigned int order);
void __putback_isolated_page(struct page *page, unsigned int order, int mt);
bool move_freepages_block_isolate(struct zone *zone, struct page *page,
				  int migratetype);
bool zone_watermark_ok(struct zone *zone, unsigned int order,
		       unsigned long mark, int highest_zoneidx,
		       unsigned int alloc_flags);

/* Reclaim */

struct shrink_control {
	gfp_t gfp_mask;
	int nid;
	unsigned long nr_to_scan;
	unsigned long nr_scanned;
	void *memcg;
};

#define SHRINKER_NUMA_AWARE	(1U << 2)
#define SHRINK_BATCH		128

struct shrinker {
	unsigned long (*count_objects)(struct shrinker *shrinker,
				       struct shrink_control *sc);
	unsigned long (*scan_objects)(struct shrinker *shrinker,
				      struct shrink_control *sc);
	long batch;
	int seeks;
	unsigned int flags;
	void *private_data;
	const char *name;
	unsigned long nr_deferred[MAX_NUMNODES];
	struct list_head list;
};

struct shrinker *shrinker_alloc(unsigned int flags, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void shrinker_register(struct shrinker *shrinker);
void shrinker_free(struct shrinker *shrinker);

/* Memory hotplug */

struct notifier_block {
	int (*notifier_call)(struct notifier_block *nb, unsigned long action,
			     void *data);
	struct notifier_block *next;
	int priority;
};

struct memory_notify {
	unsigned long start_pfn;
	unsigned long nr_pages;
	int status_change_nid_normal;
	int status_change_nid;
};

int register_memory_notifier(struct notifier_block *nb);

#define hotplug_memory_notifier(fn, pri) ({				\
	static struct notifier_block fn##_block = {			\
		.notifier_call = fn, .priority = pri,			\
	};								\
									\
	register_memory_notifier(&fn##_block); })

static inline int notifier_from_errno(int err)
{
	return err ? NOTIFY_STOP_MASK | (NOTIFY_OK - err) : NOTIFY_OK;
}

static inline int notifier_to_errno(int ret)
{
	ret &= ~NOTIFY_STOP_MASK;
	return ret > NOTIFY_OK ? NOTIFY_OK - ret : 0;
}

#endif /* _MODEL_MEMORY_H */
