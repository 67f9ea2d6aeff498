/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replay: one trace under one policy on one machine, and what came of it.
 *
 * A cell is such a run; each runs in a process of its own, so a result holds
 * no pointers and goes through a pipe as it is.
 */
#ifndef _SCALE_REPLAY_H
#define _SCALE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "policy.h"
#include "trace.h"

#define MAP_WIDTH	64
#define MAP_CELLS	(MAP_WIDTH * 4)

/* How a stretch of physical memory is mapped, and what is in it. */
enum map_level {
	MAP_LARGE,	/* large entries only */
	MAP_IDLE,	/* 4 KiB entries, no page of the policy live */
	MAP_SPARSE,	/* 4 KiB entries, less than a quarter live */
	MAP_HALF,	/* less than three quarters */
	MAP_DENSE,
	MAP_NONE,	/* no such memory */
	MAP_LEVELS,
};

struct map {
	unsigned int cells;		/* 0: not taken */
	unsigned int ranges_per_cell;
	unsigned long split;		/* ranges */
	uint8_t level[MAP_CELLS];
};

enum moment { BEFORE, UNDER, AFTER, MOMENTS };

/**
 * struct cell - what to run
 * @recording:	a file, or NULL for the generator's @synth
 * @machine:	what it is called, "64 GiB"
 * @series:	which table it is for; see main.c
 * @per_table, @others: see trace_add_others(); 0 for none
 * @one_in:	fragment all memory first, leave one page in so many free; 0 not
 * @steps:	allocate-and-free pairs to count instructions of; 0 for none
 * @maps:	take maps
 */
struct cell {
	const struct policy *policy;
	const char *recording;
	struct synth_config synth;
	char machine[16];
	char series[16];
	unsigned int cpus, nodes;
	unsigned long memory_mib;
	unsigned int one_in;
	unsigned int per_table;	/* pages that others pin in between */
	uint32_t others;
	unsigned int steps;
	bool maps;
};

/* What an operation costs in the steady state; see cost.c. */
struct cost {
	double ns;			/* thread CPU time, least of repeats */
	double instructions;		/* 0: see reason */
	char reason[80];
	double churn_fill;		/* live of held pages, after random churn */
	unsigned long churn_blocks, churn_least;
	uint64_t failed;
};

struct result {
	char error[256];		/* not run, and why */
	char machine[16], series[16], trace[32], policy[20];
	unsigned int cpus, nodes;
	unsigned long memory_mib;
	unsigned int one_in, per_table;

	uint64_t events, requests, failed, elsewhere;
	uint64_t peak_live, peak_idle, peak_blocks, peak_least, peak_metadata;
	double blocks_ratio;		/* held to least */
	double metadata_share;		/* of the memory held */
	uint64_t bound;			/* see tally_bound() */
	uint64_t fewest;		/* fragmented: blocks that would suffice */
	double fill;			/* mean while at least half of the peak is live */
	uint64_t most_idle;
	/* 2 MiB ranges mapped by 4 KiB entries, less those at boot */
	int64_t lost_boot, lost_peak, lost_released, lost_shrunk;
	uint64_t idle_released;
	int64_t leaked;			/* pages that are nowhere in the end */
	uint64_t splits_2m, splits_1g, collapses_2m, collapses_1g;
	uint64_t flushes, shootdowns;
	int64_t recover_ms;		/* -1: not within RECOVER_MS */
	double replay_ns;		/* of CPU time for each event, all included */
	double slowest_ms;		/* event, of CPU time */
	struct cost cost;
	double seconds;			/* that this cell took */
	struct map maps[MOMENTS];
};

#define RECOVER_MS	10000

void replay(const struct cell *cell, struct result *result);

/* Live allocations, as the replay keeps them. */
struct live {
	unsigned long pfn;	/* NO_PAGE: was refused */
	uint16_t left;		/* pages; 0: not live */
	uint8_t order;
	uint8_t nid;		/* where the page is */
	bool user;
	uint64_t *gone;		/* freed in parts: a bit for each page that is */
};

/* Pages live on each node and of each lifetime. */
struct tally {
	unsigned long live[POLICY_MAX_NODES][2];
};

unsigned long tally_live(const struct tally *tally);
/* ceil(N/512) of each lifetime, + 1, for each node: what may be lost at most. */
unsigned long tally_bound(const struct tally *tally, unsigned int nodes);
/* The fewest 2 MiB blocks that can hold these pages. */
unsigned long tally_least(const struct tally *tally);

/* The fewest of @nr ranges, with so many free pages each, that hold @pages. */
unsigned long fewest_ranges(const uint16_t *free, unsigned long nr,
			    unsigned long pages);

/* cost.c: in a process of its own, so that this one's state stays. */
void cost_measure(const struct policy *policy, const struct live *live,
		  uint32_t nr, const struct tally *tally, unsigned int steps,
		  uint64_t seed, struct cost *cost);

/* map.c */
void map_take(struct map *map, unsigned int nodes, const uint16_t *live);
void map_print(const struct result *result, bool before);

/* cells.c: all of them, some at a time; false when one did not run. */
bool run_cells(const struct cell *cells, struct result *results,
	       unsigned int nr, unsigned int jobs);

#endif /* _SCALE_REPLAY_H */
