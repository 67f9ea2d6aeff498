// SPDX-License-Identifier: GPL-2.0
/*
 * The cache on the modelled machine: what its users rely on, each failure of an
 * allocation in turn, and the bugs that were found, so that they stay away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common.h"

#define MANY	1200	/* more than two blocks */

static struct page *pages[MANY];

static void boot_with(const char *options)
{
	struct machine_config config = machine_small;

	config.options = options;
	machine_boot(&config);
}

static unsigned long gauge(enum node_stat_item item)
{
	return global_node_page_state(item);
}

static unsigned int alloc_many(unsigned int nr, gfp_t gfp)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		pages[i] = dmap_alloc(DMAP_PTE, gfp, 0, NUMA_NO_NODE);
		if (!pages[i])
			break;
	}
	return i;
}

static void free_many(unsigned int nr)
{
	while (nr)
		dmap_free(pages[--nr], 0);
}

/*
 * Fill node 0 with other users' single pages, what reclaim finds there too;
 * returns how many.
 */
static unsigned int fill_memory(struct page ***filler)
{
	unsigned int nr = 0, room = machine_free_pages(0) + 4 * MANY;
	struct page *page;

	*filler = calloc(room, sizeof(**filler));
	assert_non_null(*filler);
	while ((page = machine_foreign_alloc(0, 0, false))) {
		assert_in_range(nr, 0, room - 1);
		(*filler)[nr++] = page;
		if (page_to_nid(page))
			break;
	}
	return nr;
}

static void empty_memory(struct page **filler, unsigned int nr)
{
	while (nr)
		machine_foreign_free(filler[--nr], 0);
	free(filler);
}

static void fill_with_cache(void)
{
	while (machine_free_pages(0) > 64 && machine_foreign_alloc(0, 0, true))
		;
}

/* What its users rely on */

static void test_page_is_of_a_block_and_mapped_small(void **state)
{
	struct page *page = dmap_alloc(DMAP_PTE, GFP_USER, 0, NUMA_NO_NODE);

	assert_non_null(page);
	assert_true(PageDmap(page));
	assert_int_equal(page_ref_count(page), 1);
	assert_non_null(dmap_block_of(page_to_pfn(page)));
	assert_int_equal(arch_dmap_level(page_to_pfn(page)), PG_LEVEL_4K);
	dmap_free(page, 0);
	assert_false(PageDmap(page));
}

static void test_both_doors_and_all_orders(void **state)
{
	unsigned int order;
	struct page *page;

	for (order = 0; order <= DMAP_BLOCK_ORDER; order++) {
		page = alloc_pages(GFP_KERNEL | __GFP_PTE_MAPPED, order);
		assert_non_null(page);
		assert_true(IS_ALIGNED(page_to_pfn(page), 1UL << order));
		__free_pages(page, order);
		page = alloc_pages(GFP_USER | __GFP_COMP | __GFP_PTE_MAPPED, order);
		assert_non_null(page);
		put_page(page);
	}
	assert_null(alloc_pages(GFP_KERNEL | __GFP_NOWARN | __GFP_PTE_MAPPED,
				DMAP_BLOCK_ORDER + 1));
	assert_int_equal(gauge(NR_DMAP_LIVE), 0);
}

static void test_other_pages_are_left_alone(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 0);

	assert_non_null(page);
	assert_false(PageDmap(page));
	assert_null(dmap_block_of(page_to_pfn(page)));
	__free_pages(page, 0);
	assert_int_equal(event(DMAP_ALLOC), event(DMAP_FREE));
}

static void test_unknown_class_gets_nothing(void **state)
{
	assert_null(dmap_alloc((enum dmap_class_id)(DMAP_PTE + 77), GFP_KERNEL,
			       0, NUMA_NO_NODE));
}

static void test_zones_are_not_guessed(void **state)
{
	unsigned long failed = event(DMAP_ALLOC_FAIL);

	assert_null(dmap_alloc(DMAP_PTE, GFP_KERNEL | __GFP_DMA32, 0, 0));
	assert_null(dmap_alloc(DMAP_PTE, GFP_KERNEL | __GFP_DMA, 0, 0));
	assert_int_equal(event(DMAP_ALLOC_FAIL), failed + 2);
}

static void test_large_mappings_lost_are_few_and_come_back(void **state)
{
	unsigned long before = machine_lost_2m();
	unsigned int nr = alloc_many(MANY, GFP_USER);

	assert_int_equal(nr, MANY);
	assert_int_equal(machine_lost_2m() - before,
			 DIV_ROUND_UP(MANY, DMAP_BLOCK_PAGES));
	free_many(nr);
	assert_true(machine_lost_2m() > before);	/* not at once */
	machine_settle();
	assert_int_equal(machine_lost_2m(), before);
	assert_int_equal(gauge(NR_DMAP_BLOCKS), 1);	/* the kernel's own */
}

static void test_sparse_blocks_run_empty(void **state)
{
	unsigned int i, nr = alloc_many(2 * DMAP_BLOCK_PAGES, GFP_USER);
	struct page *page;

	/* The second block keeps one page; what is allocated goes to the first. */
	for (i = 0; i < 100; i++)
		dmap_free(pages[i], 0);
	for (i = DMAP_BLOCK_PAGES; i < nr - 1; i++)
		dmap_free(pages[i], 0);
	page = dmap_alloc(DMAP_PTE, GFP_USER, 0, NUMA_NO_NODE);
	assert_ptr_equal(dmap_block_of(page_to_pfn(page)),
			 dmap_block_of(page_to_pfn(pages[200])));
	dmap_free(page, 0);
	dmap_free(pages[nr - 1], 0);
	for (i = 100; i < DMAP_BLOCK_PAGES; i++)
		dmap_free(pages[i], 0);
}

