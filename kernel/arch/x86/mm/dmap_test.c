// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of dmap's x86 side: split and collapse of the direct map.
 *
 * Each case gets an order-9 block that the direct map maps with a large page.
 */
#include <kunit/test.h>
#include <linux/cpu.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/rcupdate.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/set_memory.h>
#include <linux/uaccess.h>

#include <asm/dmap.h>
#include <asm/sections.h>
#include <asm/tlbflush.h>

#include "mm_internal.h"

#define BLOCK_ORDER	(PMD_SHIFT - PAGE_SHIFT)
#define BLOCK_PAGES	(PMD_SIZE >> PAGE_SHIFT)
#define MAX_TRIES	16
#define LOOPS		200

struct dmap_block {
	struct page *page;
	unsigned long pfn;
	unsigned long addr;
	int level;
	struct page *tables[ARCH_DMAP_SPLIT_TABLES];
	unsigned long count[PG_LEVEL_NUM];
};

static void read_counts(unsigned long *count)
{
	int level;

	spin_lock(&pgd_lock);
	for (level = PG_LEVEL_4K; level <= PG_LEVEL_1G; level++)
		count[level] = direct_pages_count[level];
	spin_unlock(&pgd_lock);
}

static unsigned long count_sum(const unsigned long *count)
{
	return count[PG_LEVEL_4K] + count[PG_LEVEL_2M] * PTRS_PER_PTE +
	       count[PG_LEVEL_1G] * PTRS_PER_PTE * PTRS_PER_PMD;
}

static void expect_counts_restored(struct kunit *test, struct dmap_block *b)
{
	unsigned long now[PG_LEVEL_NUM];

	read_counts(now);
	KUNIT_EXPECT_EQ(test, now[PG_LEVEL_4K], b->count[PG_LEVEL_4K]);
	KUNIT_EXPECT_EQ(test, now[PG_LEVEL_2M], b->count[PG_LEVEL_2M]);
	KUNIT_EXPECT_EQ(test, now[PG_LEVEL_1G], b->count[PG_LEVEL_1G]);
	KUNIT_EXPECT_EQ(test, arch_dmap_level(b->pfn), b->level);
}

static void expect_sum_constant(struct kunit *test, struct dmap_block *b)
{
	unsigned long now[PG_LEVEL_NUM];

	read_counts(now);
	KUNIT_EXPECT_EQ(test, count_sum(now), count_sum(b->count));
}

/* Fill the slots that a split emptied. */
static void refill_tables(struct kunit *test, struct dmap_block *b)
{
	int i;

	for (i = 0; i < ARCH_DMAP_SPLIT_TABLES; i++) {
		if (!b->tables[i])
			b->tables[i] = alloc_page(GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, b->tables[i]);
	}
}

static unsigned long pattern(unsigned long i)
{
	return i * 0x9e3779b97f4a7c15UL + 1;
}

static void write_pattern(struct dmap_block *b)
{
	unsigned long *p = (unsigned long *)b->addr;
	unsigned long i;

	for (i = 0; i < PMD_SIZE / sizeof(*p); i++)
		WRITE_ONCE(p[i], pattern(i));
}

static unsigned long pattern_errors(struct dmap_block *b)
{
	unsigned long *p = (unsigned long *)b->addr;
	unsigned long i, errors = 0;

	for (i = 0; i < PMD_SIZE / sizeof(*p); i++)
		errors += READ_ONCE(p[i]) != pattern(i);

	return errors;
}

/* What a split of @b has to return, and what a full collapse. */
static int split_mask(struct dmap_block *b)
{
	return b->level == PG_LEVEL_1G ?
	       ARCH_DMAP_SPLIT_2M | ARCH_DMAP_SPLIT_1G : ARCH_DMAP_SPLIT_2M;
}

static int collapse_mask(struct dmap_block *b)
{
	return b->level == PG_LEVEL_1G ?
	       ARCH_DMAP_COLLAPSE_2M | ARCH_DMAP_COLLAPSE_1G :
	       ARCH_DMAP_COLLAPSE_2M;
}

/* The table that holds the entry for @addr. */
static struct page *table_of(unsigned long addr, unsigned int want)
{
	unsigned int level;
	pte_t *pte = lookup_address(addr, &level);

	return pte && level == want ? virt_to_page(pte) : NULL;
}

static pgprotval_t flags_of(unsigned long addr)
{
	unsigned int level;

	return pte_flags(*lookup_address(addr, &level));
}

