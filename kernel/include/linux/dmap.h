/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dmap: a page cache for pages whose permission in the direct map may change.
 *
 * Two doors lead to it. dmap_alloc() and dmap_free() are the interface for
 * code that knows what it wants. %__GFP_PTE_MAPPED is the same request made
 * through the page allocator, for callers that keep alloc_pages() and
 * free_page(). The pages are the same, and so is their way back: a page of the
 * cache carries PG_dmap while it is handed out, and whatever frees it brings
 * it to the cache.
 */
#ifndef _LINUX_DMAP_H
#define _LINUX_DMAP_H

#include <linux/gfp_types.h>
#include <linux/jump_label.h>
#include <linux/nodemask_types.h>

struct page;

/**
 * enum dmap_class_id - what pages of the cache are for
 * @DMAP_PTE:	read-write, mapped by 4 KiB entries in the direct map; the user
 *		may change the permission page by page, and undoes that before
 *		it frees the page
 *
 * The class sets the permission that a page has in the direct map when it is
 * handed out, and must have again when it is freed.
 */
enum dmap_class_id {
	DMAP_PTE,
};

#ifdef CONFIG_DMAP

DECLARE_STATIC_KEY_FALSE(dmap_key);

struct page *dmap_alloc(enum dmap_class_id id, gfp_t gfp, unsigned int order,
			int nid);
void dmap_free(struct page *page, unsigned int order);

/**
 * dmap_enabled() - does the cache serve requests?
 *
 * Context: Any. Patched in, costs no load.
 * Return: true from the end of its initcall on, unless it was switched off by
 * dmap=off or the machine cannot have it.
 */
static inline bool dmap_enabled(void)
{
	return static_branch_unlikely(&dmap_key);
}

/* For mm/page_alloc.c alone. */
struct page *dmap_get_page(gfp_t gfp, unsigned int order, int nid,
			   const nodemask_t *nodemask);
bool dmap_divert(struct page *page, unsigned int order);

#else /* !CONFIG_DMAP */

static inline struct page *dmap_alloc(enum dmap_class_id id, gfp_t gfp,
				      unsigned int order, int nid)
{
	return NULL;
}

static inline void dmap_free(struct page *page, unsigned int order)
{
}

static inline bool dmap_enabled(void)
{
	return false;
}

static inline struct page *dmap_get_page(gfp_t gfp, unsigned int order, int nid,
					 const nodemask_t *nodemask)
{
	return NULL;
}

static inline bool dmap_divert(struct page *page, unsigned int order)
{
	return false;
}

#endif /* CONFIG_DMAP */

/**
 * dmap_gfp() - the flag that asks for a page of class %DMAP_PTE
 *
 * For users that take pages of the cache when there is one, and ordinary pages
 * when there is none.
 *
 * Context: Any.
 * Return: %__GFP_PTE_MAPPED while the cache serves requests, otherwise 0.
 */
static inline gfp_t dmap_gfp(void)
{
	return dmap_enabled() ? __GFP_PTE_MAPPED : 0;
}

#endif /* _LINUX_DMAP_H */
