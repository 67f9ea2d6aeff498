// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of write-protected page tables.
 *
 * Each case gets a 2 MiB block that is protected as if it held page tables. A
 * store that is to fault goes through copy_to_kernel_nofault().
 *
 * Writing pte, pmd, pud, p4d or pgd to
 * /sys/module/pgtable_wp_test/parameters/violate protects the writer's own table
 * of that level while a kernel thread dies of a plain store to it. What else is
 * in that block is protected too, so this is for an otherwise quiet machine.
 */
#include <kunit/test.h>
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/nmi.h>
#include <linux/pgtable.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/uaccess.h>
#include <linux/vmstat.h>

#include <asm/apic.h>
#include <asm/dmap.h>
#include <asm/nmi.h>
#include <asm/pgtable_wp.h>

#include "mm_internal.h"

#define BLOCK_ORDER	(PMD_SHIFT - PAGE_SHIFT)
#define BLOCK_PAGES	(PMD_SIZE >> PAGE_SHIFT)
#define VALUE		0x1122334455667788UL
#define MAX_TRIES	16
#define LOOPS		2000

struct wp_block {
	struct page *page;
	unsigned long pfn;
	unsigned long *word;
	int level;
	bool protected;
	struct page *tables[ARCH_DMAP_SPLIT_TABLES];
};

/* A store as any code might do it; what became of it. */
static int plain_store(unsigned long *word, unsigned long val)
{
	return copy_to_kernel_nofault(word, &val, sizeof(val));
}

static bool is_open(void)
{
	bool open;

	preempt_disable();
	open = pgtable_wp_is_open();
	preempt_enable();
	return open;
}

static void check_closed_here(void *bad)
{
	if (pgtable_wp_is_open())
		atomic_inc(bad);
}

static void expect_closed_everywhere(struct kunit *test)
{
	atomic_t bad = ATOMIC_INIT(0);

	on_each_cpu(check_closed_here, &bad, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&bad), 0);
}

static unsigned long violations(void)
{
	unsigned long *events = kcalloc(NR_VM_EVENT_ITEMS, sizeof(*events),
					GFP_KERNEL);
	unsigned long n = 0;

	if (events) {
		all_vm_events(events);
		n = events[DMAP_VIOLATION];
	}
	kfree(events);
	return n;
}

static void test_plain_store_faults(struct kunit *test)
{
	struct wp_block *b = test->priv;
	unsigned long before = violations(), i, bad = 0;

	for (i = 0; i < BLOCK_PAGES; i += 73) {
		unsigned long *word = b->word + i * PAGE_SIZE / sizeof(*word);

		bad += plain_store(word, VALUE) != -EFAULT;
		bad += *word != 0;
	}
	KUNIT_EXPECT_EQ(test, bad, 0);
	KUNIT_EXPECT_EQ(test, violations() - before,
			DIV_ROUND_UP(BLOCK_PAGES, 73));
	expect_closed_everywhere(test);
}

static void test_protection_is_one_entry(struct kunit *test)
{
	struct wp_block *b = test->priv;
	unsigned long i, bad = 0;

	KUNIT_EXPECT_EQ(test, arch_dmap_level(b->pfn), PG_LEVEL_2M);
	for (i = 0; i < BLOCK_PAGES; i++)
		bad += !arch_dmap_protected(b->pfn + i);
	KUNIT_EXPECT_EQ(test, bad, 0);
	KUNIT_EXPECT_FALSE(test, arch_dmap_protected(b->pfn - 1) &&
			   arch_dmap_protected(b->pfn + BLOCK_PAGES));
}

