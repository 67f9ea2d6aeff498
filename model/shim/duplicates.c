// SPDX-License-Identifier: GPL-2.0
/*
 * Prints a C source of one assertion for each definition of duplicate.h, to be
 * compiled inside the 6.12 tree: what has drifted fails to compile there.
 */
#include "gate.h"
#include <stdio.h>

#define DUPLICATES(entry)						\
	entry(PAGE_SHIFT) \
	entry(PAGE_SIZE) \
	entry(PAGE_MASK) \
	entry(MAX_PAGE_ORDER) \
	entry(NR_PAGE_ORDERS) \
	entry(MAX_ORDER_NR_PAGES) \
	entry(pageblock_order) \
	entry(pageblock_nr_pages) \
	entry(PAGE_ALLOC_COSTLY_ORDER) \
	entry(__GFP_PTE_MAPPED) \
	entry(__GFP_DMA) \
	entry(__GFP_HIGHMEM) \
	entry(__GFP_DMA32) \
	entry(__GFP_MOVABLE) \
	entry(__GFP_RECLAIMABLE) \
	entry(__GFP_HIGH) \
	entry(__GFP_IO) \
	entry(__GFP_FS) \
	entry(__GFP_ZERO) \
	entry(__GFP_DIRECT_RECLAIM) \
	entry(__GFP_KSWAPD_RECLAIM) \
	entry(__GFP_WRITE) \
	entry(__GFP_NOWARN) \
	entry(__GFP_RETRY_MAYFAIL) \
	entry(__GFP_NOFAIL) \
	entry(__GFP_NORETRY) \
	entry(__GFP_MEMALLOC) \
	entry(__GFP_COMP) \
	entry(__GFP_NOMEMALLOC) \
	entry(__GFP_HARDWALL) \
	entry(__GFP_THISNODE) \
	entry(__GFP_ACCOUNT) \
	entry(__GFP_RECLAIM) \
	entry(GFP_ATOMIC) \
	entry(GFP_KERNEL) \
	entry(GFP_KERNEL_ACCOUNT) \
	entry(GFP_NOWAIT) \
	entry(GFP_NOIO) \
	entry(GFP_NOFS) \
	entry(GFP_USER) \
	entry(GFP_DMA) \
	entry(GFP_DMA32) \
	entry(GFP_HIGHUSER) \
	entry(MIGRATE_UNMOVABLE) \
	entry(MIGRATE_MOVABLE) \
	entry(MIGRATE_RECLAIMABLE) \
	entry(MIGRATE_PCPTYPES) \
	entry(MIGRATE_HIGHATOMIC) \
	entry(MIGRATE_CMA) \
	entry(MIGRATE_ISOLATE) \
	entry(MIGRATE_TYPES) \
	entry(WMARK_MIN) \
	entry(WMARK_LOW) \
	entry(WMARK_HIGH) \
	entry(WMARK_PROMO) \
	entry(NR_WMARK) \
	entry(ALLOC_WMARK_MIN) \
	entry(ALLOC_WMARK_LOW) \
	entry(ALLOC_WMARK_HIGH) \
	entry(ALLOC_NO_WATERMARKS) \
	entry(ALLOC_WMARK_MASK) \
	entry(ALLOC_OOM) \
	entry(ALLOC_NON_BLOCK) \
	entry(ALLOC_MIN_RESERVE) \
	entry(ALLOC_CPUSET) \
	entry(ALLOC_CMA) \
	entry(ALLOC_NOFRAGMENT) \
	entry(ALLOC_HIGHATOMIC) \
	entry(ALLOC_RESERVES) \
	entry(DEF_PRIORITY) \
	entry(DEFAULT_SEEKS) \
	entry(SWAP_CLUSTER_MAX) \
	entry(SHRINK_STOP) \
	entry(SHRINK_EMPTY) \
	entry(MEM_ONLINE) \
	entry(MEM_GOING_OFFLINE) \
	entry(MEM_OFFLINE) \
	entry(MEM_GOING_ONLINE) \
	entry(MEM_CANCEL_ONLINE) \
	entry(MEM_CANCEL_OFFLINE) \
	entry(NOTIFY_DONE) \
	entry(NOTIFY_OK) \
	entry(NOTIFY_STOP_MASK) \
	entry(NOTIFY_BAD) \
	entry(DEFAULT_CALLBACK_PRI) \
	entry(NUMA_NO_NODE) \
	entry(PMD_SHIFT) \
	entry(PMD_SIZE) \
	entry(PMD_MASK) \
	entry(PUD_SHIFT) \
	entry(PUD_SIZE) \
	entry(PUD_MASK) \
	entry(PTRS_PER_PTE) \
	entry(PTRS_PER_PMD) \
	entry(PTRS_PER_PUD) \
	entry(_PAGE_PRESENT) \
	entry(_PAGE_RW) \
	entry(_PAGE_USER) \
	entry(_PAGE_PWT) \
	entry(_PAGE_PCD) \
	entry(_PAGE_ACCESSED) \
	entry(_PAGE_DIRTY) \
	entry(_PAGE_PSE) \
	entry(_PAGE_PAT) \
	entry(_PAGE_GLOBAL) \
	entry(_PAGE_PAT_LARGE) \
	entry(_PAGE_NX) \
	entry(_PAGE_CACHE_MASK) \
	entry(_PAGE_LARGE_CACHE_MASK) \
	entry(PG_LEVEL_NONE) \
	entry(PG_LEVEL_4K) \
	entry(PG_LEVEL_2M) \
	entry(PG_LEVEL_1G) \
	entry(PG_LEVEL_512G) \
	entry(PG_LEVEL_256T) \
	entry(PG_LEVEL_NUM) \
	entry(E820_TYPE_RAM) \
	entry(E820_TYPE_RESERVED) \
	entry(E820_TYPE_ACPI) \
	entry(E820_TYPE_NVS) \
	entry(E820_TYPE_UNUSABLE) \
	entry(E820_TYPE_PMEM) \
	entry(E820_TYPE_PRAM) \
	entry(E820_TYPE_SOFT_RESERVED)

#define ASSERTION(name)							\
	printf("static_assert((unsigned long)(" #name ") == 0x%lxUL, \"" #name "\");\n",\
	       (unsigned long)(name));

int main(void)
{
	static const char * const headers[] = {
		"linux/gfp.h", "linux/memory.h", "linux/mmzone.h",
		"linux/notifier.h", "linux/pgtable.h", "linux/shrinker.h",
		"linux/swap.h", "asm/e820/types.h", "asm/pgtable_types.h",
		"../mm/internal.h",
	};
	unsigned int i;

	puts("// SPDX-License-Identifier: GPL-2.0");
	for (i = 0; i < ARRAY_SIZE(headers); i++)
		printf("#include <%s>\n", headers[i]);
	DUPLICATES(ASSERTION)
	return 0;
}