/* Large runs make a block the fullest that was not. */
static void test_fullest_block_serves_whatever_filled_it(void **state)
{
	struct page *runs[9], *page;
	unsigned int i;

	assert_int_equal(alloc_many(DMAP_BLOCK_PAGES, GFP_USER), DMAP_BLOCK_PAGES);
	for (i = 0; i < DMAP_BLOCK_PAGES; i += 2)
		dmap_free(pages[i], 0);
	for (i = 0; i < ARRAY_SIZE(runs); i++)
		runs[i] = dmap_alloc(DMAP_PTE, GFP_USER, 5, NUMA_NO_NODE);
	machine_check();
	page = dmap_alloc(DMAP_PTE, GFP_USER, 0, NUMA_NO_NODE);
	assert_ptr_equal(dmap_block_of(page_to_pfn(page)),
			 dmap_block_of(page_to_pfn(runs[0])));
	dmap_free(page, 0);
	while (i)
		dmap_free(runs[--i], 5);
	for (i = 1; i < DMAP_BLOCK_PAGES; i += 2)
		dmap_free(pages[i], 0);
}

/* A search that failed is made again when a page has come back. */
static void test_run_is_found_when_it_is_whole_again(void **state)
{
	struct page *other, *run;

	assert_int_equal(alloc_many(DMAP_BLOCK_PAGES, GFP_USER), DMAP_BLOCK_PAGES);
	dmap_free(pages[0], 0);
	dmap_free(pages[3], 0);		/* two pages, and no pair */
	other = dmap_alloc(DMAP_PTE, GFP_USER, 1, NUMA_NO_NODE);
	assert_ptr_not_equal(other, pages[0]);
	dmap_free(pages[1], 0);
	run = dmap_alloc(DMAP_PTE, GFP_USER, 1, NUMA_NO_NODE);
	assert_ptr_equal(run, pages[0]);
	dmap_free(run, 1);
	dmap_free(other, 1);
	dmap_free(pages[2], 0);
	memmove(pages, pages + 4, (DMAP_BLOCK_PAGES - 4) * sizeof(*pages));
	free_many(DMAP_BLOCK_PAGES - 4);
}

static void test_lifetimes_are_apart(void **state)
{
	struct page *user = dmap_alloc(DMAP_PTE, GFP_USER, 0, NUMA_NO_NODE);
	struct page *kernel = dmap_alloc(DMAP_PTE, GFP_KERNEL, 0, NUMA_NO_NODE);

	assert_ptr_not_equal(dmap_block_of(page_to_pfn(user)),
			     dmap_block_of(page_to_pfn(kernel)));
	dmap_free(user, 0);
	dmap_free(kernel, 0);
}

static void test_atomic_takes_idle_pages_only(void **state)
{
	unsigned long refills = event(DMAP_REFILL);
	struct page *page;

	assert_null(dmap_alloc(DMAP_PTE, GFP_ATOMIC | __GFP_HARDWALL, 0, 0));
	assert_int_equal(event(DMAP_REFILL), refills);
	page = dmap_alloc(DMAP_PTE, GFP_USER, 0, 0);
	dmap_free(page, 0);
	page = dmap_alloc(DMAP_PTE, GFP_ATOMIC | __GFP_HARDWALL, 0, 0);
	assert_non_null(page);
	dmap_free(page, 0);
}

static void test_nodes_are_respected(void **state)
{
	struct machine_config config = machine_small;
	struct page *page;
	int nid;

	config.nr_nodes = 8;
	config.nr_cpus = 8;
	machine_boot(&config);
	for (nid = 0; nid < 8; nid++) {
		page = dmap_alloc(DMAP_PTE, GFP_USER | __GFP_THISNODE, 0, nid);
		assert_non_null(page);
		assert_int_equal(page_to_nid(page), nid);
		dmap_free(page, 0);
	}
	machine_shutdown();
}

static void test_next_node_serves_when_one_is_full(void **state)
{
	struct machine_config config = machine_small;
	struct page **filler, *page;
	unsigned int nr, more = 0;

	config.nr_nodes = 2;
	machine_boot(&config);
	nr = fill_memory(&filler);
	page = dmap_alloc(DMAP_PTE, GFP_USER, 0, 0);
	assert_non_null(page);
	assert_int_equal(page_to_nid(page), 1);
	dmap_free(page, 0);
	/* Reclaim goes below the marks for who insists; never to another node. */
	while ((page = dmap_alloc(DMAP_PTE, GFP_USER | __GFP_THISNODE |
				  __GFP_NOWARN | __GFP_NORETRY, 0, 0))) {
		assert_int_equal(page_to_nid(page), 0);
		assert_in_range(more, 0, MANY - 1);
		pages[more++] = page;
	}
	free_many(more);
	empty_memory(filler, nr);
	machine_shutdown();
}

/* Boot options */

static void test_off_leaves_everything_alone(void **state)
{
	boot_with("dmap=off");
	assert_false(dmap_enabled());
	assert_int_equal(dmap_gfp(), 0);
	assert_null(dmap_alloc(DMAP_PTE, GFP_KERNEL | __GFP_NOWARN, 0, 0));
	assert_int_equal(machine_stats.splits_2m, 0);
	machine_shutdown();
}

static void test_bad_options_mean_defaults(void **state)
{
	static const char * const bad[] = {
		"dmap=bogus", "dmap", "dmap_reserve=bogus", "dmap_reserve=900G",
		"dmap_reserve=4Mx", "dmap_reserve",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		boot_with(bad[i]);
		assert_true(dmap_enabled());
		assert_int_equal(dmap_reserve_pages, 0);
		machine_shutdown();
	}
}

