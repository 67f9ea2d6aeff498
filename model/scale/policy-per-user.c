// SPDX-License-Identifier: GPL-2.0
/*
 * A cache for each user of such pages: lists of single pages for each node,
 * refilled by 2 MiB, or by one page where there are none. A shrinker gives
 * single pages back; nothing is merged, no large mapping is restored.
 *
 * Source: Rick Edgecombe, "PKS write protected page tables" and the grouped
 * pages in it, RFC, linux-mm, May and August 2021: get_grouped_page(),
 * free_grouped_page(), struct grouped_page_cache. The users here are those
 * that a trace can tell apart: top-level tables, user tables, the kernel's.
 * A cache takes pages of any node into the list of the node that they are of.
 */
#include "policy.h"

enum user { USER_TOP, USER_TABLES, USER_KERNEL, NR_USERS };

static struct page_stack lists[NR_USERS][POLICY_MAX_NODES];
static struct range_set split;

static void per_user_boot(unsigned int nr_nodes)
{
	(void)nr_nodes;
	ranges_init(&split);
}

static enum user user_of(unsigned int order, bool user)
{
	if (order)
		return USER_TOP;
	return user ? USER_TABLES : USER_KERNEL;
}

static void open_range(unsigned long pfn)
{
	if (ranges_add(&split, pfn))
		ground_split(pfn);
}

static unsigned long refill(struct page_stack *list, unsigned int order,
			    int nid)
{
	unsigned long pfn = ground_take(RANGE_ORDER, nid, true), i;

	if (pfn == NO_PAGE) {
		pfn = ground_take(order, nid, false);
		if (pfn != NO_PAGE)
			open_range(pfn);
		return pfn;
	}
	open_range(pfn);
	ground_lock(nid);
	for (i = RANGE_PAGES; i > 1UL << order; ) {
		i -= 1UL << order;
		stack_push(list, pfn + i);
	}
	ground_unlock(nid);
	return pfn;
}

/* A user's cache has units of one size: that of its requests. */
static unsigned long per_user_alloc(unsigned int order, bool user, int nid)
{
	struct page_stack *list = &lists[user_of(order, user)][nid];
	unsigned long pfn;

	if (order > 1) {	/* nobody's: as no cache at all */
		pfn = ground_alloc(order, user, nid);
		if (pfn != NO_PAGE)
			open_range(pfn);
		return pfn;
	}
	ground_lock(nid);
	pfn = stack_pop(list);
	ground_unlock(nid);
	if (pfn == NO_PAGE)
		pfn = refill(list, order, nid);
	if (pfn != NO_PAGE)
		ground_hand_out(pfn, order, user);
	return pfn;
}

static void per_user_free(unsigned long pfn, unsigned int order, bool user)
{
	int nid = ground_nid(pfn);

	if (order > 1) {
		ground_free(pfn, order);
		return;
	}
	ground_take_back(pfn, order);
	ground_lock(nid);
	stack_push(&lists[user_of(order, user)][nid], pfn);
	ground_unlock(nid);
}

static void per_user_pressure(void)
{
	unsigned long pfn;
	int who, nid;

	for (who = 0; who < NR_USERS; who++)
		for (nid = 0; nid < POLICY_MAX_NODES; nid++)
			while ((pfn = stack_pop(&lists[who][nid])) != NO_PAGE)
				ground_give(pfn, who == USER_TOP);
}

static void per_user_state(struct policy_state *state)
{
	int who, nid;

	*state = (struct policy_state){ .blocks = split.nr };
	for (who = 0; who < NR_USERS; who++)
		for (nid = 0; nid < POLICY_MAX_NODES; nid++)
			state->idle += lists[who][nid].nr << (who == USER_TOP);
	/* What another struct grouped_page_cache costs; its lists per node. */
	state->metadata = NR_USERS * (128 + POLICY_MAX_NODES * 64);
}

const struct policy policy_per_user = {
	.name = "per-user",
	.source = "Edgecombe, \"PKS write protected page tables\" with grouped pages, RFC, linux-mm, May 2021",
	.boot = per_user_boot,
	.alloc = per_user_alloc,
	.free = per_user_free,
	.pressure = per_user_pressure,
	.state = per_user_state,
};