static void test_window_lets_stores_through(struct kunit *test)
{
	struct wp_block *b = test->priv;
	unsigned long state;
	int ret;
	bool open;

	state = pgtable_wp_open();
	ret = plain_store(b->word, VALUE);
	open = pgtable_wp_is_open();
	pgtable_wp_close(state);

	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_TRUE(test, open);
	KUNIT_EXPECT_EQ(test, *b->word, VALUE);
	KUNIT_EXPECT_FALSE(test, is_open());
	KUNIT_EXPECT_EQ(test, plain_store(b->word, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, *b->word, VALUE);
}

static void test_entry_functions(struct kunit *test)
{
	struct wp_block *b = test->priv;
	unsigned long old = VALUE + 1;
	pte_t *ptep = (pte_t *)b->word;

	set_pte(ptep, __pte(VALUE));
	KUNIT_EXPECT_EQ(test, *b->word, VALUE);
	KUNIT_EXPECT_EQ(test, pgtable_wp_xchg(ptep, VALUE + 1), VALUE);
	KUNIT_EXPECT_TRUE(test, pgtable_wp_try_cmpxchg(ptep, &old, VALUE + 2));
	KUNIT_EXPECT_FALSE(test, pgtable_wp_try_cmpxchg(ptep, &old, VALUE));
	KUNIT_EXPECT_EQ(test, old, VALUE + 2);
	set_pte(ptep, __pte(VALUE | _PAGE_ACCESSED));
	KUNIT_EXPECT_TRUE(test, pgtable_wp_test_and_clear_bit(_PAGE_BIT_ACCESSED,
							      ptep));
	KUNIT_EXPECT_FALSE(test, pgtable_wp_test_and_clear_bit(_PAGE_BIT_ACCESSED,
							       ptep));
	native_ptep_get_and_clear(ptep);
	KUNIT_EXPECT_EQ(test, *b->word, 0);
	native_set_pmd((pmd_t *)ptep, __pmd(VALUE));
	KUNIT_EXPECT_EQ(test, native_pmdp_get_and_clear((pmd_t *)ptep).pmd, VALUE);
	native_set_pud((pud_t *)ptep, __pud(VALUE));
	KUNIT_EXPECT_EQ(test, native_pudp_get_and_clear((pud_t *)ptep).pud, VALUE);

	pgtable_wp_copy(b->word, &old, sizeof(old));
	KUNIT_EXPECT_EQ(test, *b->word, old);
	pgtable_wp_clear_page(b->word);
	KUNIT_EXPECT_EQ(test, *b->word, 0);
	expect_closed_everywhere(test);
}

static void test_windows_nest(struct kunit *test)
{
	struct wp_block *b = test->priv;
	unsigned long outer, inner;
	int in, after;

	outer = pgtable_wp_open();
	inner = pgtable_wp_open();
	set_pte((pte_t *)b->word, __pte(VALUE));
	in = plain_store(b->word + 1, VALUE);
	pgtable_wp_close(inner);
	set_pte((pte_t *)b->word + 2, __pte(VALUE));
	after = plain_store(b->word + 3, VALUE);
	pgtable_wp_close(outer);

	KUNIT_EXPECT_EQ(test, in, 0);
	KUNIT_EXPECT_EQ(test, after, 0);
	KUNIT_EXPECT_FALSE(test, is_open());
	KUNIT_EXPECT_EQ(test, plain_store(b->word, 0), -EFAULT);
}

static void test_interrupts_stay_as_they_are(struct kunit *test)
{
	struct wp_block *b = test->priv;
	unsigned long flags, state, bad = 0;

	local_irq_save(flags);
	set_pte((pte_t *)b->word, __pte(VALUE));
	bad += !raw_irqs_disabled();
	state = pgtable_wp_open();
	bad += !raw_irqs_disabled();
	pgtable_wp_close(state);
	bad += !raw_irqs_disabled();
	local_irq_restore(flags);

	set_pte((pte_t *)b->word, __pte(VALUE));
	bad += raw_irqs_disabled();
	state = pgtable_wp_open();
	set_pte((pte_t *)b->word, __pte(VALUE));
	pgtable_wp_close(state);
	bad += raw_irqs_disabled();
	KUNIT_EXPECT_EQ(test, bad, 0);
}

static void test_exception_in_a_window(struct kunit *test)
{
	struct wp_block *b = test->priv;
	unsigned long state, word;
	int fault, store;

	state = pgtable_wp_open();
	/* Not canonical, and not mapped. */
	fault = copy_from_kernel_nofault(&word, (void *)0x8000000000000000UL,
					 sizeof(word));
	fault |= copy_from_kernel_nofault(&word, (void *)VMALLOC_END - PAGE_SIZE,
					  sizeof(word));
	store = plain_store(b->word, VALUE);
	pgtable_wp_close(state);

	KUNIT_EXPECT_LT(test, fault, 0);
	KUNIT_EXPECT_EQ(test, store, 0);
	KUNIT_EXPECT_FALSE(test, is_open());
}

/* What an interrupt or NMI handler finds. */
struct visit {
	struct irq_work work;
	struct wp_block *b;
	bool open;
	bool open_after;
	int store;
	int store_in_own;
	int done;
};

static struct visit visit;

static void pay_visit(void)
{
	unsigned long state;

	visit.open = pgtable_wp_is_open();
	visit.store = plain_store(visit.b->word, VALUE);
	state = pgtable_wp_open();
	visit.store_in_own = plain_store(visit.b->word + 1, VALUE);
	pgtable_wp_close(state);
	set_pte((pte_t *)visit.b->word + 2, __pte(VALUE));
	visit.open_after = pgtable_wp_is_open();
	WRITE_ONCE(visit.done, visit.done + 1);
}

static void visit_irq(struct irq_work *work)
{
	pay_visit();
}

static int visit_nmi(unsigned int type, struct pt_regs *regs)
{
	if (!READ_ONCE(visit.b) || READ_ONCE(visit.done))
		return NMI_DONE;
	pay_visit();
	return NMI_HANDLED;
}

static void expect_visitor_was_stopped(struct kunit *test, struct wp_block *b)
{
	KUNIT_EXPECT_EQ(test, visit.done, 1);
	KUNIT_EXPECT_FALSE(test, visit.open);
	KUNIT_EXPECT_FALSE(test, visit.open_after);
	KUNIT_EXPECT_EQ(test, visit.store, -EFAULT);
	KUNIT_EXPECT_EQ(test, visit.store_in_own, 0);
	KUNIT_EXPECT_EQ(test, b->word[2], VALUE);
}

static void wait_for_visit(void)
{
	unsigned long i;

	for (i = 0; i < 100000000 && !READ_ONCE(visit.done); i++)
		cpu_relax();
}

static void test_interrupt_in_a_window(struct kunit *test)
{
	struct wp_block *b = test->priv;
	unsigned long state, flags;
	bool open;
	int store;

	memset(&visit, 0, sizeof(visit));
	init_irq_work(&visit.work, visit_irq);
	visit.b = b;

	state = pgtable_wp_open();
	flags = native_save_fl();
	irq_work_queue(&visit.work);
	/* Where windows have interrupts off, it arrives after this one. */
	if (flags & X86_EFLAGS_IF)
		wait_for_visit();
	open = pgtable_wp_is_open();
	store = plain_store(b->word + 3, VALUE);
	pgtable_wp_close(state);
	irq_work_sync(&visit.work);

	expect_visitor_was_stopped(test, b);
	KUNIT_EXPECT_TRUE(test, open);
	KUNIT_EXPECT_EQ(test, store, 0);
	KUNIT_EXPECT_FALSE(test, is_open());
	KUNIT_EXPECT_EQ(test, plain_store(b->word, 0), -EFAULT);
}

static void test_nmi_in_a_window(struct kunit *test)
{
	struct wp_block *b = test->priv;
	unsigned long state;
	bool open;
	int store;

	memset(&visit, 0, sizeof(visit));
	visit.b = b;
	KUNIT_ASSERT_EQ(test, register_nmi_handler(NMI_LOCAL, visit_nmi, 0,
						   "pgtable_wp_test"), 0);

	state = pgtable_wp_open();
	__apic_send_IPI_mask(cpumask_of(smp_processor_id()), NMI_VECTOR);
	wait_for_visit();
	open = pgtable_wp_is_open();
	store = plain_store(b->word + 3, VALUE);
	pgtable_wp_close(state);
	unregister_nmi_handler(NMI_LOCAL, "pgtable_wp_test");

	expect_visitor_was_stopped(test, b);
	KUNIT_EXPECT_TRUE(test, open);
	KUNIT_EXPECT_EQ(test, store, 0);
	KUNIT_EXPECT_FALSE(test, is_open());
	WRITE_ONCE(visit.b, NULL);
}

/* NMIs from another CPU, wherever they land in windows that come and go. */
static atomic_t nmi_bad, nmi_seen;

static int storm_nmi(unsigned int type, struct pt_regs *regs)
{
	unsigned long *word = READ_ONCE(visit.b)->word;

	if (pgtable_wp_is_open() || plain_store(word, ~VALUE) != -EFAULT)
		atomic_inc(&nmi_bad);
	set_pte((pte_t *)word + 1, __pte(VALUE));
	if (pgtable_wp_is_open())
		atomic_inc(&nmi_bad);
	atomic_inc(&nmi_seen);
	return NMI_HANDLED;
}

static int nmi_sender(void *cpu)
{
	while (!kthread_should_stop()) {
		int seen = atomic_read(&nmi_seen), i;

		__apic_send_IPI_mask(cpumask_of((long)cpu), NMI_VECTOR);
		for (i = 0; i < 100000 && atomic_read(&nmi_seen) == seen; i++)
			cpu_relax();
		cond_resched();
	}
	return 0;
}

static void test_nmi_storm(struct kunit *test)
{
	struct wp_block *b = test->priv;
	struct task_struct *sender;
	unsigned long state, i, bad = 0;
	int cpu, other;

	memset(&visit, 0, sizeof(visit));
	visit.b = b;
	atomic_set(&nmi_bad, 0);
	atomic_set(&nmi_seen, 0);
	cpu = get_cpu();
	put_cpu();
	other = cpumask_any_but(cpu_online_mask, cpu);
	if (other >= nr_cpu_ids)
		kunit_skip(test, "one CPU");
	set_cpus_allowed_ptr(current, cpumask_of(cpu));
	KUNIT_ASSERT_EQ(test, register_nmi_handler(NMI_LOCAL, storm_nmi, 0,
						   "pgtable_wp_test"), 0);
	sender = kthread_create_on_cpu(nmi_sender, (void *)(long)cpu, other,
				       "pgtable_wp_nmi/%u");
	if (!IS_ERR(sender))
		wake_up_process(sender);

	for (i = 0; i < 100 * LOOPS && atomic_read(&nmi_seen) < LOOPS; i++) {
		set_pte((pte_t *)b->word + 2, __pte(i));
		bad += b->word[2] != i;
		state = pgtable_wp_open();
		WRITE_ONCE(b->word[3], i);
		set_pte((pte_t *)b->word + 4, __pte(i));
		bad += !pgtable_wp_is_open();
		pgtable_wp_close(state);
		bad += pgtable_wp_is_open();
		pgtable_wp_xchg(b->word + 5, i);
	}

	if (!IS_ERR(sender))
		kthread_stop(sender);
	unregister_nmi_handler(NMI_LOCAL, "pgtable_wp_test");
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	WRITE_ONCE(visit.b, NULL);

	KUNIT_EXPECT_EQ(test, bad, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&nmi_bad), 0);
	KUNIT_EXPECT_GT(test, atomic_read(&nmi_seen), 0);
	KUNIT_EXPECT_NE(test, b->word[0], ~VALUE);
	kunit_info(test, "%d NMIs in %lu rounds\n", atomic_read(&nmi_seen), i);
}

