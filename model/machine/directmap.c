// SPDX-License-Identifier: GPL-2.0
/*
 * The direct map: tables as at boot of an x86 machine, CPA as far as it splits,
 * and changes of single entries for tests. Splitting and collapsing on behalf
 * of dmap is kernel/arch/x86/mm/dmap.c, unchanged.
 *
 * All entries change by set_entry(). It knows which page frames are tables that
 * are in use (PG_table), and who took rights away from a page, for the report
 * of an access that should not have been possible.
 */
#include "memory.h"
#include <asm/dmap.h>
#include <stdio.h>
#include <sys/mman.h>

/* log2 of the pages that an entry of a level maps */
#define ORDER_PTE	0
#define ORDER_PMD	9
#define ORDER_PUD	18
#define ORDER_PGD	27

#define RIGHTS_DEFAULT	(MAP_READ | MAP_WRITE)
#define RIGHTS_MIXED	0xff

void *machine_contents;
pgd_t *machine_pgd;
struct mm_struct init_mm = { .mmap_lock = __RWSEM_INITIALIZER(init_mm.mmap_lock) };
DEFINE_SPINLOCK(cpa_lock);
DEFINE_SPINLOCK(pgd_lock);
unsigned long direct_pages_count[PG_LEVEL_NUM];
pteval_t __supported_pte_mask;
pteval_t __default_kernel_pte_mask;
int direct_gbpages;
struct machine_quirks machine_quirks;

static unsigned long boot_pages_count[PG_LEVEL_NUM];
static size_t contents_size;
static void *contents_map;

/* Who took rights away, the last first. */
#define NR_NARROWED	64
static struct narrowed {
	unsigned long pfn, nr;
	const char *task, *operation;
	unsigned long argument;
} narrowed[NR_NARROWED];
static unsigned int nr_narrowed;

/* Some TLB may say something else than the tables. */
static bool changed;

/* Entries */

