// SPDX-License-Identifier: GPL-2.0
/* What policies share: the list of them, stacks of pages, sets of ranges. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "policy.h"

const struct policy *const policies[] = {
	&policy_dmap, &policy_rfc, &policy_per_user, &policy_migratetype,
	&policy_migratetype_restore, &policy_none, NULL,
};

const struct policy *policy_find(const char *name)
{
	unsigned int i;

	for (i = 0; policies[i]; i++)
		if (!strcmp(policies[i]->name, name))
			return policies[i];
	return NULL;
}

void stack_push(struct page_stack *stack, unsigned long pfn)
{
	if (stack->nr == stack->size) {
		stack->size = stack->size ? stack->size * 2 : 1024;
		stack->pfns = realloc(stack->pfns,
				      stack->size * sizeof(*stack->pfns));
		if (!stack->pfns) {
			perror("scale: a stack of pages");
			exit(1);
		}
	}
	stack->pfns[stack->nr++] = pfn;
}

unsigned long stack_pop(struct page_stack *stack)
{
	return stack->nr ? stack->pfns[--stack->nr] : NO_PAGE;
}

/* For frame numbers of up to 46 bits of address; untouched, it costs nothing. */
#define SET_RANGES	(1UL << (47 - 12 - RANGE_ORDER))

void ranges_init(struct range_set *set)
{
	set->nr = 0;
	set->bits = mmap(NULL, SET_RANGES / 8, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (set->bits == MAP_FAILED) {
		perror("scale: a set of ranges");
		exit(1);
	}
}

bool ranges_has(const struct range_set *set, unsigned long pfn)
{
	unsigned long range = pfn >> RANGE_ORDER;

	return set->bits && set->bits[range / 64] >> range % 64 & 1;
}

bool ranges_add(struct range_set *set, unsigned long pfn)
{
	unsigned long range = pfn >> RANGE_ORDER;

	if (ranges_has(set, pfn))
		return false;
	set->bits[range / 64] |= 1ULL << range % 64;
	set->nr++;
	return true;
}

bool ranges_remove(struct range_set *set, unsigned long pfn)
{
	unsigned long range = pfn >> RANGE_ORDER;

	if (!ranges_has(set, pfn))
		return false;
	set->bits[range / 64] &= ~(1ULL << range % 64);
	set->nr--;
	return true;
}