/* Another CPU keeps a window open. */
struct holder {
	bool holds;
	bool stop;
};

static int hold_window(void *data)
{
	struct holder *holder = data;
	unsigned long state = pgtable_wp_open();

	WRITE_ONCE(holder->holds, true);
	while (!READ_ONCE(holder->stop))
		cpu_relax();
	pgtable_wp_close(state);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static void test_window_of_another_cpu(struct kunit *test)
{
	struct wp_block *b = test->priv;
	struct holder holder = {};
	struct task_struct *task;
	int cpu, other, store;

	cpu = get_cpu();
	put_cpu();
	other = cpumask_any_but(cpu_online_mask, cpu);
	if (other >= nr_cpu_ids)
		kunit_skip(test, "one CPU");
	set_cpus_allowed_ptr(current, cpumask_of(cpu));

	task = kthread_create_on_cpu(hold_window, &holder, other,
				     "pgtable_wp_hold/%u");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	wake_up_process(task);
	while (!READ_ONCE(holder.holds))
		cpu_relax();
	store = plain_store(b->word, VALUE);
	WRITE_ONCE(holder.stop, true);
	kthread_stop(task);
	set_cpus_allowed_ptr(current, cpu_possible_mask);

	KUNIT_EXPECT_EQ(test, store, -EFAULT);
	KUNIT_EXPECT_EQ(test, *b->word, 0);
	expect_closed_everywhere(test);
}

static void store_here(void *data)
{
	struct wp_block *b = data;

	b->level = plain_store(b->word, VALUE);
}

static void test_narrowing_reaches_other_cpus(struct kunit *test)
{
	struct wp_block *b = test->priv, there = *b;
	int cpu, bad = 0;

	for_each_online_cpu(cpu) {
		KUNIT_ASSERT_EQ(test, arch_dmap_protect(b->pfn, false, NULL), 0);
		/* The CPU has a writable translation now. */
		smp_call_function_single(cpu, store_here, &there, 1);
		bad += there.level != 0;
		KUNIT_ASSERT_EQ(test, arch_dmap_protect(b->pfn, true, b->tables),
				0);
		smp_call_function_single(cpu, store_here, &there, 1);
		bad += there.level != -EFAULT;
	}
	KUNIT_EXPECT_EQ(test, bad, 0);
}

static void test_protection_can_be_undone(struct kunit *test)
{
	struct wp_block *b = test->priv;
	unsigned int level;
	pgprotval_t flags;

	set_pte((pte_t *)b->word, __pte(VALUE));
	KUNIT_EXPECT_EQ(test, arch_dmap_protect(b->pfn, true, b->tables), 0);
	KUNIT_EXPECT_EQ(test, arch_dmap_protect(b->pfn, false, NULL), 0);
	KUNIT_EXPECT_FALSE(test, arch_dmap_protected(b->pfn));
	KUNIT_EXPECT_EQ(test, plain_store(b->word, 0), 0);
	KUNIT_EXPECT_EQ(test, arch_dmap_level(b->pfn), PG_LEVEL_2M);

	flags = pte_flags(*lookup_address((unsigned long)b->word, &level));
	KUNIT_EXPECT_TRUE(test, flags & _PAGE_RW);
	KUNIT_EXPECT_EQ(test, flags & (0xfUL << _PAGE_BIT_PKEY_BIT0), 0);
	KUNIT_EXPECT_EQ(test, arch_dmap_protect(b->pfn, false, NULL), 0);
}

static void test_split_and_collapse_keep_it(struct kunit *test)
{
	struct wp_block *b = test->priv;
	int i;

	for (i = 0; i < ARCH_DMAP_SPLIT_TABLES; i++)
		if (!b->tables[i])
			b->tables[i] = alloc_page(GFP_KERNEL);

	KUNIT_ASSERT_GE(test, arch_dmap_split(b->pfn, b->tables), 0);
	KUNIT_EXPECT_EQ(test, arch_dmap_level(b->pfn), PG_LEVEL_4K);
	KUNIT_EXPECT_TRUE(test, arch_dmap_protected(b->pfn));
	KUNIT_EXPECT_EQ(test, plain_store(b->word, VALUE), -EFAULT);
	set_pte((pte_t *)b->word, __pte(VALUE));
	KUNIT_EXPECT_EQ(test, *b->word, VALUE);

	KUNIT_EXPECT_EQ(test, arch_dmap_collapse(b->pfn, true),
			ARCH_DMAP_COLLAPSE_2M);
	KUNIT_EXPECT_EQ(test, arch_dmap_level(b->pfn), PG_LEVEL_2M);
	KUNIT_EXPECT_TRUE(test, arch_dmap_protected(b->pfn));
	KUNIT_EXPECT_EQ(test, plain_store(b->word, VALUE), -EFAULT);
}

static void test_small_entries(struct kunit *test)
{
	struct wp_block *b = test->priv;
	int i;

	KUNIT_ASSERT_EQ(test, arch_dmap_protect(b->pfn, false, NULL), 0);
	for (i = 0; i < ARCH_DMAP_SPLIT_TABLES; i++)
		if (!b->tables[i])
			b->tables[i] = alloc_page(GFP_KERNEL);
	KUNIT_ASSERT_GE(test, arch_dmap_split(b->pfn, b->tables), 0);
	KUNIT_EXPECT_EQ(test, arch_dmap_protect(b->pfn, true, NULL), 0);
	KUNIT_EXPECT_EQ(test, plain_store(b->word, VALUE), -EFAULT);
	KUNIT_EXPECT_EQ(test, plain_store(b->word + PMD_SIZE / sizeof(long) - 1,
					  VALUE), -EFAULT);
	set_pte((pte_t *)b->word, __pte(VALUE));
	KUNIT_EXPECT_EQ(test, arch_dmap_protect(b->pfn, false, NULL), 0);
	KUNIT_EXPECT_EQ(test, plain_store(b->word, 0), 0);
	KUNIT_EXPECT_GT(test, arch_dmap_collapse(b->pfn, true), 0);
}

/* Preemption, migration and timer interrupts all over windows. */
static int churn(void *data)
{
	struct wp_block *b = data;
	unsigned long *word = b->word + 64 + task_pid_nr(current) % 64 * 8;
	unsigned long i, state, bad = 0;

	for (i = 0; !kthread_should_stop(); i++) {
		set_pte((pte_t *)word, __pte(i));
		bad += READ_ONCE(*word) != i;
		state = pgtable_wp_open();
		WRITE_ONCE(word[1], i);
		pgtable_wp_close(state);
		if (i % 64 == 0)
			bad += plain_store(word, ~i) != -EFAULT;
		if (i % 16 == 0)
			cond_resched();
	}
	return bad ? -EIO : 0;
}

static void test_preemption_and_migration(struct kunit *test)
{
	struct wp_block *b = test->priv;
	struct task_struct *tasks[6];
	int i, cpu, bad = 0;

	for (i = 0; i < ARRAY_SIZE(tasks); i++)
		tasks[i] = kthread_run(churn, b, "pgtable_wp_churn%d", i);
	for (i = 0; i < 50; i++) {
		msleep(20);
		cpu = cpumask_nth(i % num_online_cpus(), cpu_online_mask);
		if (!IS_ERR(tasks[i % ARRAY_SIZE(tasks)]))
			set_cpus_allowed_ptr(tasks[i % ARRAY_SIZE(tasks)],
					     cpumask_of(cpu));
	}
	for (i = 0; i < ARRAY_SIZE(tasks); i++)
		bad += IS_ERR(tasks[i]) || kthread_stop(tasks[i]);
	KUNIT_EXPECT_EQ(test, bad, 0);
	expect_closed_everywhere(test);
}

static void test_cpu_that_comes_up(struct kunit *test)
{
	struct wp_block *b = test->priv, there = *b;
	int cpu = cpumask_last(cpu_online_mask);

	if (!IS_ENABLED(CONFIG_HOTPLUG_CPU) || !cpu || remove_cpu(cpu))
		kunit_skip(test, "no CPU can be taken offline");
	KUNIT_ASSERT_EQ(test, add_cpu(cpu), 0);
	smp_call_function_single(cpu, store_here, &there, 1);
	KUNIT_EXPECT_EQ(test, there.level, -EFAULT);
	expect_closed_everywhere(test);
}

static void free_tables(struct wp_block *b)
{
	int i;

	for (i = 0; i < ARCH_DMAP_SPLIT_TABLES; i++)
		if (b->tables[i])
			__free_page(b->tables[i]);
}

static int pgtable_wp_test_init(struct kunit *test)
{
	struct wp_block *b;
	int i, ret;

	if (!pgtable_wp_enabled())
		kunit_skip(test, "page tables are not protected");

	b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, b);
	b->page = alloc_pages(GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN,
			      BLOCK_ORDER);
	KUNIT_ASSERT_NOT_NULL(test, b->page);
	b->pfn = page_to_pfn(b->page);
	b->word = page_address(b->page);
	b->level = arch_dmap_level(b->pfn);
	for (i = 0; i < ARCH_DMAP_SPLIT_TABLES; i++)
		b->tables[i] = alloc_page(GFP_KERNEL);
	ret = arch_dmap_protect(b->pfn, true, b->tables);
	if (ret < 0) {
		free_tables(b);
		__free_pages(b->page, BLOCK_ORDER);
	}
	KUNIT_ASSERT_GE(test, ret, 0);
	KUNIT_EXPECT_EQ(test, ret, b->level == PG_LEVEL_1G ?
			ARCH_DMAP_SPLIT_1G : 0);
	test->priv = b;
	return 0;
}

