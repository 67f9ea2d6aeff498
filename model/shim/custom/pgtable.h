/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Page tables as on x86-64 with four levels, the calls of arch/x86 around them,
 * and the machine's answers to "what kind of machine are you".
 *
 * A table is in the contents of its page frame, so that pointers to entries are
 * pointers, and physical addresses in entries are page frames of the machine.
 * Entries change by set_pXd() alone, which tells machine/directmap.c.
 */
#ifndef _MODEL_PGTABLE_H
#define _MODEL_PGTABLE_H

typedef unsigned long pteval_t, pmdval_t, pudval_t, p4dval_t, pgdval_t;
typedef unsigned long pgprotval_t;
typedef struct { pteval_t pte; } pte_t;
typedef struct { pmdval_t pmd; } pmd_t;
typedef struct { pudval_t pud; } pud_t;
typedef struct { pgdval_t pgd; } pgd_t;
typedef struct { pgd_t pgd; } p4d_t;
typedef struct { pgprotval_t pgprot; } pgprot_t;

#define __pte(x)		((pte_t) { (x) })
#define __pmd(x)		((pmd_t) { (x) })
#define __pud(x)		((pud_t) { (x) })
#define __pgd(x)		((pgd_t) { (x) })
#define __pgprot(x)		((pgprot_t) { (x) })
#define pte_val(x)		((x).pte)
#define pmd_val(x)		((x).pmd)
#define pud_val(x)		((x).pud)
#define pgd_val(x)		((x).pgd)
#define p4d_val(x)		pgd_val((x).pgd)
#define pgprot_val(x)		((x).pgprot)

#define PTE_PFN_MASK		0x000ffffffffff000UL
#define PTE_FLAGS_MASK		(~PTE_PFN_MASK)
/* Of a large entry, bit 12 (PAT) and what is above it belong to the flags. */
#define PMD_PFN_MASK		(PTE_PFN_MASK & PMD_MASK)
#define PUD_PFN_MASK		(PTE_PFN_MASK & PUD_MASK)

#define _KERNPG_TABLE		(_PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED |	\
				 _PAGE_DIRTY)
#define __PAGE_KERNEL		(_KERNPG_TABLE | _PAGE_GLOBAL | _PAGE_NX)

extern pteval_t __supported_pte_mask;
extern pteval_t __default_kernel_pte_mask;
extern int direct_gbpages;

/* Where an address is in the direct map. Not a mask of its bits: the host
 * chooses where the model's direct map starts.
 */
#define __map_index(addr, shift)	((__pa(addr) >> (shift)) & 511)
#define pgd_index(addr)			__map_index(addr, 39)
#define pud_index(addr)			__map_index(addr, PUD_SHIFT)
#define pmd_index(addr)			__map_index(addr, PMD_SHIFT)
#define pte_index(addr)			__map_index(addr, PAGE_SHIFT)

extern pgd_t *machine_pgd;
#define pgd_offset_k(addr)		(machine_pgd + pgd_index(addr))
#define pgd_none(pgd)			(!pgd_val(pgd))
#define p4d_offset(pgd, addr)		((p4d_t *)(pgd))
#define p4d_present(p4d)		(p4d_val(p4d) & _PAGE_PRESENT)
#define p4d_none(p4d)			(!p4d_val(p4d))
#define pud_present(pud)		(pud_val(pud) & _PAGE_PRESENT)
#define pmd_present(pmd)		((pmd_val(pmd) & (_PAGE_PRESENT | _PAGE_PSE)) != 0)
#define pte_present(pte)		(pte_val(pte) & _PAGE_PRESENT)
#define pud_none(pud)			(!pud_val(pud))
#define pmd_none(pmd)			(!pmd_val(pmd))
#define pte_none(pte)			(!pte_val(pte))

static inline bool pud_leaf(pud_t pud)
{
	return (pud_val(pud) & (_PAGE_PSE | _PAGE_PRESENT)) ==
	       (_PAGE_PSE | _PAGE_PRESENT);
}

static inline bool pmd_leaf(pmd_t pmd)
{
	return pmd_val(pmd) & _PAGE_PSE;
}

#define pte_flags(pte)			(pte_val(pte) & PTE_FLAGS_MASK)
#define pmd_flags(pmd)							\
	(pmd_val(pmd) & (pmd_leaf(pmd) ? ~PMD_PFN_MASK : PTE_FLAGS_MASK))
#define pud_flags(pud)							\
	(pud_val(pud) & (pud_val(pud) & _PAGE_PSE ? ~PUD_PFN_MASK : PTE_FLAGS_MASK))
