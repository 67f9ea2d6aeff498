// SPDX-License-Identifier: GPL-2.0
/*
 * dmap, x86: split large mappings of the direct map, and collapse them again.
 *
 * Lock order:
 *
 *	init_mm's mmap lock, for write	collapse only; keeps ptdump out
 *	  dmap_map_lock			one split or collapse at a time
 *	    cpu_hotplug_lock, for read	collapse only, and only by trylock
 *	      cpa_lock			keeps out every other change of attributes
 *	        pgd_lock		keeps out CPA's split, guards the counts
 *
 * vm_unmap_aliases() and its vmap_purge_lock nest inside dmap_map_lock too.
 * Nothing here allocates memory, so no lock of this file is ever held across
 * reclaim, and a shrinker may call arch_dmap_collapse(pfn, false).
 *
 * Only tables of the direct map are freed here, and only PTE and PMD tables.
 * No page table but init_mm's refers to them: user mms, EFI's mm and the
 * temporary mms copy or share top-level entries (PGD, or P4D where that is
 * the top level) and so share everything below; PTI clones PMD and PTE entries
 * of the kernel image and the entry area, not of the direct map; hibernation
 * and kexec build tables of their own. The one exception is the PUD entry of
 * the first GiB, which init_trampoline_kaslr() copies; see gib_may_collapse().
 * IOMMUs do not walk these tables either: SVA is refused on x86.
 */
#include <linux/cc_platform.h>
#include <linux/cpu.h>
#include <linux/cpufeature.h>
#include <linux/kfence.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pgalloc.h>
#include <linux/pgtable.h>
#include <linux/rcupdate.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/set_memory.h>
#include <linux/spinlock.h>

#include <asm/dmap.h>
#include <asm/e820/api.h>
#include <asm/mtrr.h>
#include <asm/sections.h>
#include <asm/setup.h>
#include <asm/tlbflush.h>

#include "mm_internal.h"

#define PFNS_PER_PMD	(PMD_SIZE >> PAGE_SHIFT)
#define PFNS_PER_PUD	(PUD_SIZE >> PAGE_SHIFT)

/*
 * Attributes in which entries may differ and still be merged. The hardware
 * sets Accessed and Dirty behind our back. Global says nothing about access:
 * set_memory_np() clears it and set_memory_p() does not bring it back, so each
 * page that once was absent would otherwise bar its 2 MiB from collapse.
 */
#define MERGED_FLAGS	(_PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_GLOBAL)

/*
 * Serializes arch_dmap_split() and arch_dmap_collapse(): a collapse between
 * the two steps of a split would take back the first and the split would run
 * out of tables.
 */
static DEFINE_MUTEX(dmap_map_lock);

/*
 * The split in progress. Written under dmap_map_lock; read without it by
 * arch_dmap_cpa_get_table(), where only the comparison of @task with current
 * matters: no other task can store current there, or take it away.
 */
static struct {
	struct task_struct *task;
	struct page **tables;
} dmap_split;

/* The direct-map tables and entries that lead to one 2 MiB range. */
struct dmap_walk {
	pud_t *pud;
	pmd_t *pmd;
};

/* The tables that a collapse took out of use. */
struct dmap_dead {
	struct page *pte_table;
	struct page *pmd_table;
};

static bool pfn_in_image(unsigned long pfn)
{
	return pfn >= PFN_DOWN(__pa_symbol(_text)) &&
	       pfn < PFN_UP(__pa_symbol(roundup(_brk_end, PMD_SIZE)));
}

static bool range_in_image(unsigned long pfn)
{
	return pfn < PFN_UP(__pa_symbol(roundup(_brk_end, PMD_SIZE))) &&
	       pfn + PFNS_PER_PMD > PFN_DOWN(__pa_symbol(_text));
}

static bool range_in_kfence_pool(unsigned long addr)
{
	unsigned long end = addr + PMD_SIZE;

	if (!IS_ENABLED(CONFIG_KFENCE))
		return false;

	for (; addr < end; addr += PAGE_SIZE)
		if (is_kfence_address((void *)addr))
			return true;

	return false;
}

