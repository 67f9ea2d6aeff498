/* SPDX-License-Identifier: GPL-2.0 */
/* Between the files of machine/ that make memory and its mapping. */
#ifndef _MODEL_MACHINE_MEMORY_H
#define _MODEL_MACHINE_MEMORY_H

#include "gate.h"
#include "task.h"

/* boot.c */
extern struct machine_config machine_config;	/* what was booted */
uint64_t machine_random(void);

/* buddy.c */
#define CHUNK_PAGES	MAX_ORDER_NR_PAGES

void buddy_boot(unsigned long reserved_end);
void buddy_shutdown(void);
bool buddy_is_free(unsigned long pfn);
struct page *rmqueue(struct zone *zone, unsigned int order, int migratetype,
		     unsigned int alloc_flags);
void free_one_page(struct page *page, unsigned int order);
bool buddy_take(struct page *page);
bool unreserve_highatomic(struct zone *zone, int migratetype);
bool buddy_valid(struct zone *zone);
bool __zone_watermark_ok(struct zone *zone, unsigned int order,
			 unsigned long mark, int highest_zoneidx,
			 unsigned int alloc_flags);
void zones_setup_watermarks(void);

/* alloc.c */
void alloc_shutdown(void);
bool machine_should_fail(gfp_t gfp);
/* No faults, never from dmap. @deep: below the watermarks, without reclaim. */
struct page *alloc_foreign(gfp_t gfp, unsigned int order, int nid, bool deep);

/* foreign.c */
void foreign_boot(void);
void foreign_shutdown(void);
unsigned long foreign_reclaim(int nid, unsigned long nr);
extern unsigned long machine_nr_poisoned, machine_nr_offline;

/* slab.c */
void slab_boot(void);
void slab_shutdown(void);

/* directmap.c */
unsigned long directmap_tables(void);
void directmap_boot(unsigned long first_table);
/* All must be as at boot; and the same without asking. */
void directmap_shutdown(void);
void directmap_forget(void);
/* Violations unless the pages have default rights, in the tables and TLBs. */
bool directmap_check_free(unsigned long pfn, unsigned int order);
/* The smallest number of pages around @pfn that one entry maps. */
unsigned int directmap_entry(unsigned long pfn, unsigned int *rights);
bool directmap_valid(void);
const char *directmap_narrowed_by(unsigned long pfn);

/* tlb.c */
void tlb_boot(void);
void tlb_shutdown(void);
void tlb_flush_all(void);
void tlb_flush_pages(unsigned long pfn, unsigned long nr);
bool tlb_disagrees(unsigned long pfn, unsigned int rights, unsigned int *cpu);
bool tlb_uses_table(unsigned long pfn, unsigned int *cpu);

/* show.c */
void show_shutdown(void);

/* In the threaded build, statistics are added up by all. */
#define machine_stat(name, nr)	machine_count(machine_stats.name, nr)

#endif /* _MODEL_MACHINE_MEMORY_H */
