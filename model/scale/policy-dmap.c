// SPDX-License-Identifier: GPL-2.0
/* The product: mm/dmap itself, through the page allocator's doors. */
#include "machine.h"
#include "policy.h"

static unsigned long dmap_policy_alloc(unsigned int order, bool user, int nid)
{
	return ground_dmap_alloc(order, user, nid);
}

static void dmap_policy_free(unsigned long pfn, unsigned int order, bool user)
{
	(void)user;
	ground_free(pfn, order);
}

static void dmap_policy_state(struct policy_state *state)
{
	state->blocks = ground_dmap_blocks();
	state->idle = ground_dmap_idle();
	state->metadata = machine_metadata();
	state->elsewhere = 0;
}

const struct policy policy_dmap = {
	.name = "dmap",
	.source = "this project, mm/dmap",
	.is_dmap = true,
	.alloc = dmap_policy_alloc,
	.free = dmap_policy_free,
	.state = dmap_policy_state,
};