/* A large page must not span memory types. No MTRRs, nothing to span. */
static bool mtrr_uniform(unsigned long pfn, unsigned long size)
{
	u64 start = PFN_PHYS(pfn);
	u8 uniform;

	if (!cpu_feature_enabled(X86_FEATURE_MTRR))
		return true;

	mtrr_type_lookup(start, start + size, &uniform);
	return uniform;
}

static int range_check(unsigned long pfn)
{
	if (WARN_ON_ONCE(!IS_ALIGNED(pfn, PFNS_PER_PMD)))
		return -EINVAL;
	if (!pfn_range_is_mapped(pfn, pfn + PFNS_PER_PMD))
		return -EINVAL;
	/*
	 * CPA splits the high mapping of the kernel image together with its
	 * alias in the direct map, and nobody puts that together again.
	 */
	if (range_in_image(pfn))
		return -EOPNOTSUPP;

	return 0;
}

/**
 * arch_dmap_range_ok() - can a 2 MiB range be split and collapsed?
 * @pfn: first page of the range, a multiple of 512
 *
 * Context: any.
 * Return: false for what arch_dmap_split() refuses.
 */
bool arch_dmap_range_ok(unsigned long pfn)
{
	return !range_check(pfn);
}

/**
 * arch_dmap_supported() - can this machine's direct map be split and collapsed?
 * @why: where to store the reason, for the log, when the answer is no
 *
 * Context: any, once CPU features are settled (mem_init() and later).
 * Return: true, or false with *@why set.
 */
bool arch_dmap_supported(const char **why)
{
	if (!IS_ENABLED(CONFIG_X86_64)) {
		*why = "32-bit kernel";
		return false;
	}
	if (cpu_feature_enabled(X86_FEATURE_XENPV)) {
		*why = "Xen PV guest";
		return false;
	}
	if (!boot_cpu_has(X86_FEATURE_PSE)) {
		*why = "no large pages (CPU has no PSE)";
		return false;
	}
	/* Everything is 4 KiB-mapped then, and CPA does not take cpa_lock. */
	if (debug_pagealloc_enabled()) {
		*why = "debug_pagealloc is on";
		return false;
	}
	/* The RMP may demand 4 KiB entries; see adjust_direct_map(). */
	if (cc_platform_has(CC_ATTR_HOST_SEV_SNP)) {
		*why = "SEV-SNP host";
		return false;
	}

	return true;
}

/**
 * arch_dmap_cpa_get_table() - a page for the table that CPA is about to fill
 *
 * Inside arch_dmap_split() it is one of the pages given to that, so that CPA
 * neither allocates nor fails; for every other caller of CPA it is a new one.
 *
 * Context: split_large_page() only; may sleep.
 * Return: the page, or NULL when there is none.
 */
struct page *arch_dmap_cpa_get_table(void)
{
	struct page *table;
	int i;

	if (likely(READ_ONCE(dmap_split.task) != current))
		return alloc_pages(GFP_KERNEL, 0);

	for (i = 0; i < ARCH_DMAP_SPLIT_TABLES; i++) {
		table = dmap_split.tables[i];
		if (table) {
			dmap_split.tables[i] = NULL;
			return table;
		}
	}

	return NULL;
}

/**
 * arch_dmap_cpa_put_table() - take back a table page that CPA did not need
 * @table: what arch_dmap_cpa_get_table() returned to this task
 *
 * Context: split_large_page() only, with cpa_lock held; does not sleep.
 */
void arch_dmap_cpa_put_table(struct page *table)
{
	int i;

	if (likely(READ_ONCE(dmap_split.task) != current)) {
		__free_page(table);
		return;
	}

	/* It came from one of the slots, so one of them is empty. */
	for (i = 0; i < ARCH_DMAP_SPLIT_TABLES; i++) {
		if (!dmap_split.tables[i]) {
			dmap_split.tables[i] = table;
			return;
		}
	}

	WARN_ON_ONCE(1);
}

