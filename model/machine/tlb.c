// SPDX-License-Identifier: GPL-2.0
/*
 * The TLBs: what each CPU remembers of the tables, until it is flushed or
 * forgets by itself, and may use instead of looking.
 *
 * Two kinds. Translations, with the rights that the tables gave when they were
 * looked at. And pointers to tables (the paging-structure caches), by which a
 * CPU walks from the middle: so it may come to a table that no entry refers to
 * any more, and must not find there what somebody else has written since. Each
 * has the generation of the table's page, which changes when it is freed.
 */
#include "memory.h"

#define NR_ENTRIES	32
#define NR_POINTERS	8

struct entry {
	unsigned long pfn;	/* first page */
	unsigned long nr;	/* 0: none */
	u8 rights;
	bool dirty;		/* the tables know that it was written to */
};

struct pointer {
	unsigned long pfn;	/* first page */
	unsigned int order;	/* log2 of the pages that the table maps; 0: none */
	u8 rights;
	unsigned long table;	/* its page */
	u32 generation;
};

struct tlb {
	struct entry entries[NR_ENTRIES];
	struct pointer pointers[NR_POINTERS];
	uint64_t random;
};

static struct tlb *tlbs;

/* Since the last flush of all, some CPU may remember less than all rights. */
static bool narrowed;

/* Its own sequence for each CPU: what others do does not matter. */
static unsigned int chance(struct tlb *tlb, unsigned int n)
{
	tlb->random = tlb->random * 6364136223846793005 + 1442695040888963407;
	return (tlb->random >> 33) % n;
}

static struct entry *find(struct tlb *tlb, unsigned long pfn)
{
	unsigned int i, from = chance(tlb, NR_ENTRIES);
	struct entry *entry;

	for (i = 0; i < NR_ENTRIES; i++) {
		entry = &tlb->entries[(from + i) % NR_ENTRIES];
		if (pfn - entry->pfn < entry->nr)
			return entry;
	}
	return NULL;
}

/* The table to start at: by a pointer, the one nearest to the page, or the top. */
static struct pointer *find_pointer(struct tlb *tlb, unsigned long pfn)
{
	struct pointer *best = NULL, *p;

	if (!chance(tlb, 4))
		return NULL;
	for (p = tlb->pointers; p < tlb->pointers + NR_POINTERS; p++)
		if (p->order && pfn - p->pfn < 1UL << p->order &&
		    (!best || p->order < best->order))
			best = p;
	return best;
}

static void remember_pointer(struct tlb *tlb, unsigned long pfn,
			     unsigned int order, u8 rights, unsigned long table)
{
	struct pointer *p = &tlb->pointers[chance(tlb, NR_POINTERS)];

	p->pfn = ALIGN_DOWN(pfn, 1UL << order);
	p->order = order;
	p->rights = rights;
	p->table = table;
	p->generation = pfn_to_page(table)->generation;
}

/* Walk, as the hardware does: sets Accessed, and Dirty before the first write. */
static struct entry *fill(struct tlb *tlb, unsigned long pfn, bool write)
{
	struct pointer *p = find_pointer(tlb, pfn);
	unsigned long table = p ? p->table : PFN_DOWN(__pa(machine_pgd));
	unsigned int order = p ? p->order : 36;
	u8 rights = p ? p->rights : MAP_READ | MAP_WRITE;
	unsigned long *at, value;
	struct entry *entry;

	if (p && p->generation != pfn_to_page(table)->generation) {
		machine_violation("CPU %u walks through page 0x%lx, a page table that was freed",
				  raw_smp_processor_id(), table);
		p->order = 0;
		return NULL;
	}
	for (;;) {
		order -= 9;
		at = (unsigned long *)__va(PFN_PHYS(table)) + (pfn >> order) % 512;
		value = __atomic_load_n(at, __ATOMIC_RELAXED);
		if (!(value & _PAGE_PRESENT))
			return NULL;
		if (!(value & _PAGE_ACCESSED))
			__atomic_fetch_or(at, _PAGE_ACCESSED, __ATOMIC_RELAXED);
		if (!(value & _PAGE_RW))
			rights &= ~MAP_WRITE;
		if (!order || value & _PAGE_PSE)
			break;
		table = (value & PTE_PFN_MASK) >> PAGE_SHIFT;
		if (order < 27)
			remember_pointer(tlb, pfn, order, rights, table);
	}
	if (write && !(rights & MAP_WRITE))
		return NULL;
	if (write && !(value & _PAGE_DIRTY))
		__atomic_fetch_or(at, _PAGE_DIRTY, __ATOMIC_RELAXED);
	entry = &tlb->entries[chance(tlb, NR_ENTRIES)];
	entry->pfn = ALIGN_DOWN(pfn, 1UL << order);
	entry->nr = 1UL << order;
	entry->rights = rights;
	if (rights != (MAP_READ | MAP_WRITE))
		narrowed = true;
	entry->dirty = write || value & _PAGE_DIRTY;
	return entry;
}

