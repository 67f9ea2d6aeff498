// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of dmap. The first suite works on blocks that exist only in the
 * test; the second on the real cache, through both doors, and balances its
 * books: what a test took from the page allocator is back when it ends.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include "dmap.h"

/* Blocks of a class of their own: numbers, with no memory behind them. */

#define FAKE_PFN(n)	((n) * (unsigned long)DMAP_BLOCK_PAGES)

static struct dmap_class *fake_class(struct kunit *test)
{
	struct dmap_class *class = kunit_kzalloc(test, sizeof(*class), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, class);
	dmap_class_init(class, first_online_node);
	return class;
}

static struct dmap_block *fake_block(struct kunit *test,
				     struct dmap_class *class, unsigned long pfn)
{
	struct dmap_block *block = kunit_kzalloc(test, sizeof(*block), GFP_KERNEL);
	DECLARE_BITMAP(pages, DMAP_BLOCK_PAGES);

	KUNIT_ASSERT_NOT_NULL(test, block);
	block->class = class;
	block->pfn = pfn;
	INIT_LIST_HEAD(&block->capture);
	bitmap_fill(pages, DMAP_BLOCK_PAGES);
	mutex_lock(&class->refill);
	dmap_class_add(block, pages);
	mutex_unlock(&class->refill);
	return block;
}

/* Take all of it back, so that the gauges are what they were. */
static void fake_class_end(struct kunit *test, struct dmap_class *class,
			   struct dmap_block **blocks, int nr)
{
	unsigned int i;
	int b;

	for (b = 0; b < nr; b++)
		for (i = 0; i < DMAP_BLOCK_PAGES; i++)
			if (!test_bit(i, blocks[b]->free))
				dmap_class_free(blocks[b],
						pfn_to_page(blocks[b]->pfn + i), 0);
	KUNIT_EXPECT_TRUE(test, dmap_class_valid(class));
	mutex_lock(&class->refill);
	while (dmap_class_pop_empty(class, 0))
		;
	mutex_unlock(&class->refill);
	KUNIT_EXPECT_EQ(test, class->nr_blocks, 0);
	KUNIT_EXPECT_EQ(test, class->nr_owned, 0);
}

static void test_find_is_aligned_and_lowest(struct kunit *test)
{
	struct dmap_block block = { .fit = DMAP_BLOCK_ORDER };
	DECLARE_BITMAP(pages, DMAP_BLOCK_PAGES) = {};

	/* 1, 6 and 7, 12 to 19: orders 0, 1 and 2 (at 12 and 16). */
	bitmap_set(pages, 1, 1);
	bitmap_set(pages, 6, 2);
	bitmap_set(pages, 12, 8);
	dmap_block_add(&block, pages);
	KUNIT_EXPECT_TRUE(test, dmap_block_valid(&block));

	KUNIT_EXPECT_EQ(test, dmap_block_find(&block, 0), 1);
	KUNIT_EXPECT_EQ(test, dmap_block_find(&block, 1), 6);
	KUNIT_EXPECT_EQ(test, dmap_block_find(&block, 2), 12);
	/* Eight pages in a row, but no aligned eight. */
	KUNIT_EXPECT_EQ(test, dmap_block_find(&block, 3), -1);
	KUNIT_EXPECT_EQ(test, block.fit, 2);

	dmap_block_take(&block, 12, 2);
	KUNIT_EXPECT_EQ(test, dmap_block_find(&block, 2), 16);
	KUNIT_EXPECT_EQ(test, dmap_block_live(&block), 4);
	KUNIT_EXPECT_TRUE(test, dmap_block_valid(&block));
}

static void test_every_order_fits_a_whole_block(struct kunit *test)
{
	struct dmap_block block = { .fit = DMAP_BLOCK_ORDER };
	DECLARE_BITMAP(pages, DMAP_BLOCK_PAGES);
	unsigned int order;
	int index;

	bitmap_fill(pages, DMAP_BLOCK_PAGES);
	dmap_block_add(&block, pages);
	for (order = 0; order <= DMAP_BLOCK_ORDER; order++) {
		index = dmap_block_find(&block, order);
		KUNIT_ASSERT_EQ(test, index, 0);
		dmap_block_take(&block, index, order);
		KUNIT_EXPECT_EQ(test, dmap_block_live(&block), 1U << order);
		KUNIT_EXPECT_TRUE(test, dmap_block_put(&block, index, order));
		KUNIT_EXPECT_TRUE(test, dmap_block_valid(&block));
	}
}

