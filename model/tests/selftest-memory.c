// SPDX-License-Identifier: GPL-2.0
/*
 * The machine's own rules about memory: that it works as a kernel's, and that
 * each way to break a rule is noticed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common.h"

static void boot_as(unsigned int nodes, unsigned long mib, bool gib_pages)
{
	struct machine_config config = machine_small;

	config.nr_nodes = nodes;
	config.node_mib = mib;
	config.gib_pages = gib_pages;
	machine_boot(&config);
}

/*
 * Run @fn in a child with a machine of its own. It must break a rule, and the
 * report must contain @text.
 */
static void violates(const char *text, void (*fn)(void))
{
	char report[4096] = "";
	size_t length = 0;
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		machine_boot(&machine_small);
		fn();
		_exit(0);
	}
	close(ends[1]);
	while (length < sizeof(report) - 1 &&
	       (n = read(ends[0], report + length,
			 sizeof(report) - 1 - length)) > 0)
		length += n;
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status) || !strstr(report, text))
		print_error("expected \"%s\", got: %s\n", text, report);
	assert_true(WIFSIGNALED(status));
	assert_non_null(strstr(report, text));
}

/* Pages of the cache, in a block that is mapped by small entries. */
static struct page *cache_page(void)
{
	return alloc_pages(GFP_USER | __GFP_PTE_MAPPED, 0);
}

/* The page allocator */

static void test_all_orders(void **state)
{
	unsigned long free = machine_free_pages(0);
	struct page *page;
	unsigned int order;

	for (order = 0; order <= MAX_PAGE_ORDER; order++) {
		page = alloc_pages(GFP_KERNEL, order);
		assert_non_null(page);
		assert_true(IS_ALIGNED(page_to_pfn(page), 1UL << order));
		assert_int_equal(free - machine_free_pages(0), 1UL << order);
		__free_pages(page, order);
		assert_int_equal(free, machine_free_pages(0));
		page = alloc_pages(GFP_KERNEL | __GFP_COMP, order);
		assert_non_null(page);
		assert_int_equal(compound_order(page), order);
		put_page(page);
	}
	machine_check();
}

static void test_split_page_and_merge(void **state)
{
	unsigned long runs = machine_free_runs(0, MAX_PAGE_ORDER);
	struct page *page = alloc_pages(GFP_KERNEL, MAX_PAGE_ORDER);
	unsigned int i;

	assert_non_null(page);
	split_page(page, MAX_PAGE_ORDER);
	for (i = 0; i < 1U << MAX_PAGE_ORDER; i++)
		__free_page(page + (i * 7) % (1U << MAX_PAGE_ORDER));
	assert_int_equal(machine_free_runs(0, MAX_PAGE_ORDER), runs);
	machine_check();
}

static void test_reference_keeps_the_head_alone(void **state)
{
	unsigned long free = machine_free_pages(0);
	struct page *page = alloc_pages(GFP_KERNEL, 3);

	get_page(page);
	__free_pages(page, 3);
	assert_int_equal(free - machine_free_pages(0), 1);
	put_page(page);
	assert_int_equal(free, machine_free_pages(0));
}

static void test_zeroed_when_asked(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 2);
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		memset(page_address(page), 0xa5, PAGE_SIZE);
		__free_pages(page, 2);
		page = alloc_pages(GFP_KERNEL | __GFP_ZERO, 2);
		assert_null(memchr_inv(page_address(page), 0, PAGE_SIZE << 2));
	}
	__free_pages(page, 2);
}

static void test_fallback_claims_a_pageblock(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, 0);

	/* All of memory is movable at first. */
	assert_int_equal(get_pageblock_migratetype(page), MIGRATE_UNMOVABLE);
	__free_page(page);
	machine_check();
}

