/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Policies: ways to hand out pages whose direct-map permission may change.
 *
 * One is the product; the others are small, written from the description that
 * their source field names, and stand on the same modelled page allocator and
 * direct map. A page that a policy hands out is mapped by 4 KiB entries.
 */
#ifndef _SCALE_POLICY_H
#define _SCALE_POLICY_H

#include <stdbool.h>

#include "ground.h"

/* What a policy holds now. */
struct policy_state {
	unsigned long blocks;	/* ranges that it has split and not restored */
	unsigned long idle;	/* pages that it keeps from everybody else */
	unsigned long metadata;	/* bytes, beyond what the kernel has anyway */
	unsigned long elsewhere; /* requests that it could not serve by itself */
};

/**
 * struct policy - the interface
 * @name:	on the command line and in tables
 * @source:	where the description is from
 * @is_dmap:	the machine boots with dmap=on
 * @boot:	after the machine's boot; optional, as all that follow
 * @alloc:	2^order pages, NO_PAGE when there are none
 * @free:	of what alloc() returned; or of one page of it, when it was broken up
 * @unpin:	other users' page is freed: true when the policy has taken it
 * @tick:	some time has passed
 * @pressure:	memory is short: give back what can be given
 * @state:	fill in what it holds
 */
struct policy {
	const char *name;
	const char *source;
	bool is_dmap;
	void (*boot)(unsigned int nr_nodes);
	unsigned long (*alloc)(unsigned int order, bool user, int nid);
	void (*free)(unsigned long pfn, unsigned int order, bool user);
	bool (*unpin)(unsigned long pfn);
	void (*tick)(void);
	void (*pressure)(void);
	void (*state)(struct policy_state *state);
};

#define POLICY_MAX_NODES	8

extern const struct policy policy_dmap, policy_rfc, policy_per_user,
	policy_migratetype, policy_migratetype_restore, policy_none;

/* All of them, the product first; the last is NULL. */
extern const struct policy *const policies[];
const struct policy *policy_find(const char *name);

/*
 * A stack of idle pages, most recent on top; the common part of the caches
 * that keep single pages. The kernel would link them through struct page.
 */
struct page_stack {
	unsigned long *pfns;
	unsigned long nr, size;
};

void stack_push(struct page_stack *stack, unsigned long pfn);
unsigned long stack_pop(struct page_stack *stack);

/* A set of ranges: bits that the kernel has in its pageblock flags anyway. */
struct range_set {
	uint64_t *bits;
	unsigned long nr;	/* in it */
};

void ranges_init(struct range_set *set);
bool ranges_add(struct range_set *set, unsigned long pfn);
bool ranges_has(const struct range_set *set, unsigned long pfn);
bool ranges_remove(struct range_set *set, unsigned long pfn);

#endif /* _SCALE_POLICY_H */