static void test_put_refuses_what_is_not_live(struct kunit *test)
{
	struct dmap_block block = { .fit = DMAP_BLOCK_ORDER };
	DECLARE_BITMAP(pages, DMAP_BLOCK_PAGES) = {};

	bitmap_set(pages, 0, 8);
	dmap_block_add(&block, pages);
	dmap_block_take(&block, 0, 1);

	KUNIT_EXPECT_FALSE(test, dmap_block_put(&block, 2, 0));	/* idle */
	KUNIT_EXPECT_FALSE(test, dmap_block_put(&block, 8, 0));	/* foreign */
	KUNIT_EXPECT_FALSE(test, dmap_block_put(&block, 0, 2));	/* too long */
	KUNIT_EXPECT_FALSE(test, dmap_block_put(&block, DMAP_BLOCK_PAGES - 1, 1));
	KUNIT_EXPECT_EQ(test, dmap_block_live(&block), 2);
	KUNIT_EXPECT_TRUE(test, dmap_block_put(&block, 0, 0));
	KUNIT_EXPECT_FALSE(test, dmap_block_put(&block, 0, 0));	/* twice */
	KUNIT_EXPECT_TRUE(test, dmap_block_put(&block, 1, 0));
	KUNIT_EXPECT_TRUE(test, dmap_block_valid(&block));
}

static void test_block_valid_sees_each_break(struct kunit *test)
{
	struct dmap_block good = { .fit = DMAP_BLOCK_ORDER }, block;
	DECLARE_BITMAP(pages, DMAP_BLOCK_PAGES) = {};

	bitmap_set(pages, 16, 32);
	dmap_block_add(&good, pages);
	dmap_block_take(&good, 16, 2);
	KUNIT_ASSERT_TRUE(test, dmap_block_valid(&good));

	block = good;
	__set_bit(0, block.free);	/* idle, but not owned */
	block.nr_free++;
	KUNIT_EXPECT_FALSE(test, dmap_block_valid(&block));
	block = good;
	block.nr_free--;
	KUNIT_EXPECT_FALSE(test, dmap_block_valid(&block));
	block = good;
	block.nr_owned++;
	KUNIT_EXPECT_FALSE(test, dmap_block_valid(&block));
	block = good;
	block.pfn = 1;
	KUNIT_EXPECT_FALSE(test, dmap_block_valid(&block));
	block = good;
	block.fit = DMAP_BLOCK_ORDER + 1;
	KUNIT_EXPECT_FALSE(test, dmap_block_valid(&block));
}

static void test_class_valid_sees_each_break(struct kunit *test)
{
	struct dmap_class *class = fake_class(test);
	struct dmap_block *blocks[3];
	int i;

	for (i = 0; i < 3; i++)
		blocks[i] = fake_block(test, class, FAKE_PFN(i + 1));
	/* One full, one partial, one empty. */
	for (i = 0; i < DMAP_BLOCK_PAGES + 1; i++)
		KUNIT_ASSERT_NOT_NULL(test, dmap_class_alloc(class, 0));
	KUNIT_ASSERT_TRUE(test, dmap_class_valid(class));

	class->nr_free++;
	KUNIT_EXPECT_FALSE(test, dmap_class_valid(class));
	class->nr_free--;
	class->nr_owned--;
	KUNIT_EXPECT_FALSE(test, dmap_class_valid(class));
	class->nr_owned++;
	class->nr_blocks++;
	KUNIT_EXPECT_FALSE(test, dmap_class_valid(class));
	class->nr_blocks--;
	class->nr_empty++;
	KUNIT_EXPECT_FALSE(test, dmap_class_valid(class));
	class->nr_empty--;
	for (i = 0; i < 3; i++) {
		u8 place = blocks[i]->place;

		blocks[i]->place = DMAP_NOWHERE;
		KUNIT_EXPECT_FALSE(test, dmap_class_valid(class));
		blocks[i]->place = place;
		blocks[i]->nr_free ^= 1;
		KUNIT_EXPECT_FALSE(test, dmap_class_valid(class));
		blocks[i]->nr_free ^= 1;
	}
	fake_class_end(test, class, blocks, 3);
}