static void test_isolated_pages_are_not_free(void **state)
{
	struct page *page = alloc_pages(GFP_KERNEL, pageblock_order);
	unsigned long pfn = page_to_pfn(page), free;
	DECLARE_BITMAP(pages, DMAP_BLOCK_PAGES) = {};
	u8 mt;

	split_page(page, pageblock_order);
	assert_true(dmap_buddy_close(pfn, &mt));
	free = machine_free_pages(0);
	__free_page(page + 5);
	assert_int_equal(machine_free_pages(0), free);
	assert_int_equal(dmap_buddy_harvest(pfn, true, pages), 1);
	assert_true(test_bit(5, pages));
	dmap_buddy_give(pfn, pages);
	dmap_buddy_reopen(pfn, mt);
	assert_int_equal(machine_free_pages(0), free + 1);
	free = 0;
	while (free < DMAP_BLOCK_PAGES) {
		if (free != 5)
			__free_page(page + free);
		free++;
	}
	machine_check();
}

static void test_zones(void **state)
{
	struct page *page;

	boot_as(1, 512, false);
	page = alloc_pages(GFP_DMA32, 0);
	assert_int_equal(page_zonenum(page), ZONE_DMA32);
	__free_page(page);
	page = alloc_pages(GFP_DMA, 0);
	assert_int_equal(page_zonenum(page), ZONE_DMA);
	__free_page(page);
	page = alloc_pages(GFP_KERNEL, 0);
	assert_int_equal(page_zonenum(page), ZONE_NORMAL);
	__free_page(page);
	machine_shutdown();
}

static void test_nearest_node_first(void **state)
{
	struct page *page;
	int nid;

	boot_as(8, 32, false);
	for (nid = 0; nid < 8; nid++) {
		page = alloc_pages_node(nid, GFP_KERNEL, 0);
		assert_int_equal(page_to_nid(page), nid);
		__free_page(page);
	}
	while (machine_foreign_alloc(0, 3, true))
		;
	page = alloc_pages_node(3, GFP_NOWAIT, 0);
	assert_int_equal(page_to_nid(page), 2);
	__free_page(page);
	machine_shutdown();
}

static void test_any_size_boots(void **state)
{
	struct page *page;

	/* 64 TiB; the thread sanitizer leaves no room for so much. */
#ifdef MODEL_THREADS
	boot_as(2, 8UL << 10, true);
#else
	boot_as(8, 8UL << 20, true);
#endif
	page = cache_page();
	assert_non_null(page);
	__free_page(page);
	page = alloc_pages(GFP_KERNEL, MAX_PAGE_ORDER);
	assert_non_null(page);
	__free_pages(page, MAX_PAGE_ORDER);
	machine_poison(machine_nr_pfns - 1);
	machine_shutdown();
}

static void test_fragmented_memory_has_no_large_run(void **state)
{
	machine_fragment(0, 8);
	assert_int_equal(machine_free_runs(0, pageblock_order), 0);
	assert_true(machine_free_pages(0) > 1000);
	machine_check();
	machine_unfragment();
}

static void test_page_cache_is_reclaimed(void **state)
{
	unsigned long nr = 0, reclaims = machine_stats.reclaims;
	struct page *pages[500];

	while (machine_foreign_alloc(0, 0, true))
		;
	for (; nr < 500; nr++) {
		pages[nr] = alloc_pages(GFP_KERNEL, 0);
		assert_non_null(pages[nr]);
	}
	assert_true(machine_stats.reclaims > reclaims);
	while (nr)
		__free_page(pages[--nr]);
}

static void test_nth_allocation_fails(void **state)
{
	struct page *page;

	machine_fail_nth(2);
	page = alloc_pages(GFP_KERNEL, 0);
	assert_non_null(page);
	assert_null(alloc_pages(GFP_KERNEL, 0));
	assert_int_equal(machine_failed(), 1);
	__free_page(page);
	machine_fail_nth(1);
	assert_null(kmalloc(8, GFP_KERNEL));
	page = alloc_pages(GFP_KERNEL, 0);
	assert_non_null(page);
	__free_page(page);
}

static void test_offline(void **state)
{
	unsigned long pfn = 16 * pageblock_nr_pages;
	struct page *page = alloc_pages(GFP_KERNEL, pageblock_order);

	assert_int_equal(machine_offline(page_to_pfn(page), pageblock_nr_pages),
			 -EBUSY);
	__free_pages(page, pageblock_order);
	assert_int_equal(machine_offline(pfn + 1, pageblock_nr_pages), -EINVAL);
	assert_int_equal(machine_offline(pfn, 2 * pageblock_nr_pages), 0);
	assert_null(pfn_to_online_page(pfn));
	assert_int_equal(machine_offline(pfn, pageblock_nr_pages), -EINVAL);
	machine_check();
}

