/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ASM_X86_DMAP_H
#define _ASM_X86_DMAP_H

#include <linux/gfp.h>
#include <linux/types.h>

struct page;

/* Tables that one split can need: 1 GiB to 2 MiB, then 2 MiB to 4 KiB. */
#define ARCH_DMAP_SPLIT_TABLES	2

/* What arch_dmap_split() split; a bitmask. */
#define ARCH_DMAP_SPLIT_2M	1
#define ARCH_DMAP_SPLIT_1G	2

/* What arch_dmap_collapse() collapsed; a bitmask. */
#define ARCH_DMAP_COLLAPSE_2M	1
#define ARCH_DMAP_COLLAPSE_1G	2

bool arch_dmap_supported(const char **why);
bool arch_dmap_range_ok(unsigned long pfn);
int arch_dmap_split(unsigned long pfn,
		    struct page *tables[ARCH_DMAP_SPLIT_TABLES]);
int arch_dmap_collapse(unsigned long pfn, bool wait);
int arch_dmap_level(unsigned long pfn);

/* The two hooks in split_large_page(); nobody else calls these. */
#ifdef CONFIG_DMAP
struct page *arch_dmap_cpa_get_table(void);
void arch_dmap_cpa_put_table(struct page *table);
#else
static inline struct page *arch_dmap_cpa_get_table(void)
{
	return alloc_pages(GFP_KERNEL, 0);
}

static inline void arch_dmap_cpa_put_table(struct page *table)
{
	__free_page(table);
}
#endif

#endif /* _ASM_X86_DMAP_H */