static void pgtable_wp_test_exit(struct kunit *test)
{
	struct wp_block *b = test->priv;

	if (!b)
		return;
	KUNIT_EXPECT_EQ(test, arch_dmap_protect(b->pfn, false, NULL), 0);
	KUNIT_EXPECT_GE(test, arch_dmap_collapse(b->pfn, true), 0);
	free_tables(b);
	__free_pages(b->page, BLOCK_ORDER);
}

static struct kunit_case pgtable_wp_cases[] = {
	KUNIT_CASE(test_plain_store_faults),
	KUNIT_CASE(test_protection_is_one_entry),
	KUNIT_CASE(test_window_lets_stores_through),
	KUNIT_CASE(test_entry_functions),
	KUNIT_CASE(test_windows_nest),
	KUNIT_CASE(test_interrupts_stay_as_they_are),
	KUNIT_CASE(test_exception_in_a_window),
	KUNIT_CASE(test_interrupt_in_a_window),
	KUNIT_CASE(test_nmi_in_a_window),
	KUNIT_CASE(test_nmi_storm),
	KUNIT_CASE(test_window_of_another_cpu),
	KUNIT_CASE(test_narrowing_reaches_other_cpus),
	KUNIT_CASE(test_protection_can_be_undone),
	KUNIT_CASE(test_split_and_collapse_keep_it),
	KUNIT_CASE(test_small_entries),
	KUNIT_CASE(test_preemption_and_migration),
	KUNIT_CASE(test_cpu_that_comes_up),
	{}
};

