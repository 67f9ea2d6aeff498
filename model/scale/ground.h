/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ground that policies stand on: the modelled page allocator and direct
 * map, in page frame numbers. ground.c alone sees the kernel's headers.
 *
 * A page that a policy holds idle is on no free list and has no reference;
 * ground_hand_out() makes it what an allocator returns, ground_take_back()
 * undoes that. A range is 2 MiB: 512 pages that one large entry can map.
 */
#ifndef _SCALE_GROUND_H
#define _SCALE_GROUND_H

#include <stdbool.h>
#include <stdint.h>

#define RANGE_ORDER	9
#define RANGE_PAGES	(1UL << RANGE_ORDER)
#define RANGE_WORDS	(RANGE_PAGES / 64)
#define NO_PAGE		(~0UL)

/*
 * Idle pages out of the free lists; from other nodes too, unless @here. Large
 * ones are not worth reclaim. NO_PAGE when there are none.
 */
unsigned long ground_take(unsigned int order, int nid, bool here);
void ground_give(unsigned long pfn, unsigned int order);

/* All free pages of a range become idle; their bits are set in @pages. */
unsigned int ground_harvest(unsigned long range, uint64_t *pages);
/* How many pages of a range are free. */
unsigned int ground_free_in(unsigned long range);

/* Map a range by 4 KiB entries, or by a large one again. */
bool ground_split(unsigned long range);
bool ground_collapse(unsigned long range);
bool ground_is_split(unsigned long range);

/* A lock for the lists of each node, as any of them would have. */
void ground_lock(int nid);
void ground_unlock(int nid);

void ground_hand_out(unsigned long pfn, unsigned int order, bool user);
void ground_take_back(unsigned long pfn, unsigned int order);

int ground_nid(unsigned long pfn);
/* Ranges of the machine: the first of a node, and how many. */
unsigned long ground_first(int nid);
unsigned long ground_ranges(int nid);

/*
 * Ordinary pages, as other users have them. To seize one is to take it from
 * its user when that frees it: ground_take_back().
 */
unsigned long ground_alloc(unsigned int order, bool user, int nid);
void ground_free(unsigned long pfn, unsigned int order);
/* Of pages that were handed out together, make pages that are freed alone. */
void ground_break_up(unsigned long pfn, unsigned int order);

/*
 * Put the free lists of a node in random order, as they are after long use; a
 * machine that was just fragmented has them by address.
 */
void ground_shuffle(int nid, uint64_t seed);

/* The product, by its own door; its pages go back by ground_free(). */
unsigned long ground_dmap_alloc(unsigned int order, bool user, int nid);
unsigned long ground_dmap_blocks(void);
unsigned long ground_dmap_idle(void);

#endif /* _SCALE_GROUND_H */