static void test_fullest_block_first(struct kunit *test)
{
	struct dmap_class *class = fake_class(test);
	struct dmap_block *blocks[3];
	struct page *page;
	int i;

	for (i = 0; i < 3; i++)
		blocks[i] = fake_block(test, class, FAKE_PFN(i + 1));
	for (i = 0; i < 3 * DMAP_BLOCK_PAGES; i++)
		KUNIT_ASSERT_NOT_NULL(test, dmap_class_alloc(class, 0));
	KUNIT_EXPECT_NULL(test, dmap_class_alloc(class, 0));

	/* 300 live in the first, 400 in the second, 300 in the third. */
	for (i = 0; i < 212; i++) {
		dmap_class_free(blocks[0], pfn_to_page(blocks[0]->pfn + i), 0);
		dmap_class_free(blocks[2], pfn_to_page(blocks[2]->pfn + i), 0);
		if (i < 112)
			dmap_class_free(blocks[1],
					pfn_to_page(blocks[1]->pfn + i), 0);
	}
	KUNIT_ASSERT_TRUE(test, dmap_class_valid(class));

	/* The second until it is full, then the lower of two equals. */
	for (i = 0; i < 112; i++) {
		page = dmap_class_alloc(class, 0);
		KUNIT_EXPECT_EQ(test, page_to_pfn(page), blocks[1]->pfn + i);
	}
	page = dmap_class_alloc(class, 0);
	KUNIT_EXPECT_EQ(test, page_to_pfn(page), blocks[0]->pfn);
	page = dmap_class_alloc(class, 0);
	KUNIT_EXPECT_EQ(test, page_to_pfn(page), blocks[0]->pfn + 1);
	fake_class_end(test, class, blocks, 3);
}

static void test_empty_block_last(struct kunit *test)
{
	struct dmap_class *class = fake_class(test);
	struct dmap_block *blocks[2];
	struct page *page;
	int i;

	for (i = 0; i < 2; i++)
		blocks[i] = fake_block(test, class, FAKE_PFN(i + 1));
	page = dmap_class_alloc(class, 0);
	for (i = 1; i < DMAP_BLOCK_PAGES; i++)
		KUNIT_EXPECT_EQ(test,
				page_to_pfn(dmap_class_alloc(class, 0)) /
					DMAP_BLOCK_PAGES,
				page_to_pfn(page) / DMAP_BLOCK_PAGES);
	KUNIT_EXPECT_EQ(test, class->nr_empty, DMAP_BLOCK_PAGES);
	fake_class_end(test, class, blocks, 2);
}

static void test_keep_is_kept(struct kunit *test)
{
	struct dmap_class *class = fake_class(test);
	struct dmap_block *blocks[2];
	int i;

	for (i = 0; i < 2; i++)
		blocks[i] = fake_block(test, class, FAKE_PFN(i + 1));
	mutex_lock(&class->refill);
	KUNIT_EXPECT_NOT_NULL(test, dmap_class_pop_empty(class, DMAP_BLOCK_PAGES));
	KUNIT_EXPECT_NULL(test, dmap_class_pop_empty(class, DMAP_BLOCK_PAGES));
	mutex_unlock(&class->refill);
	KUNIT_EXPECT_TRUE(test, dmap_class_valid(class));
	fake_class_end(test, class, blocks, 2);
}

/*
 * Random churn: the number of live pages walks between 85 % and 100 % of six
 * blocks, and which of them is freed is random. At least 90 % of what the
 * blocks in use hold is live on average, and a seventh is never needed.
 */
static void test_fill_under_churn(struct kunit *test)
{
	enum { MAX = 6 * DMAP_BLOCK_PAGES, MIN = MAX * 85 / 100, BLOCKS = 8 };
	enum { ROUNDS = 200000 };
	struct dmap_class *class = fake_class(test);
	struct page **live = kunit_kcalloc(test, MAX, sizeof(*live), GFP_KERNEL);
	struct dmap_block *blocks[BLOCKS];
	u64 sum_live = 0, sum_held = 0;
	u32 seed = 42, victim;
	bool growing = true;
	int i, nr = 0;

	KUNIT_ASSERT_NOT_NULL(test, live);
	for (i = 0; i < BLOCKS; i++)
		blocks[i] = fake_block(test, class, FAKE_PFN(i + 1));
	for (i = 0; i < ROUNDS; i++) {
		seed = seed * 1664525 + 1013904223;
		if (nr == MAX)
			growing = false;
		if (nr == MIN)
			growing = true;
		/* Two steps in three in the direction of the walk. */
		if (nr < MIN || (nr < MAX && growing == ((seed >> 4) % 3 > 0))) {
			live[nr] = dmap_class_alloc(class, 0);
			KUNIT_ASSERT_NOT_NULL(test, live[nr]);
			nr++;
		} else {
			victim = (seed >> 8) % nr;
			dmap_class_free(blocks[page_to_pfn(live[victim]) /
					       DMAP_BLOCK_PAGES - 1],
					live[victim], 0);
			live[victim] = live[--nr];
		}
		sum_live += nr;
		sum_held += class->nr_owned - class->nr_empty;
	}
	KUNIT_EXPECT_GE(test, sum_live * 100, sum_held * 90);
	KUNIT_EXPECT_EQ(test, class->nr_empty, 2 * DMAP_BLOCK_PAGES);
	KUNIT_EXPECT_TRUE(test, dmap_class_valid(class));
	fake_class_end(test, class, blocks, BLOCKS);
}

