/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does nothing in the model, on purpose, and why.
 */
#ifndef _MODEL_STUB_H
#define _MODEL_STUB_H

/* Sections: all code and data of a program stay where they are. */
#define __init
#define __initdata
#define __exit
#define __meminit
#define __ref
#define __ro_after_init
#define __read_mostly

/* There are no modules. */
#define EXPORT_SYMBOL(symbol)
#define EXPORT_SYMBOL_GPL(symbol)
#define EXPORT_SYMBOL_FOR_TESTS_ONLY(symbol)
#define MODULE_LICENSE(text)
#define MODULE_DESCRIPTION(text)

/* Words for sparse, objtool and the compilers' own analysis. */
#define __must_hold(lock)
#define __acquires(lock)
#define __releases(lock)
#define __private
#define __percpu
#define __iomem
#define __counted_by(member)
#define __cacheline_aligned_in_smp
#define ____cacheline_aligned_in_smp

/* The thread sanitizer is a matter of the build, not of the source. */
#define ASSERT_EXCLUSIVE_WRITER(variable)	((void)0)
#define ASSERT_EXCLUSIVE_ACCESS(variable)	((void)0)

/* One task's memory is nobody's in particular: no memcg, no page owner. */
#define memcg_kmem_online()			false
#define reset_page_owner(page, order)		((void)0)

/* A hypervisor that wants to know of page tables is not modelled. */
#define paravirt_release_pte(pfn)		((void)(pfn))

/* All CPUs may use all memory: no cpusets are made. */
#define cpusets_enabled()			false
#define __cpuset_zone_allowed(zone, gfp)				\
	(machine_unmodelled("cpusets"), true)

/* Pages are on the free lists at once: there are no per-CPU lists of them. */
#define drain_all_pages(zone)			((void)(zone))
#define lru_add_drain_all()			((void)0)

/* Nothing is allocated from reserves for swapping over the network. */
#define clear_page_pfmemalloc(page)		((void)(page))

#endif /* _MODEL_STUB_H */