#define pte_pfn(pte)		((pte_val(pte) & PTE_PFN_MASK) >> PAGE_SHIFT)
#define pmd_pfn(pmd)							\
	((pmd_val(pmd) & (pmd_leaf(pmd) ? PMD_PFN_MASK : PTE_PFN_MASK)) >> PAGE_SHIFT)
#define pud_pfn(pud)							\
	((pud_val(pud) & (pud_leaf(pud) ? PUD_PFN_MASK : PTE_PFN_MASK)) >> PAGE_SHIFT)
#define pmd_page(pmd)			pfn_to_page(pmd_pfn(pmd))
#define pud_page(pud)			pfn_to_page(pud_pfn(pud))

#define p4d_pgtable(p4d)		((pud_t *)__va(p4d_val(p4d) & PTE_PFN_MASK))
#define pud_pgtable(pud)		((pmd_t *)__va(pud_val(pud) & PTE_PFN_MASK))
#define pmd_page_vaddr(pmd)		((unsigned long)__va(pmd_val(pmd) & PTE_PFN_MASK))
#define pud_offset(p4d, addr)		(p4d_pgtable(*(p4d)) + pud_index(addr))
#define pmd_offset(pud, addr)		(pud_pgtable(*(pud)) + pmd_index(addr))
#define pte_offset_kernel(pmd, addr)	((pte_t *)pmd_page_vaddr(*(pmd)) + pte_index(addr))

#define ptep_get(ptep)			READ_ONCE(*(ptep))
#define pmdp_get(pmdp)			READ_ONCE(*(pmdp))

static inline pte_t pfn_pte(unsigned long pfn, pgprot_t prot)
{
	return __pte(PFN_PHYS(pfn) | pgprot_val(prot));
}

static inline pmd_t pfn_pmd(unsigned long pfn, pgprot_t prot)
{
	return __pmd(PFN_PHYS(pfn) | pgprot_val(prot));
}

static inline pud_t pfn_pud(unsigned long pfn, pgprot_t prot)
{
	return __pud(PFN_PHYS(pfn) | pgprot_val(prot));
}

/* PAT is bit 7 in a small entry and bit 12 in a large one. */
static inline unsigned long protval_4k_2_large(unsigned long val)
{
	return (val & ~(_PAGE_PAT | _PAGE_PAT_LARGE)) |
	       (val & _PAGE_PAT ? _PAGE_PAT_LARGE : 0);
}

static inline unsigned long protval_large_2_4k(unsigned long val)
{
	return (val & ~(_PAGE_PAT | _PAGE_PAT_LARGE)) |
	       (val & _PAGE_PAT_LARGE ? _PAGE_PAT : 0);
}

void set_pte(pte_t *ptep, pte_t pte);
void set_pmd(pmd_t *pmdp, pmd_t pmd);
void set_pud(pud_t *pudp, pud_t pud);

void flush_tlb_all(void);

/* What CPA and the rest of arch/x86/mm give to dmap */

struct mm_struct {
	struct rw_semaphore mmap_lock;
};

extern struct mm_struct init_mm;
extern spinlock_t cpa_lock;
extern spinlock_t pgd_lock;
extern unsigned long direct_pages_count[PG_LEVEL_NUM];

int cpa_split_4k(unsigned long addr);
bool pfn_range_is_mapped(unsigned long start_pfn, unsigned long end_pfn);

/* The kernel image: the second 2 MiB. */
#define IMAGE_START		PMD_SIZE
#define IMAGE_END		(2 * PMD_SIZE)
#define __START_KERNEL_map	0xffffffff80000000UL
#define __pa_symbol(symbol)	((unsigned long)(symbol) - __START_KERNEL_map)
#define _text			((char *)(__START_KERNEL_map + IMAGE_START))
#define _brk_end		(__START_KERNEL_map + IMAGE_END - PAGE_SIZE)

/* What kind of machine; see machine_quirks in machine.h. */

enum {
	X86_FEATURE_PSE,
	X86_FEATURE_MTRR,
	X86_FEATURE_XENPV,
};

enum cc_attr {
	CC_ATTR_HOST_SEV_SNP,
};

bool boot_cpu_has(unsigned int feature);
#define cpu_feature_enabled(feature)	boot_cpu_has(feature)
bool cc_platform_has(enum cc_attr attr);
bool debug_pagealloc_enabled(void);
bool is_kfence_address(const void *addr);
int e820__get_entry_type(u64 start, u64 end);
bool e820__mapped_any(u64 start, u64 end, enum e820_type type);
u8 mtrr_type_lookup(u64 start, u64 end, u8 *uniform);

#endif /* _MODEL_PGTABLE_H */