static struct kunit_case block_cases[] = {
	KUNIT_CASE(test_find_is_aligned_and_lowest),
	KUNIT_CASE(test_every_order_fits_a_whole_block),
	KUNIT_CASE(test_put_refuses_what_is_not_live),
	KUNIT_CASE(test_block_valid_sees_each_break),
	KUNIT_CASE(test_class_valid_sees_each_break),
	KUNIT_CASE(test_fullest_block_first),
	KUNIT_CASE(test_empty_block_last),
	KUNIT_CASE(test_keep_is_kept),
	KUNIT_CASE_SLOW(test_fill_under_churn),
	{}
};

/* Even numbers alone reach the drain worker, which needs the real classes. */
static int block_init(struct kunit *test)
{
	if (!dmap_enabled())
		kunit_skip(test, "dmap is off");
	return 0;
}

static struct kunit_suite block_suite = {
	.name = "dmap-block",
	.init = block_init,
	.test_cases = block_cases,
};

/* The real cache. */

struct books {
	struct dmap_class *class;
	unsigned long blocks;
	unsigned long live;
};

static unsigned long class_live(struct dmap_class *class)
{
	return class->nr_owned - class->nr_free;
}

static int cache_init(struct kunit *test)
{
	struct books *books;

	if (!dmap_enabled())
		kunit_skip(test, "dmap is off");
	books = kunit_kzalloc(test, sizeof(*books), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, books);
	dmap_drain_all();
	books->class = dmap_class_for(GFP_KERNEL, numa_mem_id());
	books->blocks = books->class->nr_blocks;
	books->live = class_live(books->class);
	test->priv = books;
	return 0;
}

static void cache_exit(struct kunit *test)
{
	struct books *books = test->priv;

	if (!books)
		return;
	dmap_drain_all();
	KUNIT_EXPECT_TRUE(test, dmap_class_valid(books->class));
	KUNIT_EXPECT_EQ(test, class_live(books->class), books->live);
	KUNIT_EXPECT_EQ(test, books->class->nr_blocks, books->blocks);
}

static unsigned long events(enum vm_event_item item)
{
	unsigned long *all = kcalloc(NR_VM_EVENT_ITEMS, sizeof(*all), GFP_KERNEL);
	unsigned long value;

	if (!all)
		return 0;
	all_vm_events(all);
	value = all[item];
	kfree(all);
	return value;
}

static bool all_bytes(struct page *page, unsigned int order, u8 value)
{
	return !memchr_inv(page_address(page), value, PAGE_SIZE << order);
}

static void test_both_doors(struct kunit *test)
{
	struct page *page;
	unsigned long address;

	page = dmap_alloc(DMAP_PTE, GFP_KERNEL | __GFP_ZERO, 0, NUMA_NO_NODE);
	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_TRUE(test, PageDmap(page));
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	KUNIT_EXPECT_TRUE(test, all_bytes(page, 0, 0));
	KUNIT_EXPECT_EQ(test, arch_dmap_level(page_to_pfn(page)), PG_LEVEL_4K);
	memset(page_address(page), 0xa5, PAGE_SIZE);
	dmap_free(page, 0);
	KUNIT_EXPECT_FALSE(test, PageDmap(page));

	address = __get_free_page(GFP_KERNEL | __GFP_PTE_MAPPED | __GFP_ZERO);
	KUNIT_ASSERT_NE(test, address, 0);
	page = virt_to_page(address);
	KUNIT_EXPECT_TRUE(test, PageDmap(page));
	KUNIT_EXPECT_TRUE(test, all_bytes(page, 0, 0));
	KUNIT_EXPECT_EQ(test, arch_dmap_level(page_to_pfn(page)), PG_LEVEL_4K);
	free_page(address);
	KUNIT_EXPECT_FALSE(test, PageDmap(page));

	page = alloc_page(GFP_KERNEL | __GFP_PTE_MAPPED);
	KUNIT_ASSERT_NOT_NULL(test, page);
	get_page(page);
	put_page(page);
	KUNIT_EXPECT_TRUE(test, PageDmap(page));
	put_page(page);
	KUNIT_EXPECT_FALSE(test, PageDmap(page));
}

