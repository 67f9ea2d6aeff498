/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dmap, inside: blocks, classes, and what the files of mm/dmap share.
 *
 * Every kernel header that mm/dmap uses is included here and nowhere else, so
 * that the same sources compile against another set of headers.
 *
 * Lock order, outermost first:
 *
 *	class->refill		mutex: blocks come and go
 *	  the locks of arch_dmap_split() and of arch_dmap_collapse(pfn, false)
 *	  zone->lock		in buddy.c, interrupts off
 *	  class->lock		innermost, interrupts off
 *
 * class->refill is never held over direct reclaim, and reclaim only tries it:
 * a task that waits for it may hold any lock under which page tables are
 * allocated. Collapsing waits for init_mm.mmap_lock without class->refill.
 */
#ifndef _MM_DMAP_H
#define _MM_DMAP_H

#include <linux/bitmap.h>
#include <linux/cpuset.h>
#include <linux/debugfs.h>
#include <linux/dmap.h>
#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/page-isolation.h>
#include <linux/page_ref.h>
#include <linux/pgtable.h>
#include <linux/ratelimit.h>
#include <linux/rbtree.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vmstat.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <kunit/static_stub.h>
#include <asm/dmap.h>
#include "../internal.h"

#define DMAP_BLOCK_ORDER	(PMD_SHIFT - PAGE_SHIFT)
#define DMAP_BLOCK_PAGES	PTRS_PER_PTE

/*
 * Where a block is; class->lock. To and from DMAP_NOWHERE with class->refill as
 * well: whoever holds that may ask for this place without the lock.
 */
enum dmap_place {
	DMAP_NOWHERE,	/* being opened, or on its way back: nothing is served */
	DMAP_PARTIAL,	/* some live, some idle: class->partial */
	DMAP_FULL,	/* no idle page: class->full */
	DMAP_EMPTY,	/* no live page: class->empty */
};

/**
 * struct dmap_block - a PMD-sized range that dmap holds at least in part
 * @rb:		in class->partial; class->lock
 * @list:	in class->full or class->empty (class->lock), or in the list of
 *		who drains it
 * @capture:	in class->capturing; class->refill
 * @class:	whose it is; constant
 * @pfn:	its first page; constant
 * @nr_owned:	bits set in @owned
 * @nr_free:	bits set in @free
 * @fit:	no aligned run of a larger order is free (an upper bound)
 * @place:	which list it is on
 * @migratetype: what its pageblock goes back to when the capture ends
 * @owned:	the pages that are dmap's
 * @free:	the pages that are idle
 *
 * Invariants, checked by dmap_block_valid():
 *	free is a subset of owned
 *	nr_owned == popcount(owned), nr_free == popcount(free)
 *	live == nr_owned - nr_free
 * The bitmaps and counts are class->lock's; nr_owned only changes with
 * class->refill held as well.
 */
struct dmap_block {
	struct rb_node rb;
	struct list_head list;
	struct list_head capture;
	struct dmap_class *class;
	unsigned long pfn;
	u16 nr_owned;
	u16 nr_free;
	u8 fit;
	u8 place;
	u8 migratetype;
	DECLARE_BITMAP(owned, DMAP_BLOCK_PAGES);
	DECLARE_BITMAP(free, DMAP_BLOCK_PAGES);
};

static inline unsigned int dmap_block_live(const struct dmap_block *block)
{
	return block->nr_owned - block->nr_free;
}

/* A range that refill may open in part. */
struct dmap_candidate {
	unsigned long pfn;
	unsigned int nr_free;
};

#define DMAP_CANDIDATES	64

/**
 * struct dmap_class - the blocks of one class and lifetime on one node
 * @lock:	the bitmaps, places and counts of the blocks; taken from any
 *		context that frees pages
 * @refill:	which blocks there are, @capturing and @candidates
 * @partial:	blocks with live and idle pages, most live pages first and
 *		lowest address among equals; @lock
 * @full:	blocks without an idle page; @lock
 * @empty:	blocks without a live page, on their way back; @lock
 * @nr_blocks:	blocks on the three; @lock
 * @nr_owned:	their pages; @lock
 * @nr_free:	their idle pages; @lock
 * @nr_empty:	pages in @empty; @lock, read without it by the shrinker
 * @capturing:	blocks whose pageblock is closed to other users, oldest first
 * @nr_capturing: how many; @refill, read without it by the shrinker
 * @candidates:	ranges found by the last scan, the best last
 * @nr_candidates: how many are left
 * @scanned:	when that scan was, in jiffies
 * @scan_order:	the order that it was for
 * @barren_order: it found nothing for this order and larger ones
 * @cursor:	where the next scan starts
 * @nid:	the node; constant
 *
 * Invariants, checked by dmap_class_valid(): each count is the sum over the
 * blocks, each block is at the place that its counts say.
 */
struct dmap_class {
	spinlock_t lock;	/* bitmaps, places, counts */
	struct mutex refill;	/* which blocks there are */
	struct rb_root_cached partial;
	struct list_head full;
	struct list_head empty;
	unsigned long nr_blocks;
	unsigned long nr_owned;
	unsigned long nr_free;
	unsigned long nr_empty;
	struct list_head capturing;
	unsigned int nr_capturing;
	struct dmap_candidate candidates[DMAP_CANDIDATES];
	unsigned int nr_candidates;
	unsigned long scanned;
	unsigned int scan_order;
	unsigned int barren_order;
	unsigned long cursor;
	int nid;
};