static void test_reserve_is_kept_and_yields_to_pressure(void **state)
{
	struct page **filler;
	unsigned int nr;

	boot_with("dmap_reserve=4M");
	machine_settle();
	assert_int_equal(dmap_reserve_pages, 2 * DMAP_BLOCK_PAGES);
	/* And a block for the kernel's own. */
	assert_int_equal(gauge(NR_DMAP_IDLE), 3 * DMAP_BLOCK_PAGES);
	nr = fill_memory(&filler);
	assert_int_equal(gauge(NR_DMAP_IDLE), 0);
	empty_memory(filler, nr);
	machine_shutdown();
}

static void test_drain_all_takes_the_reserve(void **state)
{
	boot_with("dmap_reserve=4M");
	dmap_drain_all();
	assert_int_equal(gauge(NR_DMAP_BLOCKS), 0);
	machine_shutdown();
}

static void assert_off(void)
{
	machine_boot(&machine_small);
	assert_false(dmap_enabled());
	machine_shutdown();		/* makes the machine normal again */
}

static void test_unsupported_machine_is_off(void **state)
{
	boot_with("debug_pagealloc=on");
	assert_false(dmap_enabled());
	machine_shutdown();
	machine_quirks.no_pse = true;
	assert_off();
	machine_quirks.xen_pv = true;
	assert_off();
	machine_quirks.sev_snp = true;
	assert_off();
}

/* Ranges that must keep their small entries, or their large ones */

static void test_image_and_first_range_are_left_alone(void **state)
{
	struct page *tables[ARCH_DMAP_SPLIT_TABLES] = {};

	assert_false(arch_dmap_range_ok(PFN_DOWN(IMAGE_START)));
	assert_int_equal(arch_dmap_split(PFN_DOWN(IMAGE_START), tables),
			 -EOPNOTSUPP);
	assert_int_equal(arch_dmap_collapse(PFN_DOWN(IMAGE_START), true),
			 -EOPNOTSUPP);
	assert_int_equal(arch_dmap_collapse(0, true), -EOPNOTSUPP);
}

/* A block that went back without its large mapping; the first of its pages. */
static unsigned long block_that_stays_small(unsigned long before,
					    void (*oddity)(unsigned long pfn))
{
	struct page *page = dmap_alloc(DMAP_PTE, GFP_USER, 0, 0);
	unsigned long failed = event(DMAP_COLLAPSE_FAIL), pfn;

	pfn = ALIGN_DOWN(page_to_pfn(page), DMAP_BLOCK_PAGES);
	oddity(pfn);
	dmap_free(page, 0);
	machine_settle();
	assert_null(dmap_block_of(pfn));
	assert_int_equal(event(DMAP_COLLAPSE_FAIL), failed + 1);
	assert_int_equal(machine_lost_2m(), before + 1);
	return pfn;
}

static void kfence_pool_inside(unsigned long pfn)
{
	machine_quirks.kfence_pfn = pfn + 300;
	machine_quirks.kfence_pages = 4;
}

static void memory_type_changes_inside(unsigned long pfn)
{
	machine_quirks.mtrr_pfn = pfn + 100;
}

static void test_range_that_must_stay_small(void **state)
{
	static void (*const oddities[])(unsigned long pfn) = {
		kfence_pool_inside, memory_type_changes_inside,
	};
	unsigned long before = machine_lost_2m(), pfn;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(oddities); i++) {
		pfn = block_that_stays_small(before, oddities[i]);
		memset(&machine_quirks, 0, sizeof(machine_quirks));
		assert_int_equal(arch_dmap_collapse(pfn, true),
				 ARCH_DMAP_COLLAPSE_2M);
		assert_int_equal(machine_lost_2m(), before);
	}
}

/* A range with a page that is mapped in another way than the rest. */
static void test_rights_that_differ_bar_collapse(void **state)
{
	static const unsigned int rights[] = { 0, MAP_READ };
	struct page *page = dmap_alloc(DMAP_PTE, GFP_USER, 0, 0);
	unsigned long pfn = page_to_pfn(page), i;

	for (i = 0; i < ARRAY_SIZE(rights); i++) {
		machine_set_mapping(pfn, rights[i]);
		machine_flush_page(pfn);
		assert_int_equal(arch_dmap_collapse(ALIGN_DOWN(pfn, DMAP_BLOCK_PAGES),
						    true), -EBUSY);
		assert_int_equal(machine_mapping(pfn), rights[i]);
	}
	machine_set_mapping(pfn, MAP_READ | MAP_WRITE);
	machine_flush_page(pfn);
	dmap_free(page, 0);
}

static void test_gib_comes_back_unless_something_is_in_it(void **state)
{
	struct machine_config config = machine_small;
	unsigned long m2, before, now, pfn, gib;
	struct page *page;

	config.nr_nodes = 2;		/* the first GiB has no entry of its own */
	config.node_mib = 2048;
	machine_boot(&config);
	dmap_drain_all();
	machine_direct_map(&m2, &before);
	page = dmap_alloc(DMAP_PTE, GFP_USER, 0, 1);
	pfn = ALIGN_DOWN(page_to_pfn(page), DMAP_BLOCK_PAGES);
	gib = ALIGN_DOWN(pfn, PUD_SIZE >> PAGE_SHIFT);
	machine_quirks.reserved_pfn = gib + 1;
	machine_quirks.reserved_pages = 1;
	dmap_free(page, 0);
	dmap_drain_all();
	machine_direct_map(&m2, &now);
	assert_int_equal(now, before - 1);
	machine_quirks.reserved_pages = 0;
	machine_quirks.mtrr_pfn = gib + DMAP_BLOCK_PAGES;
	assert_int_equal(arch_dmap_collapse(pfn, true), 0);
	machine_quirks.mtrr_pfn = 0;
	assert_int_equal(arch_dmap_collapse(pfn, true), ARCH_DMAP_COLLAPSE_1G);
	machine_shutdown();
}