static void assert_split(struct kunit *test, struct dmap_block *b)
{
	refill_tables(test, b);
	KUNIT_ASSERT_EQ(test, arch_dmap_split(b->pfn, b->tables), split_mask(b));
	KUNIT_ASSERT_EQ(test, arch_dmap_level(b->pfn), PG_LEVEL_4K);
}

static void expect_collapse(struct kunit *test, struct dmap_block *b)
{
	KUNIT_EXPECT_EQ(test, arch_dmap_collapse(b->pfn, true), collapse_mask(b));
	expect_counts_restored(test, b);
}

static void test_split_maps_4k(struct kunit *test)
{
	struct dmap_block *b = test->priv;
	unsigned long now[PG_LEVEL_NUM], i;
	unsigned long bad = 0;

	assert_split(test, b);

	for (i = 0; i < BLOCK_PAGES; i++)
		bad += arch_dmap_level(b->pfn + i) != PG_LEVEL_4K;
	KUNIT_EXPECT_EQ(test, bad, 0);

	read_counts(now);
	expect_sum_constant(test, b);
	KUNIT_EXPECT_EQ(test, now[PG_LEVEL_4K],
			b->count[PG_LEVEL_4K] + PTRS_PER_PTE);
}

static void test_split_again_is_nothing(struct kunit *test)
{
	struct dmap_block *b = test->priv;
	struct page *spare[ARCH_DMAP_SPLIT_TABLES];
	unsigned long before[PG_LEVEL_NUM], now[PG_LEVEL_NUM];

	assert_split(test, b);
	refill_tables(test, b);
	memcpy(spare, b->tables, sizeof(spare));

	read_counts(before);
	KUNIT_EXPECT_EQ(test, arch_dmap_split(b->pfn, b->tables), 0);
	read_counts(now);
	KUNIT_EXPECT_MEMEQ(test, now, before, sizeof(now));
	KUNIT_EXPECT_MEMEQ(test, b->tables, spare, sizeof(spare));
}

static void test_split_uses_the_given_tables(struct kunit *test)
{
	struct dmap_block *b = test->priv;
	struct page *given[ARCH_DMAP_SPLIT_TABLES], *used;
	int i, nused = 0;

	refill_tables(test, b);
	memcpy(given, b->tables, sizeof(given));
	assert_split(test, b);

	for (i = 0; i < ARCH_DMAP_SPLIT_TABLES; i++) {
		if (b->tables[i])
			KUNIT_EXPECT_PTR_EQ(test, b->tables[i], given[i]);
		else
			nused++;
	}
	KUNIT_EXPECT_EQ(test, nused, b->level == PG_LEVEL_1G ? 2 : 1);

	used = table_of(b->addr, PG_LEVEL_4K);
	KUNIT_EXPECT_TRUE(test, used == given[0] || used == given[1]);
}

static void test_split_without_tables_fails(struct kunit *test)
{
	struct dmap_block *b = test->priv;
	struct page *none[ARCH_DMAP_SPLIT_TABLES] = {};

	KUNIT_EXPECT_EQ(test, arch_dmap_split(b->pfn, none), -ENOMEM);
	expect_counts_restored(test, b);
}

static void test_split_with_one_table_of_two(struct kunit *test)
{
	struct dmap_block *b = test->priv;
	struct page *one[ARCH_DMAP_SPLIT_TABLES] = {};

	if (b->level != PG_LEVEL_1G)
		kunit_skip(test, "no block in a GiB mapped by one entry");

	one[1] = b->tables[1];
	b->tables[1] = NULL;
	KUNIT_EXPECT_EQ(test, arch_dmap_split(b->pfn, one), -ENOMEM);
	KUNIT_EXPECT_NULL(test, one[1]);
	KUNIT_EXPECT_EQ(test, arch_dmap_level(b->pfn), PG_LEVEL_2M);
	expect_sum_constant(test, b);

	KUNIT_EXPECT_EQ(test, arch_dmap_collapse(b->pfn, true),
			ARCH_DMAP_COLLAPSE_1G);
	expect_counts_restored(test, b);
}

static void test_collapse_restores_level_and_counts(struct kunit *test)
{
	struct dmap_block *b = test->priv;

	assert_split(test, b);
	expect_collapse(test, b);
	KUNIT_EXPECT_EQ(test, arch_dmap_collapse(b->pfn, true), 0);
	KUNIT_EXPECT_EQ(test, arch_dmap_collapse(b->pfn, false), 0);
	expect_counts_restored(test, b);
}