/*
 * Find the entries for @addr. Returns the level that maps it, and PG_LEVEL_4K
 * for a PTE that is not present as well; PG_LEVEL_NONE if there is no table
 * to hold that PTE.
 *
 * Each entry is read once. So this can run without a lock: a collapse leaves
 * the tables that it replaces intact, and they are freed after an RCU grace
 * period, so what is found is at worst what was true a moment ago.
 */
static int walk(unsigned long addr, struct dmap_walk *w)
{
	p4d_t *p4d;
	pud_t pud;
	pmd_t pmd;
	pgd_t *pgd;

	/* Tables of these levels are never freed: no care needed. */
	pgd = pgd_offset_k(addr);
	if (pgd_none(*pgd))
		return PG_LEVEL_NONE;
	p4d = p4d_offset(pgd, addr);
	if (!p4d_present(*p4d))
		return PG_LEVEL_NONE;

	w->pud = pud_offset(p4d, addr);
	pud = READ_ONCE(*w->pud);
	if (!pud_present(pud))
		return PG_LEVEL_NONE;
	if (pud_leaf(pud))
		return PG_LEVEL_1G;

	w->pmd = pud_pgtable(pud) + pmd_index(addr);
	pmd = READ_ONCE(*w->pmd);
	if (!pmd_present(pmd))
		return PG_LEVEL_NONE;
	if (pmd_leaf(pmd))
		return PG_LEVEL_2M;

	return PG_LEVEL_4K;
}

/**
 * arch_dmap_level() - the size of the direct-map entry that maps a page
 * @pfn: the page
 *
 * For reports: the answer may be stale when it arrives.
 *
 * Context: any; takes no lock.
 * Return: PG_LEVEL_4K, PG_LEVEL_2M or PG_LEVEL_1G; PG_LEVEL_NONE if @pfn is
 * not mapped.
 */
int arch_dmap_level(unsigned long pfn)
{
	unsigned long addr = (unsigned long)__va(PFN_PHYS(pfn));
	struct dmap_walk w;
	int level;

	rcu_read_lock();
	level = walk(addr, &w);
	if (level == PG_LEVEL_4K) {
		pmd_t pmd = READ_ONCE(*w.pmd);

		/* Collapsed since walk() looked. */
		if (pmd_leaf(pmd))
			level = PG_LEVEL_2M;
		else if (!pte_present(READ_ONCE(((pte_t *)
				pmd_page_vaddr(pmd))[pte_index(addr)])))
			level = PG_LEVEL_NONE;
	}
	rcu_read_unlock();

	return level;
}

/**
 * arch_dmap_split() - map a 2 MiB range of the direct map with 4 KiB entries
 * @pfn: first page of the range, a multiple of 512
 * @tables: preallocated order-0 pages, of any content; those that became page
 *	tables now belong to the direct map and their slots are NULL
 *
 * Attributes stay as they are. Allocates nothing, so it cannot recurse into
 * the cache that calls it. The caller owns at least one page of the range, so
 * that it cannot be hot-removed meanwhile. If it fails, the slots that are
 * NULL were used nevertheless (only the 1 GiB page was split).
 *
 * Context: process context, may sleep.
 * Return: a mask of ARCH_DMAP_SPLIT_2M and ARCH_DMAP_SPLIT_1G, 0 if the range
 * had 4 KiB entries already; -EINVAL if @pfn is not the start of a mapped
 * range, -EOPNOTSUPP if it belongs to the kernel image or debug_pagealloc is
 * on, -ENOMEM if @tables did not suffice.
 */
int arch_dmap_split(unsigned long pfn,
		    struct page *tables[ARCH_DMAP_SPLIT_TABLES])
{
	unsigned long addr = (unsigned long)__va(PFN_PHYS(pfn));
	struct page *given[ARCH_DMAP_SPLIT_TABLES];
	struct dmap_walk w;
	int i, ret = 0;