/* Fragmented memory and captures */

static void test_fallback_opens_the_emptiest_range(void **state)
{
	unsigned int most = 0, nr;
	unsigned long pfn, best = 0;
	struct page *page;
	int order;

	dmap_drain_all();
	machine_fragment(0, 8);
	/* That there are no large runs says nothing about small ones. */
	assert_null(dmap_alloc(DMAP_PTE, GFP_USER | __GFP_NOWARN | __GFP_NORETRY,
			       6, 0));
	for (pfn = dmap_buddy_next(0, 0); pfn != ULONG_MAX;
	     pfn = dmap_buddy_next(0, pfn + DMAP_BLOCK_PAGES)) {
		nr = dmap_buddy_count(pfn, &order);
		if (!dmap_block_of(pfn) && nr > most) {
			most = nr;
			best = pfn;
		}
	}
	page = dmap_alloc(DMAP_PTE, GFP_USER, 0, 0);
	assert_int_equal(dmap_block_of(page_to_pfn(page))->nr_owned, most);
	assert_non_null(dmap_block_of(best));
	dmap_free(page, 0);
	machine_unfragment();
}

static void test_fallback_takes_all_of_a_range(void **state)
{
	unsigned long before = machine_lost_2m(), free_pages, fewest;
	unsigned int nr;

	machine_fragment(0, 8);
	assert_int_equal(machine_free_runs(0, DMAP_BLOCK_ORDER), 0);
	free_pages = machine_free_pages(0);
	fewest = DIV_ROUND_UP(200, DMAP_BLOCK_PAGES / 8);
	nr = alloc_many(200, GFP_USER);
	assert_int_equal(nr, 200);
	assert_true(free_pages > 200);
	assert_true(event(DMAP_REFILL_FALLBACK) > 0);
	assert_true(machine_lost_2m() - before <= fewest + 1);
	free_many(nr);
	machine_unfragment();
}

static unsigned int captures(void)
{
	unsigned int nr = 0;
	const char *line;

	for (line = machine_debugfs_read("dmap/blocks");
	     (line = strstr(line, " yes")); line++)
		nr++;
	return nr;
}

static void test_capture_fills_a_block_and_ends(void **state)
{
	unsigned int nr;

	machine_fragment(0, 8);
	nr = alloc_many(40, GFP_USER);
	assert_int_equal(nr, 40);
	machine_unfragment();		/* into the closed range, among others */
	pages[nr] = dmap_alloc(DMAP_PTE, GFP_USER, 5, NUMA_NO_NODE);
	assert_non_null(pages[nr]);
	assert_true(event(DMAP_CAPTURE) > 0);
	dmap_free(pages[nr], 5);
	machine_pass_time(30 * HZ);
	assert_int_equal(captures(), 0);
	free_many(nr);
}

static void test_captures_are_bounded(void **state)
{
	struct machine_config config = machine_small;
	unsigned int nr;

	config.node_mib = 1024;		/* 511 ranges: page frame 0 is no page */
	machine_boot(&config);
	machine_fragment(0, 8);		/* enough that reclaim ends none */
	nr = alloc_many(600, GFP_USER);
	assert_int_equal(nr, 600);
	assert_true(gauge(NR_DMAP_BLOCKS) > 4);
	assert_int_equal(machine_stats.reclaims, 0);
	assert_int_equal(captures(), 3);	/* one in 128 */
	free_many(nr);
	machine_unfragment();
	machine_shutdown();
}

static void test_everything_idle_goes_before_null(void **state)
{
	unsigned int nr = alloc_many(MANY, GFP_USER), filled;
	struct page **filler;

	free_many(nr);
	assert_true(gauge(NR_DMAP_IDLE) >= MANY);
	filled = fill_memory(&filler);
	assert_int_equal(gauge(NR_DMAP_IDLE), 0);
	empty_memory(filler, filled);
}

static void test_captures_end_under_pressure(void **state)
{
	unsigned int nr, filled;
	struct page **filler;

	dmap_drain_all();	/* captures alone make the shrinker run */
	machine_fragment(0, 8);
	nr = alloc_many(40, GFP_USER);
	assert_int_equal(captures(), 1);
	filled = fill_memory(&filler);
	assert_int_equal(captures(), 0);
	empty_memory(filler, filled);
	free_many(nr);
	machine_unfragment();
}

static void test_reclaim_takes_what_it_needs(void **state)
{
	static struct page *filler[1 << 14];
	unsigned long blocks;
	unsigned int nr = 0;

	free_many(alloc_many(MANY, GFP_USER));
	blocks = gauge(NR_DMAP_BLOCKS);
	assert_int_equal(blocks, 4);
	while (gauge(NR_DMAP_BLOCKS) == blocks) {
		assert_in_range(nr, 0, ARRAY_SIZE(filler) - 1);
		filler[nr] = machine_foreign_alloc(0, 0, false);
		assert_non_null(filler[nr++]);
	}
	assert_int_equal(gauge(NR_DMAP_BLOCKS), blocks - 1);
	while (nr)
		machine_foreign_free(filler[--nr], 0);
}

static void test_page_cache_is_reclaimed_for_tables(void **state)
{
	unsigned int nr;

	fill_with_cache();
	nr = alloc_many(100, GFP_USER);
	assert_int_equal(nr, 100);
	free_many(nr);
}

/* The rules of the page allocator, kept by mm/dmap/buddy.c */