static void test_collapse_restores_1g(struct kunit *test)
{
	struct dmap_block *b = test->priv;
	unsigned long now[PG_LEVEL_NUM];

	if (b->level != PG_LEVEL_1G)
		kunit_skip(test, "no block in a GiB mapped by one entry");

	assert_split(test, b);
	read_counts(now);
	KUNIT_EXPECT_EQ(test, now[PG_LEVEL_1G], b->count[PG_LEVEL_1G] - 1);
	KUNIT_EXPECT_EQ(test, now[PG_LEVEL_2M],
			b->count[PG_LEVEL_2M] + PTRS_PER_PMD - 1);
	expect_collapse(test, b);
	KUNIT_EXPECT_EQ(test, arch_dmap_level(b->pfn), PG_LEVEL_1G);
}

static void test_collapse_undoes_a_split_by_cpa(struct kunit *test)
{
	struct dmap_block *b = test->priv;

	KUNIT_ASSERT_EQ(test, set_memory_4k(b->addr, 1), 0);
	KUNIT_EXPECT_EQ(test, arch_dmap_level(b->pfn), PG_LEVEL_4K);
	expect_collapse(test, b);
}

static void test_data_survives(struct kunit *test)
{
	struct dmap_block *b = test->priv;

	write_pattern(b);
	assert_split(test, b);
	KUNIT_EXPECT_EQ(test, pattern_errors(b), 0);
	write_pattern(b);
	expect_collapse(test, b);
	KUNIT_EXPECT_EQ(test, pattern_errors(b), 0);
}

static void test_collapse_refuses_a_readonly_page(struct kunit *test)
{
	struct dmap_block *b = test->priv;
	unsigned long addr = b->addr + 7 * PAGE_SIZE;

	assert_split(test, b);
	KUNIT_ASSERT_EQ(test, set_memory_ro(addr, 1), 0);
	KUNIT_EXPECT_EQ(test, arch_dmap_collapse(b->pfn, true), -EBUSY);
	KUNIT_EXPECT_EQ(test, arch_dmap_level(b->pfn), PG_LEVEL_4K);
	expect_sum_constant(test, b);
	KUNIT_ASSERT_EQ(test, set_memory_rw(addr, 1), 0);
	expect_collapse(test, b);
}

/*
 * set_memory_np() takes Global away for good; where the direct map is global
 * (no PTI) one such page barred its 2 MiB from collapse for ever.
 */
static void test_collapse_after_a_page_was_absent(struct kunit *test)
{
	struct dmap_block *b = test->priv;
	struct page *page = b->page + BLOCK_PAGES - 1;
	unsigned long addr = (unsigned long)page_address(page);
	pgprotval_t before = flags_of(b->addr);

	assert_split(test, b);
	KUNIT_ASSERT_EQ(test, set_direct_map_invalid_noflush(page), 0);
	flush_tlb_kernel_range(addr, addr + PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, arch_dmap_level(page_to_pfn(page)), PG_LEVEL_NONE);
	KUNIT_EXPECT_EQ(test, arch_dmap_collapse(b->pfn, true), -EBUSY);
	KUNIT_ASSERT_EQ(test, set_direct_map_default_noflush(page), 0);
	expect_collapse(test, b);
	KUNIT_EXPECT_EQ(test, flags_of(b->addr) & _PAGE_GLOBAL,
			before & _PAGE_GLOBAL);
}

static void test_collapse_refuses_uncached_memory(struct kunit *test)
{
	struct dmap_block *b = test->priv;

	assert_split(test, b);
	KUNIT_ASSERT_EQ(test, set_memory_uc(b->addr, BLOCK_PAGES), 0);
	KUNIT_EXPECT_EQ(test, arch_dmap_collapse(b->pfn, true), -EBUSY);
	KUNIT_ASSERT_EQ(test, set_memory_wb(b->addr, BLOCK_PAGES), 0);
	expect_collapse(test, b);
}