static bool access(unsigned long pfn, unsigned int need)
{
	unsigned int cpu = raw_smp_processor_id();
	struct tlb *tlb = &tlbs[cpu];
	struct entry *entry;
	unsigned int now;

	model_lock();
	/* CPUs forget now and then. */
	if (!chance(tlb, 16))
		tlb->entries[chance(tlb, NR_ENTRIES)].nr = 0;
	if (!chance(tlb, 16))
		tlb->pointers[chance(tlb, NR_POINTERS)].order = 0;
	entry = find(tlb, pfn);
	/* What does not allow it is looked up again, as in a spurious fault. */
	if (entry && (!(entry->rights & need) ||
		      (need == MAP_WRITE && !entry->dirty))) {
		entry->nr = 0;
		entry = NULL;
	}
	if (!entry)
		entry = fill(tlb, pfn, need == MAP_WRITE);
	model_unlock();
	if (!entry)
		return false;
	now = machine_mapping(pfn);
	if (!(now & need))
		machine_violation("CPU %u %s page 0x%lx by way of its TLB, where the tables say %s since %s",
				  cpu, need == MAP_WRITE ? "writes to" : "reads",
				  pfn, now ? "read-only" : "not present",
				  directmap_narrowed_by(pfn));
	return true;
}

bool machine_read(unsigned long pfn)
{
	if (!tlbs)
		return machine_mapping(pfn) & MAP_READ;
	return access(pfn, MAP_READ);
}

bool machine_write(unsigned long pfn)
{
	if (page_flag(pfn_to_page(pfn), PG_table)) {
		machine_violation("page 0x%lx is written to, a page table in use",
				  pfn);
		return false;
	}
	if (!tlbs)
		return machine_mapping(pfn) & MAP_WRITE;
	return access(pfn, MAP_WRITE);
}

void tlb_flush_all(void)
{
	unsigned int cpu;

	if (!tlbs)
		return;
	model_lock();
	for (cpu = 0; cpu < machine_nr_cpus; cpu++) {
		memset(tlbs[cpu].entries, 0, sizeof(tlbs[cpu].entries));
		memset(tlbs[cpu].pointers, 0, sizeof(tlbs[cpu].pointers));
	}
	narrowed = false;
	model_unlock();
}

/* As INVLPG: all sizes, and all pointers to tables. */
void tlb_flush_pages(unsigned long pfn, unsigned long nr)
{
	struct entry *entry;
	unsigned int cpu;

	if (!tlbs)
		return;
	model_lock();
	for (cpu = 0; cpu < machine_nr_cpus; cpu++) {
		for (entry = tlbs[cpu].entries;
		     entry < tlbs[cpu].entries + NR_ENTRIES; entry++)
			if (pfn < entry->pfn + entry->nr && entry->pfn < pfn + nr)
				entry->nr = 0;
		memset(tlbs[cpu].pointers, 0, sizeof(tlbs[cpu].pointers));
	}
	model_unlock();
}

/* Has some CPU other rights for the page? */
bool tlb_disagrees(unsigned long pfn, unsigned int rights, unsigned int *cpu)
{
	bool found = false;
	unsigned int i;

	if (!tlbs)
		return false;
	model_lock();
	if (!narrowed && rights == (MAP_READ | MAP_WRITE)) {
		model_unlock();	/* most often, and asked at each free */
		return false;
	}
	for (*cpu = 0; *cpu < machine_nr_cpus && !found; (*cpu)++)
		for (i = 0; i < NR_ENTRIES; i++) {
			struct entry *entry = &tlbs[*cpu].entries[i];

			if (pfn - entry->pfn < entry->nr && entry->rights != rights)
				found = true;
		}
	model_unlock();
	(*cpu)--;
	return found;
}

/* Might some CPU walk through the table? */
bool tlb_uses_table(unsigned long pfn, unsigned int *cpu)
{
	bool found = false;
	unsigned int i;

	if (!tlbs)
		return false;
	model_lock();
	for (*cpu = 0; *cpu < machine_nr_cpus && !found; (*cpu)++)
		for (i = 0; i < NR_POINTERS; i++) {
			struct pointer *p = &tlbs[*cpu].pointers[i];

			if (p->order && p->table == pfn)
				found = true;
		}
	model_unlock();
	(*cpu)--;
	return found;
}

void tlb_boot(void)
{
	unsigned int cpu;

	tlbs = NULL;
	if (!machine_config.tlb)
		return;
	tlbs = calloc(machine_nr_cpus, sizeof(*tlbs));
	BUG_ON(!tlbs);
	for (cpu = 0; cpu < machine_nr_cpus; cpu++)
		tlbs[cpu].random = machine_config.seed * 31 + cpu;
}

void tlb_shutdown(void)
{
	free(tlbs);
	tlbs = NULL;
}