/* 512 single pages of one range; its pageblock is unmovable. */
static unsigned long range_of_pages(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, DMAP_BLOCK_ORDER);

	assert_non_null(page);
	split_page(page, DMAP_BLOCK_ORDER);
	return page_to_pfn(page);
}

static void free_pages_of(unsigned long pfn, unsigned int from, unsigned int to)
{
	for (; from < to; from++)
		__free_page(pfn_to_page(pfn + from));
}

static void test_harvest_stops_where_the_zone_is_low(void **state)
{
	static unsigned long taken[32][BITS_TO_LONGS(DMAP_BLOCK_PAGES)];
	unsigned long pfn, harvested = 0, *pages;
	struct zone *zone;

	machine_fragment(0, 32);
	for (pfn = dmap_buddy_next(0, 0); pfn != ULONG_MAX;
	     pfn = dmap_buddy_next(0, pfn + DMAP_BLOCK_PAGES)) {
		zone = page_zone(pfn_to_page(pfn));
		pages = taken[pfn / DMAP_BLOCK_PAGES];
		bitmap_zero(pages, DMAP_BLOCK_PAGES);
		harvested += dmap_buddy_harvest(pfn, false, pages);
		assert_true(zone_page_state(zone, NR_FREE_PAGES) >=
			    low_wmark_pages(zone));
	}
	assert_true(harvested > 0);
	for (pfn = dmap_buddy_next(0, 0); pfn != ULONG_MAX;
	     pfn = dmap_buddy_next(0, pfn + DMAP_BLOCK_PAGES))
		dmap_buddy_give(pfn, taken[pfn / DMAP_BLOCK_PAGES]);
	machine_unfragment();
}

static void test_harvest_knows_who_closed_a_range(void **state)
{
	unsigned long pfn = range_of_pages();
	DECLARE_BITMAP(pages, DMAP_BLOCK_PAGES) = {};
	u8 migratetype;

	free_pages_of(pfn, 1, DMAP_BLOCK_PAGES);
	/* Open, where the caller believes that it is closed. */
	assert_int_equal(dmap_buddy_harvest(pfn, true, pages), 0);
	/* Closed, where the caller believes that it is open. */
	assert_true(dmap_buddy_close(pfn, &migratetype));
	assert_int_equal(dmap_buddy_harvest(pfn, false, pages), 0);
	assert_true(bitmap_empty(pages, DMAP_BLOCK_PAGES));
	dmap_buddy_reopen(pfn, migratetype);
	free_pages_of(pfn, 0, 1);
}

static void test_pageblock_keeps_its_type(void **state)
{
	unsigned long pfn = range_of_pages();
	DECLARE_BITMAP(pages, DMAP_BLOCK_PAGES) = {};
	struct page *page = pfn_to_page(pfn);
	u8 migratetype;

	assert_int_equal(get_pageblock_migratetype(page), MIGRATE_UNMOVABLE);
	/* A run of half a pageblock: taking it makes a pageblock movable. */
	free_pages_of(pfn, 0, DMAP_BLOCK_PAGES / 2);
	assert_int_equal(dmap_buddy_harvest(pfn, false, pages),
			 DMAP_BLOCK_PAGES / 2);
	assert_int_equal(get_pageblock_migratetype(page), MIGRATE_UNMOVABLE);
	assert_true(dmap_buddy_close(pfn, &migratetype));
	dmap_buddy_reopen(pfn, migratetype);
	assert_int_equal(get_pageblock_migratetype(page), MIGRATE_UNMOVABLE);
	dmap_buddy_give(pfn, pages);
	free_pages_of(pfn, DMAP_BLOCK_PAGES / 2, DMAP_BLOCK_PAGES);
}

/* Locks that are not to be had */

static void test_drain_tries_again_when_a_cpu_comes(void **state)
{
	unsigned long before = machine_lost_2m();

	free_many(alloc_many(3, GFP_USER));
	machine_hotplug_begin();
	machine_pass_time(5 * HZ);
	assert_true(machine_lost_2m() > before);
	assert_true(gauge(NR_DMAP_IDLE) > DMAP_BLOCK_PAGES);
	machine_hotplug_end();
	machine_settle();
	assert_int_equal(machine_lost_2m(), before);
}

static void test_offline_is_refused_while_a_block_cannot_go(void **state)
{
	struct page *page = dmap_alloc(DMAP_PTE, GFP_USER, 0, 0);
	unsigned long pfn = ALIGN_DOWN(page_to_pfn(page), DMAP_BLOCK_PAGES);

	dmap_free(page, 0);
	machine_hotplug_begin();
	assert_int_equal(machine_offline(pfn, DMAP_BLOCK_PAGES), -EBUSY);
	machine_hotplug_end();
	assert_int_equal(machine_offline(pfn, DMAP_BLOCK_PAGES), 0);
}

/* vmap() allocates tables with the lock held; reclaim must not wait for it. */
static void test_reclaim_does_not_wait_for_init_mm(void **state)
{
	unsigned long before = machine_lost_2m();
	unsigned int nr = alloc_many(MANY, GFP_USER);
	struct page **filler;

	free_many(nr);
	down_read(&init_mm.mmap_lock);
	nr = fill_memory(&filler);
	assert_true(gauge(NR_DMAP_IDLE) >= MANY);
	machine_check();
	up_read(&init_mm.mmap_lock);
	machine_settle();
	assert_int_equal(gauge(NR_DMAP_IDLE), DMAP_BLOCK_PAGES);
	assert_int_equal(machine_lost_2m(), before);
	empty_memory(filler, nr);
}

/* Somebody looks at a page for a moment, just when reclaim has brought it. */
static struct page *held;