static void test_collapse_refuses_executable_memory(struct kunit *test)
{
	struct dmap_block *b = test->priv;

	if (!(__supported_pte_mask & _PAGE_NX))
		kunit_skip(test, "the CPU has no NX");

	assert_split(test, b);
	KUNIT_ASSERT_EQ(test, set_memory_rox(b->addr, BLOCK_PAGES), 0);
	KUNIT_EXPECT_EQ(test, arch_dmap_collapse(b->pfn, true), -EBUSY);
	KUNIT_ASSERT_EQ(test, set_memory_nx(b->addr, BLOCK_PAGES), 0);
	KUNIT_ASSERT_EQ(test, set_memory_rw(b->addr, BLOCK_PAGES), 0);
	expect_collapse(test, b);
}

/* A uniform permission other than the default one is kept by a collapse. */
static void test_collapse_keeps_a_uniform_permission(struct kunit *test)
{
	struct dmap_block *b = test->priv;
	unsigned long *word = (unsigned long *)b->addr, value = 1;

	assert_split(test, b);
	KUNIT_ASSERT_EQ(test, set_memory_ro(b->addr, BLOCK_PAGES), 0);
	KUNIT_EXPECT_EQ(test, arch_dmap_collapse(b->pfn, true),
			ARCH_DMAP_COLLAPSE_2M);
	KUNIT_EXPECT_EQ(test, arch_dmap_level(b->pfn), PG_LEVEL_2M);
	KUNIT_EXPECT_EQ(test, flags_of(b->addr) & (_PAGE_RW | _PAGE_DIRTY), 0);
	KUNIT_EXPECT_EQ(test, copy_to_kernel_nofault(word, &value, sizeof(value)),
			-EFAULT);

	KUNIT_ASSERT_EQ(test, set_memory_rw(b->addr, BLOCK_PAGES), 0);
	KUNIT_EXPECT_EQ(test, arch_dmap_level(b->pfn), PG_LEVEL_2M);
	KUNIT_EXPECT_EQ(test, copy_to_kernel_nofault(word, &value, sizeof(value)),
			0);
	KUNIT_EXPECT_EQ(test, arch_dmap_collapse(b->pfn, true),
			collapse_mask(b) & ARCH_DMAP_COLLAPSE_1G);
	expect_counts_restored(test, b);
}

static void test_collapse_does_not_wait_for_a_lock(struct kunit *test)
{
	struct dmap_block *b = test->priv;
	int held_read, held_write, hotplug;

	assert_split(test, b);

	down_read(&init_mm.mmap_lock);
	held_read = arch_dmap_collapse(b->pfn, false);
	up_read(&init_mm.mmap_lock);

	down_write(&init_mm.mmap_lock);
	held_write = arch_dmap_collapse(b->pfn, false);
	up_write(&init_mm.mmap_lock);

	cpus_write_lock();
	hotplug = arch_dmap_collapse(b->pfn, false);
	cpus_write_unlock();

	KUNIT_EXPECT_EQ(test, held_read, -EAGAIN);
	KUNIT_EXPECT_EQ(test, held_write, -EAGAIN);
	KUNIT_EXPECT_EQ(test, hotplug, -EAGAIN);
	KUNIT_EXPECT_EQ(test, arch_dmap_level(b->pfn), PG_LEVEL_4K);

	KUNIT_EXPECT_EQ(test, arch_dmap_collapse(b->pfn, false),
			collapse_mask(b));
	expect_counts_restored(test, b);
}

static void test_collapse_refuses_special_ranges(struct kunit *test)
{
	unsigned long image = PFN_DOWN(__pa_symbol(_text));

	KUNIT_EXPECT_EQ(test, arch_dmap_collapse(0, true), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test,
			arch_dmap_collapse(ALIGN_DOWN(image, BLOCK_PAGES), true),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test,
			arch_dmap_collapse(ALIGN(max_pfn_mapped, BLOCK_PAGES),
					   true), -EINVAL);
}

static void test_tables_stay_intact_for_lockless_readers(struct kunit *test)
{
	struct dmap_block *b = test->priv;
	unsigned long bad = 0, i;
	struct page *table;
	int ret, count;
	pte_t *ptes;

	assert_split(test, b);
	table = table_of(b->addr, PG_LEVEL_4K);
	KUNIT_ASSERT_NOT_NULL(test, table);
	get_page(table);
	ptes = page_address(table);

	rcu_read_lock();
	ret = arch_dmap_collapse(b->pfn, false);
	count = page_count(table);
	for (i = 0; i < PTRS_PER_PTE; i++)
		bad += pte_pfn(ptes[i]) != b->pfn + i || !pte_present(ptes[i]);
	rcu_read_unlock();

	KUNIT_EXPECT_EQ(test, ret, collapse_mask(b));
	KUNIT_EXPECT_EQ(test, count, 2);
	KUNIT_EXPECT_EQ(test, bad, 0);

	/* And then it is freed: only our reference is left. */
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, page_count(table), 1);
	put_page(table);
	expect_counts_restored(test, b);
}