static struct kunit_suite pgtable_wp_suite = {
	.name = "pgtable-wp",
	.init = pgtable_wp_test_init,
	.exit = pgtable_wp_test_exit,
	.test_cases = pgtable_wp_cases,
};

kunit_test_suites(&pgtable_wp_suite);

/* The caller's table of a level, by an address of its own code. */
static void *own_table(const char *level)
{
	struct mm_struct *mm = current->mm;
	unsigned long addr = mm->start_code;
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d = p4d_offset(pgd, addr);
	pud_t *pud = pud_offset(p4d, addr);
	pmd_t *pmd = pmd_offset(pud, addr);

	if (sysfs_streq(level, "pgd"))
		return pgd;
	if (sysfs_streq(level, "p4d"))
		return p4d;
	if (sysfs_streq(level, "pud"))
		return pud;
	if (sysfs_streq(level, "pmd"))
		return pmd;
	if (sysfs_streq(level, "pte"))
		return pte_offset_kernel(pmd, addr);
	return NULL;
}

/* Dies of the store. */
static int store_and_die(void *word)
{
	WRITE_ONCE(*(unsigned long *)word, VALUE);
	return 0;
}

static int violate(const char *val, const struct kernel_param *kp)
{
	struct page *tables[ARCH_DMAP_SPLIT_TABLES];
	struct task_struct *task;
	unsigned long *word, pfn;
	int i, ret = -ENOMEM;

	word = current->mm ? own_table(val) : NULL;
	if (!word)
		return -EINVAL;
	pfn = ALIGN_DOWN(PHYS_PFN(__pa(word)), BLOCK_PAGES);
	for (i = 0; i < ARCH_DMAP_SPLIT_TABLES; i++)
		tables[i] = alloc_page(GFP_KERNEL);
	task = kthread_create(store_and_die, word, "pgtable_wp_die");
	if (!IS_ERR(task) && tables[0] && tables[1]) {
		get_task_struct(task);
		ret = arch_dmap_protect(pfn, true, tables);
		/* It ends in any case; its result says how. */
		if (ret >= 0) {
			wake_up_process(task);
			while (!READ_ONCE(task->exit_state))
				schedule_timeout_uninterruptible(1);
			arch_dmap_protect(pfn, false, NULL);
			ret = *word == VALUE ? -EIO : 0;
		} else {
			kthread_stop(task);
		}
		put_task_struct(task);
	}
	for (i = 0; i < ARCH_DMAP_SPLIT_TABLES; i++)
		if (tables[i])
			__free_page(tables[i]);
	return ret;
}

static const struct kernel_param_ops violate_ops = { .set = violate };
module_param_cb(violate, &violate_ops, NULL, 0200);

MODULE_DESCRIPTION("KUnit tests of write-protected page tables");
MODULE_LICENSE("GPL");