static struct page *alloc_and_hold(gfp_t gfp, unsigned int order, int nid,
				   const nodemask_t *nodemask)
{
	struct page *page = __alloc_pages_noprof(gfp, order, nid,
						 (nodemask_t *)nodemask);

	/* Supplies and whole blocks are asked for without this flag. */
	if (page && !held && gfp & __GFP_HARDWALL) {
		held = page;
		get_page(page);
	}
	return page;
}

/* Nothing is to be had but by reclaim. */
static int split_when_held(unsigned long pfn, struct page **tables)
{
	return held ? arch_dmap_split(pfn, tables) : -ENOMEM;
}

static void test_held_page_does_not_become_a_block(void **state)
{
	unsigned long before = machine_lost_2m();
	struct page *page;

	held = NULL;
	kunit_set_stub(dmap_buddy_alloc, alloc_and_hold);
	kunit_set_stub(dmap_split_range, split_when_held);
	page = dmap_alloc(DMAP_PTE, GFP_USER, 0, 0);
	kunit_set_stub(dmap_buddy_alloc, NULL);
	kunit_set_stub(dmap_split_range, NULL);
	assert_non_null(page);
	assert_non_null(held);
	assert_ptr_not_equal(page, held);
	assert_false(PageDmap(held));
	assert_int_equal(page_ref_count(held), 1);
	/* With all that is free around it. */
	assert_true(dmap_block_of(page_to_pfn(page))->nr_owned > 1);
	machine_check();
	put_page(held);
	dmap_free(page, 0);
	machine_settle();
	assert_int_equal(machine_lost_2m(), before);
}

/* The direct map of a range cannot be split: each page that reclaim brings is no use. */
static int split_never(unsigned long pfn, struct page **tables)
{
	return -ENOMEM;
}

static void test_pages_of_no_use_are_given_back(void **state)
{
	unsigned long free_pages = machine_free_pages(0);

	kunit_set_stub(dmap_split_range, split_never);
	assert_null(dmap_alloc(DMAP_PTE, GFP_USER | __GFP_NOWARN, 0, 0));
	kunit_set_stub(dmap_split_range, NULL);
	assert_int_equal(machine_free_pages(0), free_pages);
	assert_int_equal(gauge(NR_DMAP_BLOCKS), 1);
}

/* More rounds than who may fail is given. */
static unsigned int refusals;

static struct page *alloc_after_refusals(gfp_t gfp, unsigned int order, int nid,
					 const nodemask_t *nodemask)
{
	if (refusals) {
		refusals--;
		return NULL;
	}
	return __alloc_pages_noprof(gfp, order, nid, (nodemask_t *)nodemask);
}

static void test_who_must_not_fail_does_not(void **state)
{
	struct page *page;

	kunit_set_stub(dmap_buddy_alloc, alloc_after_refusals);
	refusals = 100;
	assert_null(dmap_alloc(DMAP_PTE, GFP_USER | __GFP_NOWARN, 0, 0));
	refusals = 100;
	page = dmap_alloc(DMAP_PTE, GFP_USER | __GFP_NOFAIL, 0, 0);
	kunit_set_stub(dmap_buddy_alloc, NULL);
	assert_non_null(page);
	assert_int_equal(refusals, 0);
	dmap_free(page, 0);
}

/* Somebody holds a page of the whole block, and there is nothing else. */
static struct page *alloc_until_held(gfp_t gfp, unsigned int order, int nid,
				     const nodemask_t *nodemask)
{
	return held ? NULL : __alloc_pages_noprof(gfp, order, nid,
						  (nodemask_t *)nodemask);
}

static int split_and_hold(unsigned long pfn, struct page **tables)
{
	if (!held) {
		held = pfn_to_page(pfn);
		get_page(held);
	}
	return arch_dmap_split(pfn, tables);
}

static void test_abandoned_block_is_collapsed(void **state)
{
	unsigned long before = machine_lost_2m();

	held = NULL;
	kunit_set_stub(dmap_buddy_alloc, alloc_until_held);
	kunit_set_stub(dmap_split_range, split_and_hold);
	assert_null(dmap_alloc(DMAP_PTE, GFP_USER | __GFP_NOWARN, 0, 0));
	kunit_set_stub(dmap_buddy_alloc, NULL);
	kunit_set_stub(dmap_split_range, NULL);
	assert_non_null(held);
	assert_int_equal(machine_lost_2m(), before);
	put_page(held);
}

/* Bad frees */

static void test_foreign_page_is_refused(void **state)
{
	unsigned long bad = event(DMAP_BAD_FREE);
	struct page *page = alloc_pages(GFP_KERNEL, 0);

	dmap_free(page, 0);
	assert_int_equal(event(DMAP_BAD_FREE), bad + 1);
	assert_int_equal(page_ref_count(page), 1);
	__free_pages(page, 0);
}

static void test_too_long_a_free_is_refused(void **state)
{
	unsigned long bad = event(DMAP_BAD_FREE);
	struct page *page = dmap_alloc(DMAP_PTE, GFP_USER, 0, 0);
	unsigned long live = gauge(NR_DMAP_LIVE);

	dmap_free(page, 3);
	assert_int_equal(event(DMAP_BAD_FREE), bad + 1);
	assert_int_equal(gauge(NR_DMAP_LIVE), live);
	set_page_refcounted(page);	/* it was set aside: have it back */
	dmap_free(page, 0);
	assert_int_equal(gauge(NR_DMAP_LIVE), live - 1);
}

