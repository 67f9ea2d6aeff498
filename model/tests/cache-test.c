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

#include "dmap/dmap.h"
#include "machine.h"

#define MANY	1200	/* more than two blocks */

static struct page *pages[MANY];

static int boot(void **state)
{
	machine_boot(&machine_small);
	return 0;
}

static int power_off(void **state)
{
	machine_shutdown();
	return 0;
}

static void boot_with(const char *options)
{
	struct machine_config config = machine_small;

	config.options = options;
	machine_boot(&config);
}

static unsigned long event(enum vm_event_item item)
{
	unsigned long events[NR_VM_EVENT_ITEMS];

	all_vm_events(events);
	return events[item];
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
	assert_true(gauge(NR_DMAP_IDLE) >= 2 * DMAP_BLOCK_PAGES);
	nr = fill_memory(&filler);
	assert_int_equal(gauge(NR_DMAP_IDLE), 0);
	empty_memory(filler, nr);
	machine_shutdown();
}

static void test_unsupported_machine_is_off(void **state)
{
	boot_with("debug_pagealloc=on");
	assert_false(dmap_enabled());
	machine_shutdown();
}

/* Fragmented memory and captures */

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
	assert_null(strstr(machine_debugfs_read("dmap/blocks"), "yes"));
	free_many(nr);
}

static void test_captures_are_bounded(void **state)
{
	unsigned int nr, captures = 0;
	const char *line;

	machine_fragment(0, 32);
	nr = alloc_many(300, GFP_USER);
	for (line = machine_debugfs_read("dmap/blocks"); (line = strstr(line, " yes"));
	     line++)
		captures++;
	assert_in_range(captures, 1, 8);
	free_many(nr);
	machine_unfragment();
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

static void test_page_cache_is_reclaimed_for_tables(void **state)
{
	unsigned int nr;

	while (machine_free_pages(0) > 64 && machine_foreign_alloc(0, 0, true))
		;
	nr = alloc_many(100, GFP_USER);
	assert_int_equal(nr, 100);
	free_many(nr);
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

static void fill_with_cache(void)
{
	while (machine_free_pages(0) > 64 && machine_foreign_alloc(0, 0, true))
		;
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
		case_of(test_lifetimes_are_apart),
		case_of(test_atomic_takes_idle_pages_only),
		cmocka_unit_test(test_nodes_are_respected),
		cmocka_unit_test(test_next_node_serves_when_one_is_full),
		cmocka_unit_test(test_off_leaves_everything_alone),
		cmocka_unit_test(test_bad_options_mean_defaults),
		cmocka_unit_test(test_reserve_is_kept_and_yields_to_pressure),
		cmocka_unit_test(test_unsupported_machine_is_off),
		case_of(test_fallback_takes_all_of_a_range),
		case_of(test_capture_fills_a_block_and_ends),
		case_of(test_captures_are_bounded),
		case_of(test_everything_idle_goes_before_null),
		case_of(test_page_cache_is_reclaimed_for_tables),
		case_of(test_foreign_page_is_refused),
		case_of(test_too_long_a_free_is_refused),
		case_of(test_two_frees_at_once_are_told),
		case_of(test_debugfs),
		cmocka_unit_test(test_faults_few),
		cmocka_unit_test(test_faults_many),
		cmocka_unit_test(test_faults_orders),
		cmocka_unit_test(test_faults_fragmented),
		cmocka_unit_test(test_faults_reclaim),
		case_of(test_regression_poisoned_idle_pages),
		case_of(test_regression_offline_drains_idle_pages),
	};

	return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