static void test_bad_page_is_not_handed_out(void **state)
{
	unsigned long free = machine_free_pages(0);
	struct page *page = alloc_pages(GFP_KERNEL, 0);
	unsigned long bad = page_to_pfn(page);

	__free_page(page);
	machine_poison(bad);
	assert_int_equal(machine_free_pages(0), free - 1);
	page = alloc_pages(GFP_KERNEL, 0);
	assert_int_not_equal(page_to_pfn(page), bad);
	machine_poison(page_to_pfn(page));
	__free_page(page);
	assert_int_equal(machine_free_pages(0), free - 2);
	machine_check();
}

/* The direct map */

/* A pageblock from @pfn on: the first GiB has no 1 GiB entry. */
static struct page *far_pages(unsigned long pfn)
{
	static struct page *near[1024];
	struct page *page;
	unsigned int nr = 0;

	while ((page = alloc_pages(GFP_KERNEL, pageblock_order)) &&
	       page_to_pfn(page) < pfn && nr < ARRAY_SIZE(near))
		near[nr++] = page;
	while (nr)
		__free_pages(near[--nr], pageblock_order);
	assert_non_null(page);
	return page;
}

static void split_and_collapse(bool gib_pages)
{
	struct page *tables[ARCH_DMAP_SPLIT_TABLES], *page;
	unsigned long m2, g1, was_2m, was_1g, lost;
	int i, ret;

	boot_as(1, 4096, gib_pages);
	dmap_drain_all();	/* its block too: all is as mapped at boot */
	machine_settle();
	machine_direct_map(&was_2m, &was_1g);
	assert_int_equal(was_1g, gib_pages ? 3 : 0);
	lost = machine_lost_2m();
	page = far_pages(gib_pages ? 1UL << 18 : 0);
	for (i = 0; i < ARCH_DMAP_SPLIT_TABLES; i++)
		tables[i] = alloc_pages(GFP_KERNEL, 0);
	ret = arch_dmap_split(page_to_pfn(page), tables);
	assert_int_equal(ret & ARCH_DMAP_SPLIT_2M, ARCH_DMAP_SPLIT_2M);
	assert_int_equal(!!(ret & ARCH_DMAP_SPLIT_1G),
			 gib_pages && page_to_pfn(page) >= 1UL << 18);
	assert_int_equal(arch_dmap_level(page_to_pfn(page)), PG_LEVEL_4K);
	assert_int_equal(machine_lost_2m(), lost + 1);
	ret = arch_dmap_collapse(page_to_pfn(page), true);
	assert_true(ret & ARCH_DMAP_COLLAPSE_2M);
	assert_int_not_equal(arch_dmap_level(page_to_pfn(page)), PG_LEVEL_4K);
	for (i = 0; i < ARCH_DMAP_SPLIT_TABLES; i++)
		if (tables[i])
			__free_page(tables[i]);
	__free_pages(page, pageblock_order);
	machine_settle();
	machine_direct_map(&m2, &g1);
	assert_int_equal(m2, was_2m);
	assert_int_equal(g1, was_1g);
	machine_shutdown();
}

static void test_split_and_collapse(void **state)
{
	split_and_collapse(false);
	split_and_collapse(true);
}

static void test_rights_and_faults(void **state)
{
	struct page *page = cache_page();
	unsigned long pfn = page_to_pfn(page);

	assert_true(machine_write(pfn));
	machine_set_mapping(pfn, MAP_READ);
	machine_flush_page(pfn);
	assert_false(machine_write(pfn));
	assert_true(machine_read(pfn));
	machine_set_mapping(pfn, 0);
	machine_flush_page(pfn);
	assert_false(machine_read(pfn));
	assert_int_equal(machine_mapping(pfn), 0);
	/* Rights that were given need no flush. */
	machine_set_mapping(pfn, MAP_READ | MAP_WRITE);
	assert_true(machine_write(pfn));
	machine_flush_page(pfn);
	__free_page(page);
}

/* Each rule */