static void test_two_frees_at_once_are_told(void **state)
{
	unsigned long bad = event(DMAP_BAD_FREE);
	struct page *page = dmap_alloc(DMAP_PTE, GFP_USER, 0, 0);

	dmap_free(page, 0);
	dmap_free(page, 0);
	assert_int_equal(event(DMAP_BAD_FREE), bad + 1);
	/* The second past the mark: as if both had seen it. */
	__SetPageDmap(page);
	assert_true(dmap_divert(page, 0));
	__ClearPageDmap(page);
	assert_int_equal(event(DMAP_BAD_FREE), bad + 2);
}

/* What debugfs says */

static void test_debugfs(void **state)
{
	struct page *page = dmap_alloc(DMAP_PTE, GFP_USER, 0, 0);
	const char *text = machine_debugfs_read("dmap/blocks");
	char line[64];

	assert_ptr_equal(strstr(text, "# dmap blocks v1\n"), text);
	snprintf(line, sizeof(line), "\n0x%lx 0 pte-user 512 511 1 4K no\n",
		 ALIGN_DOWN(page_to_pfn(page), DMAP_BLOCK_PAGES));
	assert_non_null(strstr(text, line));
	assert_non_null(strstr(machine_debugfs_read("dmap/valid"), "valid"));
	assert_null(strstr(machine_debugfs_read("dmap/valid"), "BROKEN"));
	dmap_free(page, 0);
}

/* Each allocation fails in turn */

static void scenario_few(void)
{
	free_many(alloc_many(3, GFP_USER | __GFP_NOWARN));
	dmap_drain_all();
}

static void scenario_many(void)
{
	unsigned int nr = alloc_many(MANY, GFP_KERNEL | __GFP_NOWARN);

	free_many(nr / 2);
	memmove(pages, pages + nr / 2, (nr - nr / 2) * sizeof(*pages));
	free_many(nr - nr / 2);
	machine_settle();
}

static void scenario_orders(void)
{
	unsigned int order;
	struct page *page;

	for (order = 0; order <= DMAP_BLOCK_ORDER; order++) {
		page = dmap_alloc(DMAP_PTE, GFP_USER | __GFP_NOWARN, order, 0);
		if (page)
			dmap_free(page, order);
	}
}

static void scenario_fragmented(void)
{
	free_many(alloc_many(100, GFP_USER | __GFP_NOWARN));
	machine_settle();
}

static void scenario_reclaim(void)
{
	free_many(alloc_many(30, GFP_USER | __GFP_NOWARN));
}

static void fault_in_turn(void (*before)(void), void (*scenario)(void),
			  void (*after)(void))
{
	unsigned long nth, failed;

	for (nth = 1; ; nth++) {
		machine_boot(&machine_small);
		if (before)
			before();
		machine_fail_nth(nth);
		scenario();
		failed = machine_failed();
		machine_fail_nth(0);
		machine_check();
		if (after)
			after();
		machine_shutdown();
		if (!failed)
			break;
	}
	/* At least the descriptor, two tables and the block itself. */
	assert_true(nth > 4);
}

static void fragment(void)
{
	machine_fragment(0, 8);
}

static void test_faults_few(void **state)
{
	fault_in_turn(NULL, scenario_few, NULL);
}

static void test_faults_many(void **state)
{
	fault_in_turn(NULL, scenario_many, NULL);
}

static void test_faults_orders(void **state)
{
	fault_in_turn(NULL, scenario_orders, NULL);
}

static void test_faults_fragmented(void **state)
{
	fault_in_turn(fragment, scenario_fragmented, machine_unfragment);
}

static void test_faults_reclaim(void **state)
{
	fault_in_turn(fill_with_cache, scenario_reclaim, NULL);
}

/* Bugs that were found */

/*
 * Bug: idle pages with bad memory were handed out, and went back to the free
 * lists with their block. Looked like: a page that memory failure had taken
 * came back from alloc_pages().
 */
static void test_regression_poisoned_idle_pages(void **state)
{
	struct page *page = dmap_alloc(DMAP_PTE, GFP_USER, 0, 0);
	unsigned long bad = page_to_pfn(page), i;

	dmap_free(page, 0);
	machine_poison(bad);
	for (i = 0; i < DMAP_BLOCK_PAGES - 1; i++) {
		pages[i] = dmap_alloc(DMAP_PTE, GFP_USER, 0, 0);
		assert_int_not_equal(page_to_pfn(pages[i]), bad);
	}
	free_many(i);
	machine_settle();
	assert_false(PageBuddy(pfn_to_page(bad)));
}

static void test_poisoned_idle_page_stays_when_its_block_goes(void **state)
{
	unsigned long free = machine_free_pages(0), bad;
	struct page *page = dmap_alloc(DMAP_PTE, GFP_USER, 0, 0);

	bad = page_to_pfn(page) + 7;
	dmap_free(page, 0);
	machine_poison(bad);
	machine_settle();
	assert_null(dmap_block_of(bad));
	assert_int_equal(machine_free_pages(0), free - 1);
}

/*
 * Bug: page isolation waited for ever for idle pages, which nobody drained.
 * Looked like: memory offlining that never ended.
 */
static void test_regression_offline_drains_idle_pages(void **state)
{
	struct page *page = dmap_alloc(DMAP_PTE, GFP_USER, 0, 0);
	unsigned long pfn = ALIGN_DOWN(page_to_pfn(page), DMAP_BLOCK_PAGES);

	assert_int_equal(machine_offline(pfn, DMAP_BLOCK_PAGES), -EBUSY);
	dmap_free(page, 0);
	assert_int_equal(machine_offline(pfn, DMAP_BLOCK_PAGES), 0);
}

/*
 * Bug: a list of candidates was dropped after a second, and the next fallback
 * scanned the whole node again. Looked like: page faults that took 105 ms on a
 * fragmented node of 64 GiB, once a second.
 */