static void test_orders(struct kunit *test)
{
	struct page *page;
	unsigned int order;

	for (order = 0; order <= DMAP_BLOCK_ORDER; order++) {
		page = alloc_pages(GFP_KERNEL | __GFP_PTE_MAPPED | __GFP_ZERO |
				   (order & 1 ? __GFP_COMP : 0), order);
		KUNIT_ASSERT_NOT_NULL(test, page);
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED(page_to_pfn(page), 1UL << order));
		KUNIT_EXPECT_TRUE(test, all_bytes(page, order, 0));
		KUNIT_EXPECT_EQ(test, (bool)PageCompound(page), !!(order & 1));
		KUNIT_EXPECT_TRUE(test, PageDmap(page + (1 << order) - 1));
		__free_pages(page, order);
	}
	KUNIT_EXPECT_NULL(test, alloc_pages(GFP_KERNEL | __GFP_PTE_MAPPED,
					    DMAP_BLOCK_ORDER + 1));
}

/* The kernel's own pages, which stay, hold no block of a user's. */
static void test_lifetimes_are_apart(struct kunit *test)
{
	struct page *kernel = alloc_page(GFP_KERNEL | __GFP_PTE_MAPPED);
	struct page *user = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_PTE_MAPPED);

	KUNIT_ASSERT_NOT_NULL(test, kernel);
	KUNIT_ASSERT_NOT_NULL(test, user);
	KUNIT_EXPECT_PTR_NE(test, dmap_block_of(page_to_pfn(kernel)),
			    dmap_block_of(page_to_pfn(user)));
	__free_page(kernel);
	__free_page(user);
}

/* An order-1 pair that is freed page by page comes back whole. */
static void test_split_pages_come_back(struct kunit *test)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_PTE_MAPPED, 1);

	KUNIT_ASSERT_NOT_NULL(test, page);
	split_page(page, 1);
	__free_page(page + 1);
	__free_page(page);
}

static void test_zones_are_not_guessed(struct kunit *test)
{
	KUNIT_EXPECT_NULL(test, alloc_page(GFP_DMA32 | GFP_KERNEL |
					   __GFP_PTE_MAPPED));
}

static void test_bulk_gets_cache_pages(struct kunit *test)
{
	struct page *pages[8] = {};
	unsigned long i, nr;

	nr = alloc_pages_bulk_array(GFP_KERNEL | __GFP_PTE_MAPPED,
				    ARRAY_SIZE(pages), pages);
	KUNIT_EXPECT_GE(test, nr, 1);
	for (i = 0; i < nr; i++) {
		KUNIT_EXPECT_TRUE(test, PageDmap(pages[i]));
		__free_page(pages[i]);
	}
}

static struct page *pop_page(struct list_head *list)
{
	struct page *page = list_first_entry_or_null(list, struct page, lru);

	if (page)
		list_del(&page->lru);
	return page;
}

static int alloc_many(struct list_head *list, int nr)
{
	struct page *page;
	int i;

	for (i = 0; i < nr; i++) {
		page = alloc_page(GFP_KERNEL | __GFP_PTE_MAPPED);
		if (!page)
			break;
		list_add(&page->lru, list);
	}
	return i;
}

static void free_many(struct list_head *list)
{
	struct page *page;

	while ((page = pop_page(list)))
		__free_page(page);
}

/* N pages cost at most ceil(N / 512) + 1 blocks, and all of them go back. */
static void test_blocks_held_and_given_back(struct kunit *test)
{
	struct books *books = test->priv;
	unsigned long collapses = events(DMAP_COLLAPSE_2M);
	LIST_HEAD(list);

	KUNIT_EXPECT_EQ(test, alloc_many(&list, 2000), 2000);
	KUNIT_EXPECT_LE(test, books->class->nr_blocks - books->blocks,
			DIV_ROUND_UP(2000, DMAP_BLOCK_PAGES) + 1);
	free_many(&list);
	dmap_drain_all();
	KUNIT_EXPECT_EQ(test, books->class->nr_blocks, books->blocks);
	KUNIT_EXPECT_GE(test, events(DMAP_COLLAPSE_2M) - collapses, 3);
}

/* No order-9 page, by decree: the same request through refill_part(). */
static struct page *no_whole_block(gfp_t gfp, unsigned int order, int nid,
				   const nodemask_t *nodemask)
{
	if (order == DMAP_BLOCK_ORDER)
		return NULL;
	return __alloc_pages_noprof(gfp, order, nid, (nodemask_t *)nodemask);
}