static void free_twice(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, 0);

	__free_page(page);
	__free_page(page);
}

static void free_wrong_order(void)
{
	__free_pages(alloc_pages(GFP_KERNEL, 2), 1);
}

static void free_compound_wrong_order(void)
{
	__free_pages(alloc_pages(GFP_KERNEL | __GFP_COMP, 2), 1);
}

static void free_tail(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, 2);

	set_page_count(page + 1, 1);
	__free_page(page + 1);
}

static void free_reserved(void)
{
	free_reserved_page(alloc_pages(GFP_KERNEL, 0));
}

static void get_free_page(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, 0);

	__free_page(page);
	get_page(page);
}

static void free_narrowed(void)
{
	struct page *page = cache_page();
	unsigned long pfn = page_to_pfn(page);

	machine_operation("narrow", pfn);
	machine_set_mapping(pfn, MAP_READ);
	machine_operation("free", pfn);
	/* The cache keeps it; the check sees it. */
	__free_page(page);
	machine_check();
}

static void give_back_narrowed(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, pageblock_order);
	struct page *tables[ARCH_DMAP_SPLIT_TABLES] = {
		alloc_pages(GFP_KERNEL, 0), alloc_pages(GFP_KERNEL, 0),
	};

	arch_dmap_split(page_to_pfn(page), tables);
	machine_operation("narrow", 0);
	machine_set_mapping(page_to_pfn(page) + 3, MAP_READ);
	machine_flush_page(page_to_pfn(page) + 3);
	__free_pages(page, pageblock_order);
}

static void stale_write(void)
{
	struct page *page = cache_page();
	unsigned long pfn = page_to_pfn(page);
	int i;

	machine_operation("narrow", pfn);
	for (i = 0; i < 100; i++) {	/* TLBs forget now and then */
		machine_set_mapping(pfn, MAP_READ | MAP_WRITE);
		machine_write(pfn);
		machine_set_mapping(pfn, MAP_READ);
		machine_write(pfn);
	}
}

static void stale_when_freed(void)
{
	struct page *page;
	unsigned long pfn;
	int i;

	for (i = 0; i < 100; i++) {	/* TLBs forget now and then */
		page = cache_page();
		pfn = page_to_pfn(page);
		machine_set_mapping(pfn, MAP_READ);
		machine_flush_page(pfn);
		machine_read(pfn);
		machine_set_mapping(pfn, MAP_READ | MAP_WRITE);
		__free_page(page);
		machine_check();
	}
}

static struct page *table_of_block(struct page *page)
{
	pgd_t *pgd = pgd_offset_k((unsigned long)__va(PFN_PHYS(page_to_pfn(page))));
	pud_t *pud = pud_offset(p4d_offset(pgd, 0),
				(unsigned long)__va(PFN_PHYS(page_to_pfn(page))));
	pmd_t *pmd = pmd_offset(pud, (unsigned long)__va(PFN_PHYS(page_to_pfn(page))));

	return pmd_page(*pmd);
}

static void free_table_in_use(void)
{
	__free_page(table_of_block(cache_page()));
}

static void write_to_table(void)
{
	machine_write(page_to_pfn(table_of_block(cache_page())));
}

/* The bug of a collapse that frees its table before it flushes. */
static void free_table_before_flush(void)
{
	struct page *page = cache_page(), *table = table_of_block(page);
	unsigned long pfn = ALIGN_DOWN(page_to_pfn(page), DMAP_BLOCK_PAGES);
	unsigned long addr = (unsigned long)__va(PFN_PHYS(pfn));
	pud_t *pud = pud_offset(p4d_offset(pgd_offset_k(addr), addr), addr);
	int i;

	for (i = 0; i < 100; i++)
		machine_read(pfn + i);
	spin_lock(&cpa_lock);
	spin_lock(&pgd_lock);
	set_pmd(pmd_offset(pud, addr),
		pfn_pmd(pfn, __pgprot(__PAGE_KERNEL | _PAGE_PSE)));
	spin_unlock(&pgd_lock);
	spin_unlock(&cpa_lock);
	__free_page(table);
}