static void test_regression_scans_are_rare(void **state)
{
	struct machine_config config = machine_small;
	unsigned long ranges;
	unsigned int i;

	config.node_mib = 1024;
	machine_boot(&config);
	machine_fragment(0, 8);
	ranges = machine_stats.online_lookups;
	pages[0] = dmap_alloc(DMAP_PTE, GFP_USER, 0, 0);
	ranges = machine_stats.online_lookups - ranges;	/* of one scan */
	assert_true(ranges >= 512);
	for (i = 1; i < MANY; i++) {
		pages[i] = dmap_alloc(DMAP_PTE, GFP_USER, 0, 0);
		assert_non_null(pages[i]);
		if (i % 60 == 0)	/* about a block's worth */
			machine_pass_time(HZ * 3 / 2);
	}
	assert_true(event(DMAP_REFILL_FALLBACK) > 10);
	/* 20 times 1.5 s: three lists of 10 s, not one a block. */
	assert_true(machine_stats.online_lookups < 5 * ranges);
	free_many(MANY);
	machine_unfragment();
	machine_shutdown();
}

/*
 * Bug: when somebody held a page of a whole block for a moment, the block that
 * was opened for it was used up, and the fallback opened another one with it.
 * Looked like: a null pointer dereference in open_block().
 */
static void test_regression_held_whole_block(void **state)
{
	struct page *page;

	held = NULL;
	kunit_set_stub(dmap_split_range, split_and_hold);
	page = dmap_alloc(DMAP_PTE, GFP_USER, 0, 0);
	kunit_set_stub(dmap_split_range, NULL);
	assert_non_null(page);
	assert_int_equal(page_ref_count(held), 1);
	machine_check();
	put_page(held);
	dmap_free(page, 0);
}

/*
 * Bug: a bad page in an idle run took the whole run out of use, up to 511 good
 * pages. Looked like: nr_dmap_live that never fell again.
 */
static void test_regression_poisoned_run(void **state)
{
	struct page *page = dmap_alloc(DMAP_PTE, GFP_USER, 1, 0);
	unsigned long pfn = page_to_pfn(page);

	dmap_free(page, 1);
	machine_poison(pfn + 1);
	page = dmap_alloc(DMAP_PTE, GFP_USER, 1, 0);
	assert_int_not_equal(page_to_pfn(page), pfn);
	assert_int_equal(gauge(NR_DMAP_LIVE), 2 + 1);	/* and the bad one */
	dmap_free(page, 1);
}


#define case_of(test) cmocka_unit_test_setup_teardown(test, boot, power_off)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		case_of(test_page_is_of_a_block_and_mapped_small),
		case_of(test_both_doors_and_all_orders),
		case_of(test_other_pages_are_left_alone),
		case_of(test_unknown_class_gets_nothing),
		case_of(test_zones_are_not_guessed),
		case_of(test_large_mappings_lost_are_few_and_come_back),
		case_of(test_sparse_blocks_run_empty),
		case_of(test_fullest_block_serves_whatever_filled_it),
		case_of(test_run_is_found_when_it_is_whole_again),
		case_of(test_lifetimes_are_apart),
		case_of(test_atomic_takes_idle_pages_only),
		cmocka_unit_test(test_nodes_are_respected),
		cmocka_unit_test(test_next_node_serves_when_one_is_full),
		cmocka_unit_test(test_off_leaves_everything_alone),
		cmocka_unit_test(test_bad_options_mean_defaults),
		cmocka_unit_test(test_reserve_is_kept_and_yields_to_pressure),
		cmocka_unit_test(test_drain_all_takes_the_reserve),
		cmocka_unit_test(test_unsupported_machine_is_off),
		case_of(test_image_and_first_range_are_left_alone),
		case_of(test_range_that_must_stay_small),
		case_of(test_rights_that_differ_bar_collapse),
		cmocka_unit_test(test_gib_comes_back_unless_something_is_in_it),
		case_of(test_fallback_opens_the_emptiest_range),
		case_of(test_fallback_takes_all_of_a_range),
		case_of(test_capture_fills_a_block_and_ends),
		cmocka_unit_test(test_captures_are_bounded),
		case_of(test_everything_idle_goes_before_null),
		case_of(test_captures_end_under_pressure),
		case_of(test_reclaim_takes_what_it_needs),
		case_of(test_page_cache_is_reclaimed_for_tables),
		case_of(test_harvest_stops_where_the_zone_is_low),
		case_of(test_harvest_knows_who_closed_a_range),
		case_of(test_pageblock_keeps_its_type),
		case_of(test_drain_tries_again_when_a_cpu_comes),
		case_of(test_offline_is_refused_while_a_block_cannot_go),
		case_of(test_reclaim_does_not_wait_for_init_mm),
		case_of(test_held_page_does_not_become_a_block),
		case_of(test_pages_of_no_use_are_given_back),
		case_of(test_who_must_not_fail_does_not),
		case_of(test_abandoned_block_is_collapsed),
		case_of(test_foreign_page_is_refused),
		case_of(test_too_long_a_free_is_refused),
		case_of(test_two_frees_at_once_are_told),
		case_of(test_debugfs),
		cmocka_unit_test(test_faults_few),
		cmocka_unit_test(test_faults_many),
		cmocka_unit_test(test_faults_orders),
		cmocka_unit_test(test_faults_fragmented),
		cmocka_unit_test(test_faults_reclaim),
		cmocka_unit_test(test_regression_scans_are_rare),
		case_of(test_regression_held_whole_block),
		case_of(test_regression_poisoned_run),
		case_of(test_regression_poisoned_idle_pages),
		case_of(test_poisoned_idle_page_stays_when_its_block_goes),
		case_of(test_regression_offline_drains_idle_pages),
	};

	return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