	might_sleep();

	if (debug_pagealloc_enabled())
		return -EOPNOTSUPP;

	mutex_lock(&dmap_map_lock);

	/* dmap_map_lock keeps collapse away: the tables cannot vanish. */
	if (walk(addr, &w) == PG_LEVEL_4K)
		goto unlock;

	ret = range_check(pfn);
	if (ret)
		goto unlock;

	for (i = 0; i < ARCH_DMAP_SPLIT_TABLES; i++)
		given[i] = tables[i];

	dmap_split.tables = tables;
	WRITE_ONCE(dmap_split.task, current);
	ret = cpa_split_4k(addr);
	WRITE_ONCE(dmap_split.task, NULL);
	dmap_split.tables = NULL;
	if (ret)
		goto unlock;

	if (walk(addr, &w) != PG_LEVEL_4K) {
		ret = -EINVAL;
		goto unlock;
	}

	/*
	 * Another CPA caller may have split one of the levels at the same
	 * time: what counts as ours is what uses a page of ours.
	 */
	for (i = 0; i < ARCH_DMAP_SPLIT_TABLES; i++) {
		if (!given[i] || tables[i])
			continue;
		if (pmd_page(*w.pmd) == given[i])
			ret |= ARCH_DMAP_SPLIT_2M;
		else if (pud_page(*w.pud) == given[i])
			ret |= ARCH_DMAP_SPLIT_1G;
	}

unlock:
	mutex_unlock(&dmap_map_lock);
	return ret;
}

/*
 * The entry that replaces 512 with @flags in common; @any and @all are the OR
 * and the AND of their flags.
 */
static pgprotval_t merge_flags(pgprotval_t flags, pgprotval_t any,
			       pgprotval_t all)
{
	flags &= ~(pgprotval_t)MERGED_FLAGS;
	flags |= any & _PAGE_ACCESSED;

	/*
	 * Read-only and dirty is how a shadow stack is encoded, and a store
	 * with CR0.WP clear makes it so. Nobody reads Dirty here: drop it.
	 */
	if (flags & _PAGE_RW)
		flags |= any & _PAGE_DIRTY;

	/*
	 * Without PTI, Global is the default and entries that lost it may have
	 * it again. With PTI, Global is a matter of security: an entry gets it
	 * only if all had it.
	 */
	if (__default_kernel_pte_mask & _PAGE_GLOBAL)
		flags |= any & _PAGE_GLOBAL;
	else
		flags |= all & _PAGE_GLOBAL;

	return flags;
}

/*
 * May a large entry have these attributes?
 *
 * Only write-back memory, where the cache bits are all zero: cpa_flush() looks
 * up pages that became uncached without a lock that we respect, and a table
 * that it looks at must not be freed. And only no-execute, as all of the direct
 * map is: fetching code through a range that changes its page size hits the
 * iTLB multihit erratum.
 */
static bool flags_may_merge(pgprotval_t flags, pgprotval_t cache_mask)
{
	if (!(flags & _PAGE_PRESENT) || (flags & (_PAGE_USER | cache_mask)))
		return false;

	return (flags & _PAGE_NX) || !(__supported_pte_mask & _PAGE_NX);
}

/* A table entry must not restrict more than the leaf entry replacing it. */
static bool table_is_plain(pgprotval_t flags)
{
	return (flags & (_PAGE_RW | _PAGE_NX)) == _PAGE_RW;
}

