// SPDX-License-Identifier: GPL-2.0
/*
 * No grouping at all: each page comes from the page allocator, and the range
 * around it is split for it, for ever.
 *
 * Source: what set_memory_4k() and its kind do to the direct map when they
 * are called on a page that alloc_pages() gave (Linux 6.12).
 */
#include "policy.h"

static struct range_set split;

static void none_boot(unsigned int nr_nodes)
{
	(void)nr_nodes;
	ranges_init(&split);
}

static unsigned long none_alloc(unsigned int order, bool user, int nid)
{
	unsigned long pfn = ground_alloc(order, user, nid);

	if (pfn == NO_PAGE)
		return NO_PAGE;
	if (ranges_add(&split, pfn))
		ground_split(pfn);
	return pfn;
}

static void none_free(unsigned long pfn, unsigned int order, bool user)
{
	(void)user;
	ground_free(pfn, order);
}

static void none_state(struct policy_state *state)
{
	*state = (struct policy_state){ .blocks = split.nr };
}

const struct policy policy_none = {
	.name = "none",
	.source = "set_memory_4k() on pages of alloc_pages(), Linux 6.12",
	.boot = none_boot,
	.alloc = none_alloc,
	.free = none_free,
	.state = none_state,
};