static void test_fallback_harvests_and_captures(struct kunit *test)
{
	struct books *books = test->priv;
	unsigned long fallbacks = events(DMAP_REFILL_FALLBACK);
	unsigned long harvests = events(DMAP_HARVEST);
	LIST_HEAD(list);

	kunit_activate_static_stub(test, dmap_buddy_alloc, no_whole_block);
	KUNIT_EXPECT_EQ(test, alloc_many(&list, 1000), 1000);
	kunit_deactivate_static_stub(test, dmap_buddy_alloc);

	KUNIT_EXPECT_GT(test, events(DMAP_REFILL_FALLBACK), fallbacks);
	KUNIT_EXPECT_GT(test, events(DMAP_HARVEST), harvests);
	KUNIT_EXPECT_TRUE(test, dmap_class_valid(books->class));
	KUNIT_EXPECT_LE(test, books->class->nr_capturing, 8);
	free_many(&list);
	dmap_drain_all();
	KUNIT_EXPECT_EQ(test, books->class->nr_capturing, 0);
}

/*
 * What a foreign user frees in a captured range comes to the cache, and what
 * is freed there after the capture goes to the page allocator.
 */
static void test_capture_catches_and_ends(struct kunit *test)
{
	enum { ENOUGH = 8 * DMAP_BLOCK_PAGES };
	struct books *books = test->priv;
	struct page *foreign = alloc_pages(GFP_KERNEL, DMAP_BLOCK_ORDER);
	unsigned long captured, pfn;
	struct dmap_block *block;
	struct page *page;
	LIST_HEAD(list);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, foreign);
	pfn = page_to_pfn(foreign);
	split_page(foreign, DMAP_BLOCK_ORDER);
	for (i = 0; i < 256; i++)
		__free_page(foreign + i);
	drain_all_pages(page_zone(foreign));

	/* The range is opened in part by hand, as the best candidate. */
	kunit_activate_static_stub(test, dmap_buddy_alloc, no_whole_block);
	mutex_lock(&books->class->refill);
	books->class->candidates[0].pfn = pfn;
	books->class->candidates[0].nr_free = 256;
	books->class->nr_candidates = 1;
	books->class->scanned = jiffies;
	mutex_unlock(&books->class->refill);
	for (i = 0; i < ENOUGH && !dmap_block_of(pfn); i++)
		alloc_many(&list, 1);
	block = dmap_block_of(pfn);
	KUNIT_ASSERT_NOT_NULL(test, block);
	KUNIT_EXPECT_GE(test, block->nr_owned, 250);
	KUNIT_EXPECT_LT(test, block->nr_owned, DMAP_BLOCK_PAGES);
	KUNIT_EXPECT_EQ(test, get_pageblock_migratetype(foreign), MIGRATE_ISOLATE);

	for (i = 256; i < 384; i++)
		__free_page(foreign + i);
	captured = events(DMAP_CAPTURE);
	for (i = 0; i < ENOUGH && events(DMAP_CAPTURE) == captured; i++)
		alloc_many(&list, 1);
	KUNIT_EXPECT_GE(test, events(DMAP_CAPTURE) - captured, 128);
	KUNIT_EXPECT_GE(test, block->nr_owned, 378);
	kunit_deactivate_static_stub(test, dmap_buddy_alloc);

	free_many(&list);
	dmap_drain_all();
	KUNIT_EXPECT_NULL(test, dmap_block_of(pfn));
	KUNIT_EXPECT_LT(test, get_pageblock_migratetype(foreign), MIGRATE_PCPTYPES);
	for (i = 384; i < DMAP_BLOCK_PAGES; i++)
		__free_page(foreign + i);
	page = alloc_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_EXPECT_FALSE(test, PageDmap(page));
	__free_page(page);
}

/*
 * Regression: harvest took pages from ranges that somebody else had isolated,
 * and memory that was to go offline never did.
 */
static void test_harvest_leaves_isolated_ranges(struct kunit *test)
{
	struct page *page = alloc_pages(GFP_KERNEL, DMAP_BLOCK_ORDER);
	DECLARE_BITMAP(pages, DMAP_BLOCK_PAGES) = {};
	unsigned long pfn;
	u8 migratetype;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, page);
	pfn = page_to_pfn(page);
	split_page(page, DMAP_BLOCK_ORDER);
	KUNIT_ASSERT_TRUE(test, dmap_buddy_close(pfn, &migratetype));
	for (i = 1; i < DMAP_BLOCK_PAGES; i++)
		__free_page(page + i);
	KUNIT_EXPECT_EQ(test, dmap_buddy_harvest(pfn, false, pages), 0);
	KUNIT_EXPECT_TRUE(test, bitmap_empty(pages, DMAP_BLOCK_PAGES));
	KUNIT_EXPECT_FALSE(test, dmap_buddy_close(pfn, &migratetype));
	dmap_buddy_reopen(pfn, migratetype);
	KUNIT_EXPECT_EQ(test, get_pageblock_migratetype(page), migratetype);
	__free_page(page);
}