/* Build the PMD entry that can replace the PTE table below @pmd, if any. */
static bool pmd_from_ptes(pmd_t pmd, unsigned long base_pfn, pmd_t *large)
{
	pte_t *ptes = (pte_t *)pmd_page_vaddr(pmd);
	pgprotval_t first, flags, any = 0, all = ~0UL;
	unsigned int i;

	if (!table_is_plain(pmd_flags(pmd)))
		return false;

	first = pte_flags(ptep_get(ptes));
	if (!flags_may_merge(first, _PAGE_CACHE_MASK))
		return false;

	for (i = 0; i < PTRS_PER_PTE; i++) {
		pte_t pte = ptep_get(ptes + i);

		flags = pte_flags(pte);
		if ((flags ^ first) & ~(pgprotval_t)MERGED_FLAGS)
			return false;
		if (pte_pfn(pte) != base_pfn + i)
			return false;
		any |= flags;
		all &= flags;
	}

	flags = merge_flags(first, any, all);
	flags = protval_4k_2_large(flags) | _PAGE_PSE;
	*large = pfn_pmd(base_pfn, __pgprot(flags));
	return true;
}

/* Build the PUD entry that can replace the PMD table below @pud, if any. */
static bool pud_from_pmds(pud_t pud, unsigned long base_pfn, pud_t *large)
{
	pmd_t *pmds = pud_pgtable(pud);
	pgprotval_t first, flags, any = 0, all = ~0UL;
	unsigned int i;

	if (!table_is_plain(pud_flags(pud)))
		return false;

	if (!pmd_leaf(READ_ONCE(pmds[0])))
		return false;
	first = pmd_flags(READ_ONCE(pmds[0]));
	if (!flags_may_merge(first, _PAGE_LARGE_CACHE_MASK))
		return false;

	for (i = 0; i < PTRS_PER_PMD; i++) {
		pmd_t pmd = READ_ONCE(pmds[i]);

		if (!pmd_leaf(pmd))
			return false;
		flags = pmd_flags(pmd);
		if ((flags ^ first) & ~(pgprotval_t)MERGED_FLAGS)
			return false;
		if (pmd_pfn(pmd) != base_pfn + i * PFNS_PER_PMD)
			return false;
		any |= flags;
		all &= flags;
	}

	*large = pfn_pud(base_pfn, __pgprot(merge_flags(first, any, all)));
	return true;
}

/*
 * May this GiB be mapped by one entry, whatever its attributes?
 *
 * Not the first one: init_trampoline_kaslr() copied its PUD entry.
 * And only memory that was there at boot: hotplugged memory can be removed in
 * parts, and remove_pud_table() takes a 1 GiB entry of which only a part goes
 * away for a table.
 */
static bool gib_may_collapse(unsigned long base_pfn)
{
	static const enum e820_type other[] = {
		E820_TYPE_RESERVED, E820_TYPE_ACPI, E820_TYPE_NVS,
		E820_TYPE_UNUSABLE, E820_TYPE_PMEM, E820_TYPE_PRAM,
		E820_TYPE_SOFT_RESERVED,
	};
	u64 start = PFN_PHYS(base_pfn), end = start + PUD_SIZE;
	unsigned int i;

	if (!direct_gbpages || !base_pfn)
		return false;
	if (!pfn_range_is_mapped(base_pfn, base_pfn + PFNS_PER_PUD))
		return false;
	/* -EINVAL where a part of the range is in no entry. */
	if (e820__get_entry_type(start, end) < 0)
		return false;
	for (i = 0; i < ARRAY_SIZE(other); i++)
		if (e820__mapped_any(start, end, other[i]))
			return false;

	return mtrr_uniform(base_pfn, PUD_SIZE);
}

/* Keep the sum of DirectMap4k, 2M and 1G in /proc/meminfo constant. */
static void collapse_page_count(int level)
{
	lockdep_assert_held(&pgd_lock);

	if (!IS_ENABLED(CONFIG_PROC_FS))
		return;

	direct_pages_count[level - 1] -= PTRS_PER_PTE;
	direct_pages_count[level]++;
}

/*
 * Collapse what can be collapsed at @addr; the tables that are not used any
 * more are in @dead, and no CPU has a trace of them in its TLB.
 */