/* A table from memblock is reserved and was never counted as managed memory. */
static void test_reserved_table_goes_to_buddy(struct kunit *test)
{
	struct dmap_block *b = test->priv;
	struct page *table;
	unsigned long managed;

	assert_split(test, b);
	table = table_of(b->addr, PG_LEVEL_4K);
	KUNIT_ASSERT_NOT_NULL(test, table);

	SetPageReserved(table);
	adjust_managed_page_count(table, -1);
	managed = totalram_pages();

	expect_collapse(test, b);
	rcu_barrier();
	KUNIT_EXPECT_FALSE(test, PageReserved(table));
	KUNIT_EXPECT_EQ(test, totalram_pages(), managed + 1);
}

struct dmap_writer {
	struct dmap_block *block;
	unsigned long stores;
	unsigned long errors;
};

/* Stores to every page of the block and reads back, as fast as it can. */
static int writer_fn(void *arg)
{
	struct dmap_writer *w = arg;
	unsigned long n = 0;

	while (!kthread_should_stop()) {
		unsigned long page = n % BLOCK_PAGES;
		unsigned long *p = (unsigned long *)(w->block->addr +
						     page * PAGE_SIZE);

		WRITE_ONCE(*p, n);
		if (READ_ONCE(*p) != n)
			w->errors++;
		n++;
		if (!page)
			cond_resched();
	}
	w->stores = n;

	return 0;
}

/* Makes one page of the block read-only and writable again. */
static int flipper_fn(void *arg)
{
	struct dmap_writer *w = arg;
	unsigned long addr = w->block->addr + 5 * PAGE_SIZE, value = 42;

	while (!kthread_should_stop()) {
		w->errors += !!set_memory_ro(addr, 1);
		w->errors += copy_to_kernel_nofault((void *)addr, &value,
						    sizeof(value)) != -EFAULT;
		w->errors += !!set_memory_rw(addr, 1);
		w->errors += !!copy_to_kernel_nofault((void *)addr, &value,
						      sizeof(value));
		w->stores++;
		cond_resched();
	}

	return 0;
}

static struct task_struct *start_on_other_cpu(struct kunit *test,
					      int (*fn)(void *),
					      struct dmap_writer *w)
{
	unsigned int cpu = cpumask_any_but(cpu_online_mask,
					   raw_smp_processor_id());
	struct task_struct *task;

	if (cpu >= nr_cpu_ids)
		kunit_skip(test, "only one CPU");

	task = kthread_create(fn, w, "dmap-x86-test");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	kthread_bind(task, cpu);
	wake_up_process(task);

	return task;
}

static void test_split_and_collapse_under_stores(struct kunit *test)
{
	struct dmap_block *b = test->priv;
	struct dmap_writer w = { .block = b };
	unsigned long failed = 0;
	struct task_struct *task;
	int i;

	write_pattern(b);
	task = start_on_other_cpu(test, writer_fn, &w);

	for (i = 0; i < LOOPS; i++) {
		refill_tables(test, b);
		failed += arch_dmap_split(b->pfn, b->tables) != split_mask(b);
		failed += arch_dmap_collapse(b->pfn, true) != collapse_mask(b);
		cond_resched();
	}
	kthread_stop(task);

	KUNIT_EXPECT_EQ(test, failed, 0);
	KUNIT_EXPECT_EQ(test, w.errors, 0);
	KUNIT_EXPECT_GT(test, w.stores, BLOCK_PAGES);
	expect_counts_restored(test, b);

	/* Its stores hit the first word of each page, and nothing else. */
	for (i = 0; i < BLOCK_PAGES; i++)
		((unsigned long *)b->addr)[i * PAGE_SIZE / sizeof(long)] =
			pattern(i * PAGE_SIZE / sizeof(long));
	KUNIT_EXPECT_EQ(test, pattern_errors(b), 0);
}