/*
 * Regression: while somebody held a reference for a moment, the tails of pages
 * that were to become idle were lost.
 */
static void test_freeze_gives_up_busy_pages(struct kunit *test)
{
	struct page *page = alloc_pages(GFP_KERNEL, 2);
	struct page *tail;
	bool frozen;

	KUNIT_ASSERT_NOT_NULL(test, page);
	get_page(page);
	preempt_disable();	/* nobody takes them off this CPU's list */
	frozen = dmap_buddy_freeze(page, 2);
	tail = alloc_page(GFP_NOWAIT);
	preempt_enable();
	KUNIT_EXPECT_FALSE(test, frozen);
	/* The last tail to go is the first page to come. */
	KUNIT_EXPECT_PTR_EQ(test, tail, page + 1);
	/* The head goes with its last reference. */
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	put_page(page);
	if (tail)
		__free_page(tail);
}

/*
 * Every step of a refill fails in turn: the Nth call of any of them, and with
 * "for ever" all from the Nth on.
 */
static struct {
	int left;
	bool forever;
	int hits;
} fault;

static bool fails_now(void)
{
	if (fault.left > 1) {
		fault.left--;
		return false;
	}
	if (!fault.left)
		return false;
	if (!fault.forever)
		fault.left = 0;
	fault.hits++;
	return true;
}

static struct dmap_block *failing_alloc_block(gfp_t gfp)
{
	if (fails_now())
		return NULL;
	return kmem_cache_zalloc(dmap_block_cache, gfp);
}

static int failing_enter_block(struct dmap_block *block)
{
	if (fails_now())
		return -ENOMEM;
	return xa_insert(&dmap_blocks, block->pfn >> DMAP_BLOCK_ORDER, block,
			 GFP_ATOMIC | __GFP_NOWARN);
}

static int failing_split_range(unsigned long pfn, struct page **tables)
{
	if (fails_now())
		return -ENOMEM;
	return arch_dmap_split(pfn, tables);
}

static bool no_whole;

static struct page *failing_buddy_alloc(gfp_t gfp, unsigned int order, int nid,
					const nodemask_t *nodemask)
{
	if (fails_now())
		return NULL;
	if (no_whole)
		return no_whole_block(gfp, order, nid, nodemask);
	return __alloc_pages_noprof(gfp, order, nid, (nodemask_t *)nodemask);
}

static void refill_with_faults(struct kunit *test, bool forever)
{
	struct books *books = test->priv;
	unsigned long owned;
	struct page *page;
	bool failed = false;
	LIST_HEAD(list);
	int nth;

	/* From here on each request of one page needs a refill. */
	while (dmap_class_fits(books->class, 0))
		KUNIT_ASSERT_EQ(test, alloc_many(&list, 1), 1);

	kunit_activate_static_stub(test, dmap_alloc_block, failing_alloc_block);
	kunit_activate_static_stub(test, dmap_enter_block, failing_enter_block);
	kunit_activate_static_stub(test, dmap_split_range, failing_split_range);
	kunit_activate_static_stub(test, dmap_buddy_alloc, failing_buddy_alloc);
	for (nth = 1; nth < 100; nth++) {
		owned = books->class->nr_owned;
		fault.left = nth;
		fault.forever = forever;
		fault.hits = 0;
		page = alloc_page(GFP_KERNEL | __GFP_PTE_MAPPED);
		fault.left = 0;
		KUNIT_EXPECT_TRUE(test, dmap_class_valid(books->class));
		if (!page) {
			failed = true;
			KUNIT_EXPECT_EQ(test, books->class->nr_owned, owned);
			continue;
		}
		KUNIT_EXPECT_TRUE(test, PageDmap(page));
		__free_page(page);
		if (!fault.hits)
			break;
		/* Served all the same; the next round starts from nothing too. */
		dmap_drain_all();
	}
	kunit_deactivate_static_stub(test, dmap_alloc_block);
	kunit_deactivate_static_stub(test, dmap_enter_block);
	kunit_deactivate_static_stub(test, dmap_split_range);
	kunit_deactivate_static_stub(test, dmap_buddy_alloc);
	KUNIT_EXPECT_GT(test, nth, 4);
	KUNIT_EXPECT_LT(test, nth, 100);
	KUNIT_EXPECT_EQ(test, failed, forever);
	free_many(&list);
}

