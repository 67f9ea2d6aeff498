// SPDX-License-Identifier: GPL-2.0
/*
 * Classes: the blocks of one node, and which of them serves a request.
 *
 * Always the block with the most live pages that has a fitting run, and among
 * equals the one at the lowest address: so that blocks with few live pages are
 * left alone and run empty. All of it is under class->lock, from any context
 * in which pages are freed.
 */
#include "dmap.h"

/**
 * dmap_class_init() - make an empty class
 * @class: the class
 * @nid: its node
 */
void dmap_class_init(struct dmap_class *class, int nid)
{
	spin_lock_init(&class->lock);
	mutex_init(&class->refill);
	class->partial = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&class->full);
	INIT_LIST_HEAD(&class->empty);
	INIT_LIST_HEAD(&class->capturing);
	class->nid = nid;
}

static bool served_before(const struct dmap_block *a, const struct dmap_block *b)
{
	if (dmap_block_live(a) != dmap_block_live(b))
		return dmap_block_live(a) > dmap_block_live(b);
	return a->pfn < b->pfn;
}

static bool rb_served_before(struct rb_node *a, const struct rb_node *b)
{
	return served_before(rb_entry(a, struct dmap_block, rb),
			     rb_entry(b, struct dmap_block, rb));
}

static enum dmap_place place_of(const struct dmap_block *block)
{
	if (!dmap_block_live(block))
		return DMAP_EMPTY;
	return block->nr_free ? DMAP_PARTIAL : DMAP_FULL;
}

/*
 * Is a block in the tree still between its neighbours? It had @was live pages:
 * with more it may have to move forwards, with fewer backwards.
 */
static bool in_order(struct dmap_block *block, unsigned int was)
{
	struct rb_node *neighbour;

	if (dmap_block_live(block) > was) {
		neighbour = rb_prev(&block->rb);
		return !neighbour || rb_served_before(neighbour, &block->rb);
	}
	neighbour = rb_next(&block->rb);
	return !neighbour || rb_served_before(&block->rb, neighbour);
}

static void leave_place(struct dmap_class *class, struct dmap_block *block)
{
	switch (block->place) {
	case DMAP_PARTIAL:
		rb_erase_cached(&block->rb, &class->partial);
		break;
	case DMAP_FULL:
	case DMAP_EMPTY:
		list_del(&block->list);
		break;
	}
}

static void enter_place(struct dmap_class *class, struct dmap_block *block,
			enum dmap_place place)
{
	WRITE_ONCE(block->place, place);
	switch (place) {
	case DMAP_PARTIAL:
		rb_add_cached(&block->rb, &class->partial, rb_served_before);
		break;
	case DMAP_FULL:
		list_add(&block->list, &class->full);
		break;
	case DMAP_EMPTY:
		list_add(&block->list, &class->empty);
		break;
	case DMAP_NOWHERE:
		break;
	}
}

/* What a block counts for. */
struct tally {
	int owned, free, empty;
};

static struct tally tally(const struct dmap_block *block)
{
	struct tally t = {
		.owned = block->nr_owned,
		.free = block->nr_free,
		.empty = dmap_block_live(block) ? 0 : block->nr_owned,
	};

	return t;
}

/* Move the class's sums and the gauges from what a block was to what it is. */
static void account(struct dmap_class *class, struct tally was, struct tally is)
{
	struct pglist_data *pgdat = NODE_DATA(class->nid);
	int owned = is.owned - was.owned, free = is.free - was.free;

	lockdep_assert_held(&class->lock);
	class->nr_owned += owned;
	class->nr_free += free;
	if (is.empty != was.empty)
		WRITE_ONCE(class->nr_empty, class->nr_empty + is.empty - was.empty);
	__mod_node_page_state(pgdat, NR_DMAP_LIVE, owned - free);
	__mod_node_page_state(pgdat, NR_DMAP_IDLE, free);
}

/* Put the block where its counts, which have just changed, say it belongs. */
static void settle(struct dmap_class *class, struct dmap_block *block,
		   struct tally was)
{
	enum dmap_place place = place_of(block);

	lockdep_assert_held(&class->lock);
	if (place == block->place &&
	    (place != DMAP_PARTIAL || in_order(block, was.owned - was.free)))
		return;
	leave_place(class, block);
	enter_place(class, block, place);
}

static struct dmap_block *choose(struct dmap_class *class, unsigned int order,
				 int *index)
{
	struct dmap_block *block;
	struct rb_node *node;

	for (node = rb_first_cached(&class->partial); node; node = rb_next(node)) {
		block = rb_entry(node, struct dmap_block, rb);
		*index = dmap_block_find(block, order);
		if (*index >= 0)
			return block;
	}
	list_for_each_entry(block, &class->empty, list) {
		*index = dmap_block_find(block, order);
		if (*index >= 0)
			return block;
	}
	return NULL;
}

/**
 * dmap_class_alloc() - take idle pages of a class
 * @class: the class
 * @order: order of the request
 *
 * Context: Any but NMI; never sleeps, never refills.
 * Return: the first page, which nobody has prepared yet, or NULL.
 */
struct page *dmap_class_alloc(struct dmap_class *class, unsigned int order)
{
	struct page *page = NULL;
	struct dmap_block *block;
	unsigned long flags;
	struct tally was;
	int index;

	spin_lock_irqsave(&class->lock, flags);
	block = choose(class, order, &index);
	if (block) {
		was = tally(block);
		dmap_block_take(block, index, order);
		account(class, was, tally(block));
		settle(class, block, was);
		page = pfn_to_page(block->pfn + index);
	}
	spin_unlock_irqrestore(&class->lock, flags);
	return page;
}

