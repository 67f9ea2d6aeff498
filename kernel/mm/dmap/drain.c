// SPDX-License-Identifier: GPL-2.0
/*
 * Drain: how empty blocks go back, whole, with their large mapping made again.
 *
 * A worker does it, some time after a block has run empty: collapsing waits
 * for init_mm's mmap lock and flushes every CPU, and blocks that are about to
 * be used again are not worth it. Reclaim does it at once, for as long as no
 * lock has to be waited for.
 */
#include "dmap.h"
#include <trace/events/dmap.h>

#define DRAIN_DELAY	HZ

/*
 * The kernel's pages come one by one and stay: a block for the first of them
 * is opened at boot and kept, for it would be held from then on anyway.
 */
#define KERNEL_KEEP	1

static void drain_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(drain_dwork, drain_work);

/* @block was popped. Returns false when the range could not be tried now. */
static bool collapse_block(struct dmap_block *block, bool wait)
{
	int ret;

	ret = arch_dmap_collapse(block->pfn, wait);
	if (ret == -EAGAIN)
		return false;
	if (ret < 0) {
		count_vm_event(DMAP_COLLAPSE_FAIL);
		return true;
	}
	if (ret & ARCH_DMAP_COLLAPSE_2M)
		count_vm_event(DMAP_COLLAPSE_2M);
	if (ret & ARCH_DMAP_COLLAPSE_1G)
		count_vm_event(DMAP_COLLAPSE_1G);
	trace_dmap_collapse(block->pfn, ret);
	return true;
}

/* @block was popped and collapsed: its pages go to the free lists. */
static void give_block(struct dmap_block *block)
{
	DECLARE_BITMAP(pages, DMAP_BLOCK_PAGES);
	unsigned long pfn = block->pfn;

	lockdep_assert_held(&block->class->refill);
	trace_dmap_drain(block->pfn, block->class->nid, block->nr_owned);
	dmap_capture_end(block);
	bitmap_copy(pages, block->owned, DMAP_BLOCK_PAGES);
	dmap_close_block(block);
	dmap_buddy_give(pfn, pages);
	count_vm_event(DMAP_DRAIN);
}

static void drain_class(struct dmap_class *class, unsigned long keep)
{
	struct dmap_block *block, *next;
	LIST_HEAD(blocks);
	bool collapsed;

	mutex_lock(&class->refill);
	if (dmap_capture_expire(class))
		dmap_drain_soon();
	while ((block = dmap_class_pop_empty(class, keep)))
		list_add_tail(&block->list, &blocks);
	mutex_unlock(&class->refill);

	list_for_each_entry_safe(block, next, &blocks, list) {
		collapsed = collapse_block(block, true);
		mutex_lock(&class->refill);
		if (collapsed)
			give_block(block);
		else	/* the worker will come again */
			dmap_class_push_empty(block);
		mutex_unlock(&class->refill);
		cond_resched();
	}
}

static void drain_work(struct work_struct *work)
{
	struct dmap_class *class;
	int nid, life;

	for_each_node(nid)
		for_each_node_class(class, nid, life)
			drain_class(class, life == DMAP_USER ?
				    dmap_reserve_pages : KERNEL_KEEP);
}

/**
 * dmap_drain_soon() - a block has run empty
 *
 * Context: Any but NMI.
 */
void dmap_drain_soon(void)
{
	queue_delayed_work(system_unbound_wq, &drain_dwork, DRAIN_DELAY);
}

/**
 * dmap_drain_all() - give back every empty block now, the reserve too
 *
 * Context: Process context, may sleep; not from reclaim.
 */
void dmap_drain_all(void)
{
	struct dmap_class *class;
	int nid, life;

	/* Blocks that the worker has popped are not back before it is done. */
	cancel_delayed_work_sync(&drain_dwork);
	for_each_node(nid)
		for_each_node_class(class, nid, life)
			drain_class(class, 0);
}

static unsigned long drain_count(struct shrinker *shrinker,
				 struct shrink_control *sc)
{
	struct dmap_class *class;
	unsigned long nr = 0;
	int life;

	for_each_node_class(class, sc->nid, life)
		nr += READ_ONCE(class->nr_empty) +
		      READ_ONCE(class->nr_capturing) * DMAP_BLOCK_PAGES;
	return nr ? nr : SHRINK_EMPTY;
}

/* Give back up to @nr pages, as far as no lock has to be waited for. */
static unsigned long shrink_class(struct dmap_class *class, unsigned long nr)
{
	struct dmap_block *block;
	unsigned long freed = 0;
	int order;

	if (!mutex_trylock(&class->refill))
		return 0;
	/* What captures hold counts as free again when they end. */
	while (!list_empty(&class->capturing)) {
		block = list_first_entry(&class->capturing, struct dmap_block,
					 capture);
		freed += dmap_buddy_count(block->pfn, &order);
		dmap_capture_end(block);
	}
	while (freed < nr) {
		block = dmap_class_pop_empty(class, 0);
		if (!block)
			break;
		if (!collapse_block(block, false)) {
			dmap_class_push_empty(block);
			mod_delayed_work(system_unbound_wq, &drain_dwork, 0);
			break;
		}
		freed += block->nr_owned;
		give_block(block);
	}
	mutex_unlock(&class->refill);
	return freed;
}

static unsigned long drain_scan(struct shrinker *shrinker,
				struct shrink_control *sc)
{
	struct dmap_class *class;
	unsigned long freed = 0;
	int life;

	for_each_node_class(class, sc->nid, life)
		if (freed < sc->nr_to_scan)
			freed += shrink_class(class, sc->nr_to_scan - freed);
	return freed ? freed : SHRINK_STOP;
}

/*
 * Memory that goes offline: idle pages go back first (its pageblocks are
 * isolated by then, so nobody gets them), and where live ones are left it
 * cannot go. Without this, page isolation would wait for idle pages for ever.
 */
static int drain_offline(struct notifier_block *nb, unsigned long action,
			 void *arg)
{
	struct memory_notify *mem = arg;
	unsigned long end = mem->start_pfn + mem->nr_pages;
	unsigned long pfn = ALIGN_DOWN(mem->start_pfn, DMAP_BLOCK_PAGES);

	if (action != MEM_GOING_OFFLINE)
		return NOTIFY_OK;
	dmap_drain_all();
	for (; pfn < end; pfn += DMAP_BLOCK_PAGES)
		if (dmap_block_of(pfn))
			return notifier_from_errno(-EBUSY);
	return NOTIFY_OK;
}

/**
 * dmap_drain_init() - register with reclaim
 *
 * Context: Process context, once.
 * Return: 0 or -ENOMEM.
 */
int __init dmap_drain_init(void)
{
	struct shrinker *shrinker = shrinker_alloc(SHRINKER_NUMA_AWARE, "dmap");

	if (!shrinker)
		return -ENOMEM;
	shrinker->count_objects = drain_count;
	shrinker->scan_objects = drain_scan;
	shrinker_register(shrinker);
	hotplug_memory_notifier(drain_offline, DEFAULT_CALLBACK_PRI);
	return 0;
}