static unsigned long load(const unsigned long *entry)
{
	return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

static unsigned int rights_of(unsigned long value)
{
	if (!(value & _PAGE_PRESENT))
		return 0;
	return value & _PAGE_RW ? MAP_READ | MAP_WRITE : MAP_READ;
}

static bool is_table(unsigned long value, unsigned int order)
{
	return order && value & _PAGE_PRESENT && !(value & _PAGE_PSE);
}

static unsigned long *table_of(unsigned long value)
{
	return __va(value & PTE_PFN_MASK);
}

/* The entry that maps @pfn, its order and the rights along the way. */
static unsigned long *find_entry(unsigned long pfn, unsigned int *order,
				 unsigned int *rights)
{
	unsigned long *table = (unsigned long *)machine_pgd, *entry, value;

	*rights = RIGHTS_DEFAULT;
	for (*order = ORDER_PGD;; *order -= 9) {
		entry = table + (pfn >> *order) % PTRS_PER_PTE;
		value = load(entry);
		*rights &= rights_of(value);
		if (!is_table(value, *order))
			return entry;
		table = table_of(value);
	}
}

unsigned int directmap_entry(unsigned long pfn, unsigned int *rights)
{
	unsigned int order;

	find_entry(pfn, &order, rights);
	return 1U << order;
}

unsigned int machine_mapping(unsigned long pfn)
{
	unsigned int order, rights;

	find_entry(pfn, &order, &rights);
	return rights;
}

/* The rights of the 512 parts of what an entry maps. */
static void parts(unsigned long value, unsigned int order, u8 *rights)
{
	unsigned long *table;
	int i;

	if (!is_table(value, order)) {
		memset(rights, rights_of(value), PTRS_PER_PTE);
		return;
	}
	table = table_of(value);
	for (i = 0; i < PTRS_PER_PTE; i++) {
		unsigned long part = load(table + i);

		rights[i] = is_table(part, order - 9) ? RIGHTS_MIXED :
			    rights_of(value) & rights_of(part);
	}
}

static void note_narrowed(unsigned long pfn, unsigned long nr)
{
	struct narrowed *n;

	model_lock();
	n = &narrowed[nr_narrowed++ % NR_NARROWED];
	n->pfn = pfn;
	n->nr = nr;
	n->task = machine_current->name;
	n->operation = machine_current->operation;
	n->argument = machine_current->argument;
	model_unlock();
}

const char *directmap_narrowed_by(unsigned long pfn)
{
	static char text[128];
	struct narrowed *n;
	unsigned int i;

	for (i = nr_narrowed; i && i + NR_NARROWED > nr_narrowed; i--) {
		n = &narrowed[(i - 1) % NR_NARROWED];
		if (pfn - n->pfn >= n->nr)
			continue;
		snprintf(text, sizeof(text), "%s(%lu) of %s",
			 n->operation ?: "nothing named", n->argument, n->task);
		return text;
	}
	return "somebody long ago";
}

static void note_changes(unsigned long pfn, unsigned int order, const u8 *was,
			 const u8 *is)
{
	unsigned long nr = order ? 1UL << (order - 9) : 1;
	int i;

	for (i = 0; i < (order ? PTRS_PER_PTE : 1); i++) {
		if (was[i] == is[i] || was[i] == RIGHTS_MIXED ||
		    is[i] == RIGHTS_MIXED)
			continue;
		__atomic_store_n(&changed, true, __ATOMIC_RELAXED);
		if (was[i] & ~is[i])
			note_narrowed(pfn + i * nr, nr);
	}
}

static void link_table(unsigned long value, unsigned long pfn, unsigned int order)
{
	struct page *table = pfn_to_page((value & PTE_PFN_MASK) >> PAGE_SHIFT);

	if (buddy_is_free(page_to_pfn(table)) ||
	    (!table->allocated && !PageReserved(table)))
		machine_violation("page 0x%lx becomes a table, but is not allocated",
				  page_to_pfn(table));
	if (page_flag_test_and_set(table, PG_table))
		machine_violation("page 0x%lx becomes a table twice",
				  page_to_pfn(table));
	table->index = pfn;
	__atomic_store_n(&table->private, order, __ATOMIC_RELAXED);
}

static void unlink_table(unsigned long value)
{
	struct page *table = pfn_to_page((value & PTE_PFN_MASK) >> PAGE_SHIFT);

	if (!page_flag_test_and_clear(table, PG_table))
		machine_violation("table 0x%lx was none", page_to_pfn(table));
	page_flag_test_and_set(table, PG_was_table);
}

static void set_entry(unsigned long *entry, unsigned long value,
		      unsigned int order)
{
	struct page *table = virt_to_page(entry);
	unsigned long old = load(entry), pfn;
	u8 was[PTRS_PER_PTE], is[PTRS_PER_PTE];

	if (!page_flag(table, PG_table) || table->private != order) {
		machine_violation("an entry of page 0x%lx is set, which is no table in use",
				  page_to_pfn(table));
		return;
	}
	pfn = table->index + ((unsigned long)entry % PAGE_SIZE /
			      sizeof(*entry) << order);
	if (order)
		lockdep_assert_held(&pgd_lock);
	lockdep_assert_held(&cpa_lock);
	parts(old, order, was);
	if (is_table(value, order))
		link_table(value, pfn, order - 9);
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
	if (is_table(old, order))
		unlink_table(old);
	parts(value, order, is);
	note_changes(pfn, order, was, is);
}

void set_pte(pte_t *ptep, pte_t pte)
{
	machine_point("set_pte()");
	set_entry((unsigned long *)ptep, pte_val(pte), ORDER_PTE);
}

void set_pmd(pmd_t *pmdp, pmd_t pmd)
{
	machine_point("set_pmd()");
	if (is_table(pmd_val(*pmdp), ORDER_PMD) && pmd_leaf(pmd))
		machine_stat(collapses_2m, 1);
	set_entry((unsigned long *)pmdp, pmd_val(pmd), ORDER_PMD);
}

void set_pud(pud_t *pudp, pud_t pud)
{
	machine_point("set_pud()");
	if (is_table(pud_val(*pudp), ORDER_PUD) && pud_leaf(pud))
		machine_stat(collapses_1g, 1);
	set_entry((unsigned long *)pudp, pud_val(pud), ORDER_PUD);
}

void flush_tlb_all(void)
{
	machine_point("flush_tlb_all()");
	if (irqs_disabled() || in_hardirq())
		machine_violation("flush_tlb_all() with interrupts off");
	machine_stat(flushes, 1);
	machine_stat(shootdowns, machine_nr_cpus);
	/* Whoever changes something from here on flushes for himself. */
	__atomic_store_n(&changed, false, __ATOMIC_RELAXED);
	tlb_flush_all();
}

/* CPA */

static int split_entry(unsigned long *entry, unsigned long seen,
		       unsigned int order, struct page *base)
{
	unsigned long *table = __va(PFN_PHYS(page_to_pfn(base)));
	unsigned long flags, pfn, step = 1UL << (order - 9);
	int level = order == ORDER_PUD ? PG_LEVEL_1G : PG_LEVEL_2M, i;

	spin_lock(&pgd_lock);
	if (load(entry) != seen) {	/* Split by another meanwhile. */
		spin_unlock(&pgd_lock);
		return 1;
	}
	pfn = (seen & (order == ORDER_PUD ? PUD_PFN_MASK : PMD_PFN_MASK)) >> PAGE_SHIFT;
	flags = seen & ~(order == ORDER_PUD ? PUD_PFN_MASK : PMD_PFN_MASK);
	if (order == ORDER_PMD)
		flags = protval_large_2_4k(flags & ~_PAGE_PSE);
	page_flag_test_and_set(base, PG_touched);
	for (i = 0; i < PTRS_PER_PTE; i++)
		__atomic_store_n(table + i, PFN_PHYS(pfn + i * step) | flags,
				 __ATOMIC_RELAXED);
	direct_pages_count[level]--;
	direct_pages_count[level - 1] += PTRS_PER_PTE;
	if (level == PG_LEVEL_1G)
		machine_stat(splits_1g, 1);
	else
		machine_stat(splits_2m, 1);
	machine_point("split_large_page()");
	set_entry(entry, PFN_PHYS(page_to_pfn(base)) | _KERNPG_TABLE, order);
	/* While both sizes are in TLBs, no attribute may change. */
	flush_tlb_all();
	spin_unlock(&pgd_lock);
	return 0;
}

int cpa_split_4k(unsigned long addr)
{
	unsigned long pfn = PFN_DOWN(__pa(addr)), *entry, seen;
	unsigned int order, rights;
	struct page *base;

	spin_lock(&cpa_lock);
	for (;;) {
		entry = find_entry(pfn, &order, &rights);
		seen = load(entry);
		if (!order || !(seen & _PAGE_PRESENT))
			break;
		spin_unlock(&cpa_lock);
		base = arch_dmap_cpa_get_table();
		spin_lock(&cpa_lock);
		if (!base) {
			spin_unlock(&cpa_lock);
			return -ENOMEM;
		}
		if (split_entry(entry, seen, order, base))
			arch_dmap_cpa_put_table(base);
	}
	spin_unlock(&cpa_lock);
	return 0;
}

/* What tests do and ask */

void machine_set_mapping(unsigned long pfn, unsigned int rights)
{
	unsigned int order, old_rights;
	unsigned long *entry, value;

	spin_lock(&cpa_lock);
	entry = find_entry(pfn, &order, &old_rights);
	if (order) {
		spin_unlock(&cpa_lock);
		machine_violation("page 0x%lx has no entry of its own", pfn);
		return;
	}
	value = load(entry) & ~(_PAGE_PRESENT | _PAGE_RW | _PAGE_GLOBAL);
	if (rights)
		value |= _PAGE_PRESENT | (__default_kernel_pte_mask & _PAGE_GLOBAL);
	if (rights & MAP_WRITE)
		value |= _PAGE_RW;
	set_pte((pte_t *)entry, __pte(value));
	spin_unlock(&cpa_lock);
}

void machine_flush_page(unsigned long pfn)
{
	machine_point("flush_tlb_one()");
	machine_stat(flushes, 1);
	machine_stat(shootdowns, machine_nr_cpus);
	tlb_flush_pages(pfn, 1);
}

void machine_direct_map(unsigned long *mapped_2m, unsigned long *mapped_1g)
{
	*mapped_2m = direct_pages_count[PG_LEVEL_2M];
	*mapped_1g = direct_pages_count[PG_LEVEL_1G];
}

unsigned long machine_lost_2m(void)
{
	return (direct_pages_count[PG_LEVEL_4K] -
		boot_pages_count[PG_LEVEL_4K]) / PTRS_PER_PTE;
}

bool directmap_check_free(unsigned long pfn, unsigned int order)
{
	unsigned long end = pfn + (1UL << order), i;
	unsigned int rights, cpu, entry;

	for (i = pfn; i < end; i += entry) {
		entry = directmap_entry(i, &rights);
		if (likely(rights == RIGHTS_DEFAULT))
			continue;
		machine_violation("page 0x%lx given back, but not mapped as it was: %s, by %s",
				  i, rights ? "read-only" : "not present",
				  directmap_narrowed_by(i));
		return false;
	}
	if (likely(!__atomic_load_n(&changed, __ATOMIC_RELAXED)) ||
	    !machine_config.tlb)
		return true;
	for (i = pfn; i < end; i++)
		if (tlb_disagrees(i, RIGHTS_DEFAULT, &cpu)) {
			machine_violation("page 0x%lx given back, but the TLB of CPU %u has it as it was before %s",
					  i, cpu, directmap_narrowed_by(i));
			return false;
		}
	return true;
}

/* Count what the tables say. */
static void count_entries(const unsigned long *table, unsigned int order,
			  unsigned long *count)
{
	int i;

	for (i = 0; i < PTRS_PER_PTE; i++) {
		unsigned long value = load(table + i);

		if (is_table(value, order))
			count_entries(table_of(value), order - 9, count);
		else if (value)	/* an absent page has its entry all the same */
			count[order / 9 + 1]++;
	}
}

bool directmap_valid(void)
{
	unsigned long count[PG_LEVEL_NUM] = {}, pages = 0;
	int level;

	count_entries((unsigned long *)machine_pgd, ORDER_PGD, count);
	for (level = PG_LEVEL_4K; level <= PG_LEVEL_1G; level++) {
		if (count[level] != direct_pages_count[level])
			return false;
		pages += count[level] << (level - 1) * 9;
	}
	return pages == machine_nr_pfns;
}

/* Boot */

static bool gib_leaf(unsigned long pfn)
{
	return machine_config.gib_pages && pfn &&
	       pfn + (1UL << ORDER_PUD) <= machine_nr_pfns;
}

/* Page frames of boot tables: a top one, one for the low 2 MiB, and the rest. */
unsigned long directmap_tables(void)
{
	unsigned long nr = 2, pfn;

	for (pfn = 0; pfn < machine_nr_pfns; pfn += 1UL << ORDER_PUD) {
		if (!(pfn & ((1UL << ORDER_PGD) - 1)))
			nr++;
		if (!gib_leaf(pfn))
			nr++;
	}
	return nr;
}

static unsigned long next_table;

static unsigned long *boot_table(unsigned long pfn, unsigned int order)
{
	struct page *page = pfn_to_page(next_table++);

	page->flags |= 1UL << PG_table | 1UL << PG_touched;
	page->index = pfn;
	page->private = order;
	return __va(PFN_PHYS(page_to_pfn(page)));
}

static unsigned long *boot_table_in(unsigned long *entry, unsigned long pfn,
				    unsigned int order)
{
	if (!*entry)
		*entry = __pa(boot_table(pfn, order)) | _KERNPG_TABLE;
	return table_of(*entry);
}

static void map_at_boot(unsigned long pfn, unsigned int order)
{
	unsigned long prot = __PAGE_KERNEL & __default_kernel_pte_mask;
	unsigned long *table = (unsigned long *)machine_pgd, *entry;
	unsigned int level;

	for (level = ORDER_PGD;; level -= 9) {
		entry = table + (pfn >> level) % PTRS_PER_PTE;
		if (level == order)
			break;
		table = boot_table_in(entry, ALIGN_DOWN(pfn, 1UL << level),
				      level - 9);
	}
	*entry = PFN_PHYS(pfn) | prot | (order ? _PAGE_PSE : 0);
	direct_pages_count[order / 9 + 1]++;
}

void directmap_boot(unsigned long first_table)
{
	unsigned long pfn;

	/* Addresses start where a 1 GiB entry could. */
	contents_size = (machine_nr_pfns << PAGE_SHIFT) + PUD_SIZE;
	contents_map = mmap(NULL, contents_size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (contents_map == MAP_FAILED) {
		perror("address space for the machine's memory");
		exit(EXIT_FAILURE);
	}
	machine_contents = (void *)ALIGN((unsigned long)contents_map, PUD_SIZE);
	memset(direct_pages_count, 0, sizeof(direct_pages_count));
	nr_narrowed = 0;
	changed = false;
	direct_gbpages = machine_config.gib_pages;
	__supported_pte_mask = ~0UL;
	__default_kernel_pte_mask = machine_quirks.pti ? ~_PAGE_GLOBAL : ~0UL;

	next_table = first_table;
	machine_pgd = (pgd_t *)boot_table(0, ORDER_PGD);
	for (pfn = 0; pfn < machine_nr_pfns;) {
		unsigned int order = pfn < 1UL << ORDER_PMD ? ORDER_PTE :
			IS_ALIGNED(pfn, 1UL << ORDER_PUD) && gib_leaf(pfn) ?
			ORDER_PUD : ORDER_PMD;

		map_at_boot(pfn, order);
		pfn += 1UL << order;
	}
	BUG_ON(next_table != first_table + directmap_tables());
	memcpy(boot_pages_count, direct_pages_count, sizeof(boot_pages_count));
}

void directmap_forget(void)
{
	munmap(contents_map, contents_size);
	machine_contents = NULL;
}

void directmap_shutdown(void)
{
	if (!directmap_valid())
		machine_violation("the direct map's tables and counts disagree");
	if (memcmp(boot_pages_count, direct_pages_count, sizeof(boot_pages_count)))
		machine_violation("the direct map is not what it was at boot: %lu small, %lu of 2M, %lu of 1G; then %lu, %lu, %lu",
				  direct_pages_count[PG_LEVEL_4K],
				  direct_pages_count[PG_LEVEL_2M],
				  direct_pages_count[PG_LEVEL_1G],
				  boot_pages_count[PG_LEVEL_4K],
				  boot_pages_count[PG_LEVEL_2M],
				  boot_pages_count[PG_LEVEL_1G]);
	directmap_forget();
}

/* What kind of machine */

bool pfn_range_is_mapped(unsigned long start_pfn, unsigned long end_pfn)
{
	return start_pfn < end_pfn && end_pfn <= machine_nr_pfns;
}

bool boot_cpu_has(unsigned int feature)
{
	switch (feature) {
	case X86_FEATURE_PSE:
		return !machine_quirks.no_pse;
	case X86_FEATURE_MTRR:
		return machine_quirks.mtrr_pfn;
	case X86_FEATURE_XENPV:
		return machine_quirks.xen_pv;
	}
	machine_unmodelled("this CPU feature");
}

bool cc_platform_has(enum cc_attr attr)
{
	return machine_quirks.sev_snp;
}

bool debug_pagealloc_enabled(void)
{
	return machine_quirks.debug_pagealloc;
}

bool is_kfence_address(const void *addr)
{
	return PFN_DOWN(__pa(addr)) - machine_quirks.kfence_pfn <
	       machine_quirks.kfence_pages;
}

static bool reserved_overlaps(u64 start, u64 end)
{
	u64 from = PFN_PHYS(machine_quirks.reserved_pfn);

	return machine_quirks.reserved_pages &&
	       start < from + PFN_PHYS(machine_quirks.reserved_pages) &&
	       from < end;
}

int e820__get_entry_type(u64 start, u64 end)
{
	if (end > PFN_PHYS(machine_nr_pfns) || reserved_overlaps(start, end))
		return -EINVAL;
	return E820_TYPE_RAM;
}

bool e820__mapped_any(u64 start, u64 end, enum e820_type type)
{
	if (type == E820_TYPE_RAM)
		return start < PFN_PHYS(machine_nr_pfns);
	return type == E820_TYPE_RESERVED && reserved_overlaps(start, end);
}

u8 mtrr_type_lookup(u64 start, u64 end, u8 *uniform)
{
	u64 at = PFN_PHYS(machine_quirks.mtrr_pfn);

	*uniform = !(at > start && at < end);
	return 6;	/* write-back */
}