/**
 * dmap_class_free() - give pages back to the block that they are of
 * @block: the block
 * @page: the first page, prepared for the free lists
 * @order: order of the run
 *
 * Context: Any but NMI.
 * Return: true, or false with nothing changed when they are not live pages of
 * the block.
 */
bool dmap_class_free(struct dmap_block *block, struct page *page,
		     unsigned int order)
{
	struct dmap_class *class = block->class;
	unsigned long flags;
	struct tally was;
	bool ok, empty;

	spin_lock_irqsave(&class->lock, flags);
	was = tally(block);
	ok = dmap_block_put(block, page_to_pfn(page) - block->pfn, order);
	account(class, was, tally(block));
	if (ok)
		settle(class, block, was);
	empty = block->place == DMAP_EMPTY;
	spin_unlock_irqrestore(&class->lock, flags);

	if (ok && empty)
		dmap_drain_soon();
	return ok;
}

/**
 * dmap_class_fits() - can a request be served without a refill?
 * @class: the class
 * @order: order of the request
 *
 * Context: Any but NMI. The answer may be out of date when it arrives, unless
 * the caller holds class->refill and only asks for "no".
 * Return: true when dmap_class_alloc() would have succeeded.
 */
bool dmap_class_fits(struct dmap_class *class, unsigned int order)
{
	unsigned long flags;
	bool fits;
	int index;

	spin_lock_irqsave(&class->lock, flags);
	fits = choose(class, order, &index);
	spin_unlock_irqrestore(&class->lock, flags);
	return fits;
}

/**
 * dmap_class_add() - give a block more pages, and a new block its place
 * @block: the block, new (%DMAP_NOWHERE) or known
 * @pages: bitmap of its new pages, which are prepared for the free lists
 *
 * Context: Process context, holding class->refill.
 */
void dmap_class_add(struct dmap_block *block, const unsigned long *pages)
{
	struct dmap_class *class = block->class;
	struct tally was = {};
	unsigned long flags;
	bool empty;

	lockdep_assert_held(&class->refill);
	spin_lock_irqsave(&class->lock, flags);
	if (block->place == DMAP_NOWHERE)
		class->nr_blocks++;
	else
		was = tally(block);
	dmap_block_add(block, pages);
	account(class, was, tally(block));
	settle(class, block, was);
	empty = block->place == DMAP_EMPTY;
	spin_unlock_irqrestore(&class->lock, flags);

	/* Nobody may want it in the end. */
	if (empty)
		dmap_drain_soon();
}

/**
 * dmap_class_pop_empty() - take an empty block out, to give it back
 * @class: the class
 * @keep: leave at least so many idle pages
 *
 * From here on the block serves nothing; dmap_block_of() still finds it.
 *
 * Context: Process context, holding class->refill.
 * Return: the block, or NULL.
 */
struct dmap_block *dmap_class_pop_empty(struct dmap_class *class,
					unsigned long keep)
{
	struct dmap_block *block = NULL;
	unsigned long flags;

	lockdep_assert_held(&class->refill);
	spin_lock_irqsave(&class->lock, flags);
	if (!list_empty(&class->empty))	/* the one that is empty for longest */
		block = list_last_entry(&class->empty, struct dmap_block, list);
	if (block && class->nr_free < keep + block->nr_free)
		block = NULL;
	if (block) {
		account(class, tally(block), (struct tally){});
		leave_place(class, block);
		WRITE_ONCE(block->place, DMAP_NOWHERE);
		class->nr_blocks--;
	}
	spin_unlock_irqrestore(&class->lock, flags);
	return block;
}

/**
 * dmap_class_push_empty() - undo dmap_class_pop_empty()
 * @block: the block
 *
 * Context: Process context, holding class->refill.
 */
void dmap_class_push_empty(struct dmap_block *block)
{
	static const DECLARE_BITMAP(none, DMAP_BLOCK_PAGES);

	dmap_class_add(block, none);
}

/**
 * dmap_class_valid() - check the invariants of a class and of all its blocks
 * @class: the class
 *
 * Context: Process context; holds class->lock for as long as it takes, so for
 * tests and debugging.
 * Return: true when they hold.
 */
bool dmap_class_valid(struct dmap_class *class)
{
	unsigned long nr_blocks = 0, nr_owned = 0, nr_free = 0, nr_empty = 0;
	struct dmap_block *block, *prev = NULL;
	struct rb_node *node;
	unsigned long flags;
	bool valid = true;

	spin_lock_irqsave(&class->lock, flags);
	for (node = rb_first_cached(&class->partial); node; node = rb_next(node)) {
		block = rb_entry(node, struct dmap_block, rb);
		valid = valid && dmap_block_valid(block) &&
			block->place == DMAP_PARTIAL &&
			place_of(block) == DMAP_PARTIAL &&
			(!prev || served_before(prev, block));
		prev = block;
		nr_blocks++;
		nr_owned += block->nr_owned;
		nr_free += block->nr_free;
	}
	list_for_each_entry(block, &class->full, list) {
		valid = valid && dmap_block_valid(block) &&
			block->place == DMAP_FULL &&
			place_of(block) == DMAP_FULL;
		nr_blocks++;
		nr_owned += block->nr_owned;
	}
	list_for_each_entry(block, &class->empty, list) {
		valid = valid && dmap_block_valid(block) &&
			block->place == DMAP_EMPTY &&
			place_of(block) == DMAP_EMPTY;
		nr_blocks++;
		nr_owned += block->nr_owned;
		nr_free += block->nr_free;
		nr_empty += block->nr_owned;
	}
	valid = valid && nr_blocks == class->nr_blocks &&
		nr_owned == class->nr_owned && nr_free == class->nr_free &&
		nr_empty == class->nr_empty;
	spin_unlock_irqrestore(&class->lock, flags);
	return valid;
}