static void test_refill_survives_each_fault(struct kunit *test)
{
	no_whole = false;
	refill_with_faults(test, false);
}

static void test_refill_fails_cleanly(struct kunit *test)
{
	no_whole = false;
	refill_with_faults(test, true);
}

static void test_fallback_survives_each_fault(struct kunit *test)
{
	no_whole = true;
	refill_with_faults(test, false);
	no_whole = false;
}

static void test_fallback_fails_cleanly(struct kunit *test)
{
	no_whole = true;
	refill_with_faults(test, true);
	no_whole = false;
}

/* No refill where it may not sleep: idle pages, or NULL. */
static void test_atomic_takes_idle_pages_only(struct kunit *test)
{
	struct books *books = test->priv;
	unsigned long blocks;
	struct page *page;
	LIST_HEAD(list);

	KUNIT_ASSERT_EQ(test, alloc_many(&list, 1), 1);
	while (dmap_class_fits(books->class, 0))
		KUNIT_ASSERT_EQ(test, alloc_many(&list, 1), 1);
	blocks = books->class->nr_blocks;
	preempt_disable();
	page = alloc_page(GFP_ATOMIC | __GFP_PTE_MAPPED | __GFP_NOWARN);
	preempt_enable();
	KUNIT_EXPECT_NULL(test, page);
	KUNIT_EXPECT_EQ(test, books->class->nr_blocks, blocks);

	__free_page(pop_page(&list));
	preempt_disable();
	page = alloc_page(GFP_ATOMIC | __GFP_PTE_MAPPED);
	preempt_enable();
	KUNIT_EXPECT_NOT_NULL(test, page);
	if (page)
		__free_page(page);
	free_many(&list);
}

static int hammer(void *arg)
{
	struct completion *done = arg;
	LIST_HEAD(list);
	int i, failures = 0;

	for (i = 0; i < 50; i++) {
		if (alloc_many(&list, 300 + 10 * i) != 300 + 10 * i)
			failures++;
		free_many(&list);
		cond_resched();
	}
	complete(done);
	return failures;
}

/* Two tasks take and free while a third drains under their feet. */
static void test_drain_against_alloc(struct kunit *test)
{
	struct completion done[2];
	struct task_struct *task[2];
	int i;

	for (i = 0; i < 2; i++) {
		init_completion(&done[i]);
		task[i] = kthread_create(hammer, &done[i], "dmap-hammer/%d", i);
		KUNIT_ASSERT_FALSE(test, IS_ERR(task[i]));
		get_task_struct(task[i]);
		wake_up_process(task[i]);
	}
	while (!completion_done(&done[0]) || !completion_done(&done[1])) {
		dmap_drain_all();
		schedule_timeout_uninterruptible(1);
	}
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, kthread_stop(task[i]), 0);
		put_task_struct(task[i]);
	}
}

static struct kunit_case cache_cases[] = {
	KUNIT_CASE(test_both_doors),
	KUNIT_CASE(test_orders),
	KUNIT_CASE(test_lifetimes_are_apart),
	KUNIT_CASE(test_split_pages_come_back),
	KUNIT_CASE(test_zones_are_not_guessed),
	KUNIT_CASE(test_bulk_gets_cache_pages),
	KUNIT_CASE(test_blocks_held_and_given_back),
	KUNIT_CASE(test_fallback_harvests_and_captures),
	KUNIT_CASE(test_capture_catches_and_ends),
	KUNIT_CASE(test_harvest_leaves_isolated_ranges),
	KUNIT_CASE(test_freeze_gives_up_busy_pages),
	KUNIT_CASE(test_refill_survives_each_fault),
	KUNIT_CASE(test_refill_fails_cleanly),
	KUNIT_CASE(test_fallback_survives_each_fault),
	KUNIT_CASE(test_fallback_fails_cleanly),
	KUNIT_CASE(test_atomic_takes_idle_pages_only),
	KUNIT_CASE_SLOW(test_drain_against_alloc),
	{}
};

static struct kunit_suite cache_suite = {
	.name = "dmap-cache",
	.init = cache_init,
	.exit = cache_exit,
	.test_cases = cache_cases,
};

kunit_test_suites(&block_suite, &cache_suite);