static void test_collapse_races_with_cpa(struct kunit *test)
{
	struct dmap_block *b = test->priv;
	struct dmap_writer w = { .block = b };
	unsigned long collapsed = 0, busy = 0, odd = 0;
	struct task_struct *task;
	int i, ret;

	task = start_on_other_cpu(test, flipper_fn, &w);

	for (i = 0; i < LOOPS; i++) {
		refill_tables(test, b);
		odd += arch_dmap_split(b->pfn, b->tables) < 0;
		ret = arch_dmap_collapse(b->pfn, true);
		if (ret == -EBUSY)
			busy++;
		else if (ret >= 0)
			collapsed++;
		else
			odd++;
		cond_resched();
	}
	kthread_stop(task);

	kunit_info(test, "collapsed %lu, busy %lu, flips %lu", collapsed, busy,
		   w.stores);
	KUNIT_EXPECT_EQ(test, odd, 0);
	KUNIT_EXPECT_EQ(test, w.errors, 0);
	KUNIT_EXPECT_GT(test, w.stores, 0);
	expect_sum_constant(test, b);

	KUNIT_EXPECT_GE(test, arch_dmap_collapse(b->pfn, true), 0);
	expect_counts_restored(test, b);
}

static int dmap_x86_init(struct kunit *test)
{
	struct page *tried[MAX_TRIES];
	struct dmap_block *b;
	const char *why;
	int n;

	if (!arch_dmap_supported(&why))
		kunit_skip(test, "%s", why);

	b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, b);

	for (n = 0; n < MAX_TRIES; n++) {
		struct page *page = alloc_pages(GFP_KERNEL | __GFP_NOWARN,
						BLOCK_ORDER);

		tried[n] = page;
		if (!page)
			break;
		if (arch_dmap_level(page_to_pfn(page)) >= PG_LEVEL_2M) {
			b->page = page;
			break;
		}
	}
	while (n--)
		__free_pages(tried[n], BLOCK_ORDER);
	if (!b->page)
		kunit_skip(test, "no free order-9 block under a large mapping");

	b->pfn = page_to_pfn(b->page);
	b->addr = (unsigned long)page_address(b->page);
	b->level = arch_dmap_level(b->pfn);
	read_counts(b->count);
	test->priv = b;
	refill_tables(test, b);

	return 0;
}

static void dmap_x86_exit(struct kunit *test)
{
	struct dmap_block *b = test->priv;
	int i;

	if (!b)
		return;

	/* Whatever the case did, leave the direct map as it was. */
	KUNIT_EXPECT_GE(test, arch_dmap_collapse(b->pfn, true), 0);
	expect_counts_restored(test, b);

	for (i = 0; i < ARCH_DMAP_SPLIT_TABLES; i++)
		if (b->tables[i])
			__free_page(b->tables[i]);
	__free_pages(b->page, BLOCK_ORDER);
}

static struct kunit_case dmap_x86_cases[] = {
	KUNIT_CASE(test_split_maps_4k),
	KUNIT_CASE(test_split_again_is_nothing),
	KUNIT_CASE(test_split_uses_the_given_tables),
	KUNIT_CASE(test_split_without_tables_fails),
	KUNIT_CASE(test_split_with_one_table_of_two),
	KUNIT_CASE(test_collapse_restores_level_and_counts),
	KUNIT_CASE(test_collapse_restores_1g),
	KUNIT_CASE(test_collapse_undoes_a_split_by_cpa),
	KUNIT_CASE(test_data_survives),
	KUNIT_CASE(test_collapse_refuses_a_readonly_page),
	KUNIT_CASE(test_collapse_after_a_page_was_absent),
	KUNIT_CASE(test_collapse_refuses_uncached_memory),
	KUNIT_CASE(test_collapse_refuses_executable_memory),
	KUNIT_CASE(test_collapse_keeps_a_uniform_permission),
	KUNIT_CASE(test_collapse_does_not_wait_for_a_lock),
	KUNIT_CASE(test_collapse_refuses_special_ranges),
	KUNIT_CASE(test_tables_stay_intact_for_lockless_readers),
	KUNIT_CASE(test_reserved_table_goes_to_buddy),
	KUNIT_CASE(test_split_and_collapse_under_stores),
	KUNIT_CASE(test_collapse_races_with_cpa),
	{}
};

static struct kunit_suite dmap_x86_suite = {
	.name = "dmap-x86",
	.init = dmap_x86_init,
	.exit = dmap_x86_exit,
	.test_cases = dmap_x86_cases,
};

kunit_test_suites(&dmap_x86_suite);

MODULE_DESCRIPTION("KUnit tests of dmap's x86 side");
MODULE_LICENSE("GPL");
