/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The counters of dmap in /proc/vmstat. One list gives both the enum and the
 * names, so that the two cannot drift apart.
 */
#ifndef _LINUX_DMAP_VMSTAT_H
#define _LINUX_DMAP_VMSTAT_H

/* Gauges, per node: pages, pages, blocks. */
#define DMAP_GAUGES(entry)						\
	entry(NR_DMAP_LIVE, "nr_dmap_live")				\
	entry(NR_DMAP_IDLE, "nr_dmap_idle")				\
	entry(NR_DMAP_BLOCKS, "nr_dmap_blocks")

/*
 * Events:
 * alloc, alloc_fail		requests served, and those that got NULL
 * free				pages that came back from their users
 * refill, refill_fallback	blocks opened whole, and opened in part
 * harvest			pages taken with the opening of a part block
 * capture			pages of a part block taken after its opening
 * split, collapse_2m, _1g	large mappings broken up and made again
 * collapse_fail		ranges that could not be made large again
 * drain			blocks given back
 * bad_free			frees that were refused: double, foreign, too long
 */
#define DMAP_EVENTS(entry)						\
	entry(DMAP_ALLOC, "dmap_alloc")					\
	entry(DMAP_ALLOC_FAIL, "dmap_alloc_fail")			\
	entry(DMAP_FREE, "dmap_free")					\
	entry(DMAP_REFILL, "dmap_refill")				\
	entry(DMAP_REFILL_FALLBACK, "dmap_refill_fallback")		\
	entry(DMAP_HARVEST, "dmap_harvest")				\
	entry(DMAP_CAPTURE, "dmap_capture")				\
	entry(DMAP_SPLIT, "dmap_split")					\
	entry(DMAP_COLLAPSE_2M, "dmap_collapse_2m")			\
	entry(DMAP_COLLAPSE_1G, "dmap_collapse_1g")			\
	entry(DMAP_COLLAPSE_FAIL, "dmap_collapse_fail")			\
	entry(DMAP_DRAIN, "dmap_drain")					\
	entry(DMAP_BAD_FREE, "dmap_bad_free")

#define DMAP_ENUM_ENTRY(item, name)	item,
#define DMAP_NAME_ENTRY(item, name)	name,

#ifdef CONFIG_DMAP
#define DMAP_GAUGE_ITEMS	DMAP_GAUGES(DMAP_ENUM_ENTRY)
#define DMAP_GAUGE_NAMES	DMAP_GAUGES(DMAP_NAME_ENTRY)
#define DMAP_EVENT_ITEMS	DMAP_EVENTS(DMAP_ENUM_ENTRY)
#define DMAP_EVENT_NAMES	DMAP_EVENTS(DMAP_NAME_ENTRY)
#else
#define DMAP_GAUGE_ITEMS
#define DMAP_GAUGE_NAMES
#define DMAP_EVENT_ITEMS
#define DMAP_EVENT_NAMES
#endif

#endif /* _LINUX_DMAP_VMSTAT_H */
