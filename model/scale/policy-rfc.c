// SPDX-License-Identifier: GPL-2.0
/*
 * The RFC's way: one list of single pages for each node, the most recent one
 * first; refilled by 2 MiB that are split at once; where there are none, by a
 * single page, whose pageblock is marked so that what is freed in it comes to
 * the list. A shrinker gives single pages back. Nothing is merged again, no
 * large mapping is restored.
 *
 * Source: Mike Rapoport, "mm/page_alloc: cache pte-mapped allocations", RFC,
 * linux-mm, 23 August 2021: the cover letter. Orders above 0 are not cached
 * there (it names the PGD under PTI as missing): here such a request gets
 * ordinary pages, which stay unprotected, and is counted.
 */
#include "policy.h"

static struct page_stack lists[POLICY_MAX_NODES];
static struct range_set split, marked;
static unsigned long elsewhere;

static void rfc_boot(unsigned int nr_nodes)
{
	(void)nr_nodes;
	ranges_init(&split);
	ranges_init(&marked);
}

static void open_range(unsigned long pfn)
{
	if (ranges_add(&split, pfn))
		ground_split(pfn);
}

static void push(unsigned long pfn)
{
	int nid = ground_nid(pfn);

	ground_lock(nid);
	stack_push(&lists[nid], pfn);
	ground_unlock(nid);
}

static unsigned long refill(int nid)
{
	unsigned long pfn = ground_take(RANGE_ORDER, nid, true), i;

	if (pfn == NO_PAGE) {
		pfn = ground_take(0, nid, false);
		if (pfn == NO_PAGE)
			return NO_PAGE;
		open_range(pfn);
		ranges_add(&marked, pfn);
		return pfn;
	}
	open_range(pfn);
	ranges_add(&marked, pfn);
	for (i = RANGE_PAGES - 1; i; i--)
		push(pfn + i);
	return pfn;
}

static unsigned long rfc_alloc(unsigned int order, bool user, int nid)
{
	unsigned long pfn;

	if (order) {
		elsewhere++;
		return ground_alloc(order, user, nid);
	}
	ground_lock(nid);
	pfn = stack_pop(&lists[nid]);
	ground_unlock(nid);
	if (pfn == NO_PAGE)
		pfn = refill(nid);
	if (pfn != NO_PAGE)
		ground_hand_out(pfn, order, user);
	return pfn;
}

static void rfc_free(unsigned long pfn, unsigned int order, bool user)
{
	(void)user;
	if (order || !ranges_has(&marked, pfn)) {
		ground_free(pfn, order);
		return;
	}
	ground_take_back(pfn, order);
	push(pfn);
}

static bool rfc_unpin(unsigned long pfn)
{
	if (!ranges_has(&marked, pfn))
		return false;
	ground_take_back(pfn, 0);
	push(pfn);
	return true;
}

static void rfc_pressure(void)
{
	unsigned long pfn;
	int nid;

	for (nid = 0; nid < POLICY_MAX_NODES; nid++)
		while ((pfn = stack_pop(&lists[nid])) != NO_PAGE)
			ground_give(pfn, 0);
}

static void rfc_state(struct policy_state *state)
{
	int nid;

	*state = (struct policy_state){
		.blocks = split.nr, .elsewhere = elsewhere,
	};
	for (nid = 0; nid < POLICY_MAX_NODES; nid++)
		state->idle += lists[nid].nr;
}

const struct policy policy_rfc = {
	.name = "rfc",
	.source = "Rapoport, \"mm/page_alloc: cache pte-mapped allocations\", RFC, linux-mm, August 2021",
	.boot = rfc_boot,
	.alloc = rfc_alloc,
	.free = rfc_free,
	.unpin = rfc_unpin,
	.pressure = rfc_pressure,
	.state = rfc_state,
};
