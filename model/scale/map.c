// SPDX-License-Identifier: GPL-2.0
/* A picture of physical memory: how it is mapped and what is in it. */
#include <stdio.h>
#include <string.h>

#include "replay.h"

static const char *const moments[MOMENTS] = {
	[BEFORE] = "before", [UNDER] = "under load", [AFTER] = "released",
};

static const char glyphs[MAP_LEVELS] = {
	[MAP_LARGE] = '.', [MAP_IDLE] = '_', [MAP_SPARSE] = '-',
	[MAP_HALF] = '+', [MAP_DENSE] = '#', [MAP_NONE] = ' ',
};

static enum map_level level_of(unsigned int split, unsigned long live)
{
	unsigned long pages = split * RANGE_PAGES;

	if (!split)
		return MAP_LARGE;
	if (!live)
		return MAP_IDLE;
	if (live * 4 < pages)
		return MAP_SPARSE;
	return live * 4 < pages * 3 ? MAP_HALF : MAP_DENSE;
}

/*
 * @live: pages of the policy in each range, by range. A cell stands for as
 * many ranges as are needed for the machine to fit.
 */
void map_take(struct map *map, unsigned int nodes, const uint16_t *live)
{
	unsigned long total = 0, range, i, per, pages = 0;
	unsigned int nid, split = 0, in_cell = 0;

	for (nid = 0; nid < nodes; nid++)
		total += ground_ranges(nid);
	per = (total + MAP_CELLS - 1) / MAP_CELLS;
	memset(map, 0, sizeof(*map));
	map->ranges_per_cell = per;
	for (nid = 0; nid < nodes; nid++) {
		for (i = 0; i < ground_ranges(nid); i++) {
			range = (ground_first(nid) >> RANGE_ORDER) + i;
			if (ground_is_split(range << RANGE_ORDER)) {
				split++;
				map->split++;
			}
			pages += live[range];
			if (++in_cell < per)
				continue;
			map->level[map->cells++] = level_of(split, pages);
			split = in_cell = pages = 0;
		}
	}
	if (in_cell)
		map->level[map->cells++] = level_of(split, pages);
}

/* The rows of all moments under each other, legend last. */
void map_print(const struct result *result, bool before)
{
	const struct map *map;
	unsigned int m, i;

	printf("\n%s\n", result->policy);
	/* Before is the same for all: the demo shows the first one's. */
	for (m = before ? BEFORE : UNDER; m < MOMENTS; m++) {
		map = &result->maps[m];
		for (i = 0; i < map->cells; i++) {
			if (!(i % MAP_WIDTH))
				printf("%s%-11s ", i ? "\n" : "",
				       i ? "" : moments[m]);
			putchar(glyphs[map->level[i]]);
		}
		putchar('\n');
	}
}