static int collapse_locked(unsigned long addr, bool gib_ok,
			   struct dmap_dead *dead)
{
	unsigned long pfn = PFN_DOWN(__pa(addr));
	struct dmap_walk w;
	pmd_t old_pmd, pmd;
	pud_t old_pud, pud;
	int ret = 0;

	lockdep_assert_held_write(&init_mm.mmap_lock);
	lockdep_assert_held(&dmap_map_lock);
	lockdep_assert_cpus_held();
	lockdep_assert_irqs_enabled();

	spin_lock(&cpa_lock);
	spin_lock(&pgd_lock);

	switch (walk(addr, &w)) {
	case PG_LEVEL_1G:
		goto unlock;
	case PG_LEVEL_2M:
		break;
	case PG_LEVEL_4K:
		/*
		 * KFENCE changes the entries of its pool without a lock, from
		 * any context, and wants to find them there.
		 */
		if (range_in_kfence_pool(addr)) {
			ret = -EOPNOTSUPP;
			goto unlock;
		}
		old_pmd = *w.pmd;
		if (!pmd_from_ptes(old_pmd, pfn, &pmd)) {
			ret = -EBUSY;
			goto unlock;
		}
		/* One store: a walker sees the table or the large page. */
		set_pmd(w.pmd, pmd);
		collapse_page_count(PG_LEVEL_2M);
		dead->pte_table = pmd_page(old_pmd);
		ret |= ARCH_DMAP_COLLAPSE_2M;
		break;
	default:
		ret = -EBUSY;
		goto unlock;
	}

	if (gib_ok) {
		old_pud = *w.pud;
		if (pud_from_pmds(old_pud, pfn & ~(PFNS_PER_PUD - 1), &pud)) {
			set_pud(w.pud, pud);
			collapse_page_count(PG_LEVEL_1G);
			dead->pmd_table = pud_page(old_pud);
			ret |= ARCH_DMAP_COLLAPSE_1G;
		}
	}

	/*
	 * Flush before the locks are dropped, as __split_large_page() does.
	 *
	 * From the store above to the flush a CPU may use old small and new
	 * large translations of one page side by side. That is allowed while
	 * frame and permissions are the same, which was checked, and cpa_lock
	 * keeps it true: whoever wants to change them waits until the old
	 * translations are gone. With the flush after the unlock CPA could
	 * make the new entry read-only first. Its own flush does reach every
	 * translation, old or new, of the pages that it changed (INVLPG drops
	 * all sizes), but only later, and until then the TLBs would hold
	 * conflicting translations, which is undefined; and the *_noflush()
	 * functions do not flush at all.
	 *
	 * This also empties the paging-structure caches. After it no CPU's
	 * page walker can reach the old tables, to read them or to set
	 * Accessed bits in them, so they may become something else. A CPU that
	 * is just coming up would not get the IPI; cpus_read_trylock() in our
	 * caller says that there is none.
	 *
	 * Waiting for other CPUs with these two spinlocks held is safe since
	 * nobody takes them with interrupts off; CPA relies on that already.
	 */
	if (ret)
		flush_tlb_all();
unlock:
	spin_unlock(&pgd_lock);
	spin_unlock(&cpa_lock);

	return ret;
}

static void free_table_rcu(struct rcu_head *head)
{
	struct page *table = container_of(head, struct page, rcu_head);

	/* Pairs with paravirt_alloc_pte() in __split_large_page(). */
	paravirt_release_pte(page_to_pfn(table));

	if (!PageReserved(table)) {
		__free_page(table);
		return;
	}

	/*
	 * A table from boot: memblock's, or one of the few from brk. The
	 * latter are part of the kernel image, with an alias there: keep them.
	 */
	if (!pfn_in_image(page_to_pfn(table)))
		free_reserved_page(table);
}