/*
 * Pages that live as long as a user's memory, and pages that the kernel keeps
 * (vmalloc never frees its tables), sit in blocks of their own: one of the
 * latter would hold a block for good.
 */
enum dmap_lifetime {
	DMAP_USER,
	DMAP_KERNEL,
	DMAP_NR_LIFETIMES,
};

/* core.c */
extern struct xarray dmap_blocks;
extern struct dmap_class *dmap_classes[MAX_NUMNODES][DMAP_NR_LIFETIMES];
extern unsigned long dmap_reserve_pages;
void dmap_report(struct page *page, unsigned int order, const char *what);

/**
 * dmap_block_of() - the block that holds a page frame
 * @pfn: the page frame
 *
 * Context: Any. The block stays while the caller holds class->refill or owns a
 * live page of it.
 * Return: the block, or NULL where dmap holds nothing.
 */
static inline struct dmap_block *dmap_block_of(unsigned long pfn)
{
	return xa_load(&dmap_blocks, pfn >> DMAP_BLOCK_ORDER);
}

#define for_each_node_class(class, nid, life)				\
	for ((life) = 0; (life) < DMAP_NR_LIFETIMES &&			\
	     ((class) = dmap_classes[nid][life]); (life)++)

/**
 * dmap_life_of() - how long the pages of a request will live
 * @gfp: its flags
 *
 * User page tables are charged to the user, and user memory is bound to its
 * cpuset; what is neither is the kernel's own.
 *
 * Context: Any.
 * Return: the lifetime.
 */
static inline enum dmap_lifetime dmap_life_of(gfp_t gfp)
{
	return gfp & (__GFP_ACCOUNT | __GFP_HARDWALL) ? DMAP_USER : DMAP_KERNEL;
}

/**
 * dmap_class_for() - the class that a request belongs to
 * @gfp: its flags
 * @nid: the node
 *
 * Context: Any.
 * Return: the class.
 */
static inline struct dmap_class *dmap_class_for(gfp_t gfp, int nid)
{
	return dmap_classes[nid][dmap_life_of(gfp)];
}

/* block.c */
int dmap_block_find(struct dmap_block *block, unsigned int order);
void dmap_block_take(struct dmap_block *block, unsigned int index,
		     unsigned int order);
bool dmap_block_is_live(const struct dmap_block *block, unsigned int index,
			unsigned int order);
bool dmap_block_put(struct dmap_block *block, unsigned int index,
		    unsigned int order);
void dmap_block_add(struct dmap_block *block, const unsigned long *pages);
bool dmap_block_valid(const struct dmap_block *block);

/* class.c */
void dmap_class_init(struct dmap_class *class, int nid);
struct page *dmap_class_alloc(struct dmap_class *class, unsigned int order);
bool dmap_class_free(struct dmap_block *block, struct page *page,
		     unsigned int order);
bool dmap_class_fits(struct dmap_class *class, unsigned int order);
void dmap_class_add(struct dmap_block *block, const unsigned long *pages);
struct dmap_block *dmap_class_pop_empty(struct dmap_class *class,
					unsigned long keep);
void dmap_class_push_empty(struct dmap_block *block);
bool dmap_class_valid(struct dmap_class *class);

/* refill.c */
extern struct kmem_cache *dmap_block_cache;
struct dmap_block *dmap_alloc_block(gfp_t gfp);
int dmap_enter_block(struct dmap_block *block);
int dmap_split_range(unsigned long pfn, struct page **tables);
int dmap_refill(struct dmap_class *class, gfp_t gfp, unsigned int order);
struct dmap_class *dmap_refill_reclaim(gfp_t gfp, unsigned int order, int nid,
				       const nodemask_t *nodemask,
				       struct list_head *rejects);
void dmap_capture_end(struct dmap_block *block);
bool dmap_capture_expire(struct dmap_class *class);
void dmap_close_block(struct dmap_block *block);

/* drain.c */
void dmap_drain_soon(void);
void dmap_drain_all(void);
int dmap_drain_init(void);

/* buddy.c */
struct page *dmap_buddy_alloc(gfp_t gfp, unsigned int order, int nid,
			      const nodemask_t *nodemask);
bool dmap_buddy_freeze(struct page *page, unsigned int order);
bool dmap_buddy_usable(unsigned long pfn);
unsigned int dmap_buddy_harvest(unsigned long pfn, bool closed,
				unsigned long *pages);
void dmap_buddy_give(unsigned long pfn, const unsigned long *pages);
bool dmap_buddy_close(unsigned long pfn, u8 *migratetype);
void dmap_buddy_reopen(unsigned long pfn, u8 migratetype);
unsigned int dmap_buddy_count(unsigned long pfn, int *max_order);
unsigned long dmap_buddy_next(int nid, unsigned long pfn);

/* show.c */
void dmap_show_init(void);

#endif /* _MM_DMAP_H */