static void set_entry_without_lock(void)
{
	struct page *page = cache_page();
	unsigned long addr = (unsigned long)__va(PFN_PHYS(page_to_pfn(page)));
	pud_t *pud = pud_offset(p4d_offset(pgd_offset_k(addr), addr), addr);

	set_pmd(pmd_offset(pud, addr), *pmd_offset(pud, addr));
}

static void free_object_twice(void)
{
	void *object = kmem_cache_alloc(dmap_block_cache, GFP_KERNEL);

	kmem_cache_free(dmap_block_cache, object);
	kmem_cache_free(dmap_block_cache, object);
}

static void leak_page(void)
{
	alloc_pages(GFP_KERNEL, 0);
	machine_shutdown();
}

static void leak_object(void)
{
	kmalloc(8, GFP_KERNEL);
	machine_shutdown();
}

static void leak_cache_page(void)
{
	cache_page();
	machine_shutdown();
}

static void sleep_in_atomic_allocation(void)
{
	preempt_disable();
	alloc_pages(GFP_KERNEL, 0);
}

static void allocate_under_zone_lock(void)
{
	struct zone *zone = page_zone(alloc_pages(GFP_KERNEL, 0));
	unsigned long flags;

	spin_lock_irqsave(&zone->lock, flags);
	alloc_pages(GFP_ATOMIC, 0);
}

static void put_back_in_use(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, 0);
	DECLARE_BITMAP(pages, DMAP_BLOCK_PAGES) = {};
	unsigned long base = ALIGN_DOWN(page_to_pfn(page), DMAP_BLOCK_PAGES);

	__set_bit(page_to_pfn(page) - base, pages);
	dmap_buddy_give(base, pages);
}

static void break_gauge(void)
{
	mod_node_page_state(NODE_DATA(0), NR_DMAP_LIVE, 1);
	machine_check();
}

static void warn(void)
{
	WARN_ON(1);
}

static void test_each_rule(void **state)
{
	static const struct {
		const char *text;
		void (*fn)(void);
	} rules[] = {
		{ "without a reference", free_twice },
		{ "freed with order 1", free_wrong_order },
		{ "of order 2 freed with order 1", free_compound_wrong_order },
		{ "was not allocated as such", free_tail },
		{ "is not a reserved one", free_reserved },
		{ "reference to a page that is free", get_free_page },
		{ "not writable since narrow", free_narrowed },
		{ "not mapped as it was: read-only, by narrow", give_back_narrowed },
		{ "by way of its TLB, where the tables say read-only since narrow",
		  stale_write },
		{ "has it as before", stale_when_freed },
		{ "refers to it as a table", free_table_in_use },
		{ "a page table in use", write_to_table },
		{ "may still walk through it", free_table_before_flush },
		{ "lockdep_assert_held(&pgd_lock)", set_entry_without_lock },
		{ "freed twice", free_object_twice },
		{ "1 pages are left", leak_page },
		{ "objects of kmalloc() are left", leak_object },
		{ "1 live pages", leak_cache_page },
		{ "might_sleep", sleep_in_atomic_allocation },
		{ "lock", allocate_under_zone_lock },
		{ "put on the free lists", put_back_in_use },
		{ "gauges say", break_gauge },
		{ "warning: 1 in warn()", warn },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rules); i++)
		violates(rules[i].text, rules[i].fn);
}

int main(void)
{
#define case_of(test)	cmocka_unit_test_setup_teardown(test, boot, power_off)
	const struct CMUnitTest tests[] = {
		case_of(test_all_orders),
		case_of(test_split_page_and_merge),
		case_of(test_reference_keeps_the_head_alone),
		case_of(test_zeroed_when_asked),
		case_of(test_fallback_claims_a_pageblock),
		case_of(test_isolated_pages_are_not_free),
		cmocka_unit_test(test_zones),
		cmocka_unit_test(test_nearest_node_first),
		cmocka_unit_test(test_any_size_boots),
		case_of(test_fragmented_memory_has_no_large_run),
		case_of(test_page_cache_is_reclaimed),
		case_of(test_nth_allocation_fails),
		case_of(test_offline),
		case_of(test_bad_page_is_not_handed_out),
		cmocka_unit_test(test_split_and_collapse),
		case_of(test_rights_and_faults),
		cmocka_unit_test(test_each_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