/*
 * Free a table that no CPU's page walker uses any more. Software may still be
 * looking at it: a walk without locks, as in spurious_kernel_fault() (with
 * interrupts off) or arch_dmap_level(). All such walks of the direct map run
 * with interrupts or preemption off or in an RCU reader, so a grace period
 * outlasts them, and until then the table still says what it always said. The
 * walks that may sleep are CPA's own (under cpa_lock, or on uncached memory,
 * which flags_may_merge() refuses), ptdump's (init_mm's mmap lock),
 * hibernation's (everything else is frozen), those of CPU bring-up
 * (slow_virt_to_phys(), kept out by cpus_read_trylock()) and memory hotplug's
 * (not on memory of which our caller owns a page).
 *
 * What a grace period does not help against: a walk that reads an entry twice
 * and finds a table first and a large page then would take data for a PTE. It
 * only reads it. Of the walks above spurious_kernel_fault() alone can do that,
 * on a permission fault in this very range at this very moment, which is a bug
 * already: nobody widens permissions here without a flush.
 */
static void free_table(struct page *table)
{
	if (table)
		call_rcu(&table->rcu_head, free_table_rcu);
}

/**
 * arch_dmap_collapse() - map a 2 MiB range with one large entry again
 * @pfn: first page of the range, a multiple of 512
 * @wait: wait for init_mm's mmap lock; false where the caller may hold it, or
 *	be called by one who does (a shrinker)
 *
 * Undoes arch_dmap_split(), whoever did the split, and goes on to 1 GiB if all
 * of the surrounding GiB has 2 MiB entries by now. All pages of the range must
 * be present with equal attributes, write-back and no-execute. The caller owns
 * at least one page of the range. The tables are freed after a grace period.
 *
 * The first 2 MiB stay as they are (fixed MTRRs, and the 4 KiB entry for page
 * 0), and so does the kernel image.
 *
 * Context: process context, interrupts on. Sleeps, if @wait, else does not.
 * Return: a mask of ARCH_DMAP_COLLAPSE_2M and ARCH_DMAP_COLLAPSE_1G, 0 if there
 * was nothing to do; -EAGAIN if a lock is busy or a CPU is coming or going,
 * also if @wait; -EBUSY if attributes differ or a page is absent; -EOPNOTSUPP
 * for ranges that must keep 4 KiB entries (see above, KFENCE's pool, MTRRs that
 * differ within the range) and under debug_pagealloc; -EINVAL if @pfn is not
 * the start of a mapped range.
 */
int arch_dmap_collapse(unsigned long pfn, bool wait)
{
	unsigned long addr = (unsigned long)__va(PFN_PHYS(pfn));
	struct dmap_dead dead = {};
	const char *why;
	bool gib_ok;
	int ret;

	if (wait)
		might_sleep();

	if (!arch_dmap_supported(&why))
		return -EOPNOTSUPP;

	ret = range_check(pfn);
	if (ret)
		return ret;
	if (!pfn || !mtrr_uniform(pfn, PMD_SIZE))
		return -EOPNOTSUPP;

	gib_ok = gib_may_collapse(pfn & ~(PFNS_PER_PUD - 1));

	/*
	 * The lock itself: mmap_lock.h has no trylock for write, and what its
	 * functions do besides is for VMAs, of which init_mm has none.
	 */
	if (wait) {
		down_write(&init_mm.mmap_lock);
		mutex_lock(&dmap_map_lock);
	} else {
		if (!down_write_trylock(&init_mm.mmap_lock))
			return -EAGAIN;
		if (!mutex_trylock(&dmap_map_lock)) {
			ret = -EAGAIN;
			goto unlock_mmap;
		}
	}

	/*
	 * Never wait for CPU hotplug: its callbacks may wait for the worker
	 * that called us.
	 */
	if (!cpus_read_trylock()) {
		ret = -EAGAIN;
		goto unlock_map;
	}

	ret = collapse_locked(addr, gib_ok, &dead);

	cpus_read_unlock();
unlock_map:
	mutex_unlock(&dmap_map_lock);
unlock_mmap:
	up_write(&init_mm.mmap_lock);

	free_table(dead.pte_table);
	free_table(dead.pmd_table);

	return ret;
}
