/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dmap

#if !defined(_TRACE_DMAP_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_DMAP_H

#include <linux/tracepoint.h>

DECLARE_EVENT_CLASS(dmap_block,
	TP_PROTO(unsigned long pfn, int nid, unsigned int pages),
	TP_ARGS(pfn, nid, pages),
	TP_STRUCT__entry(
		__field(unsigned long,	pfn)
		__field(int,		nid)
		__field(unsigned int,	pages)
	),
	TP_fast_assign(
		__entry->pfn = pfn;
		__entry->nid = nid;
		__entry->pages = pages;
	),
	TP_printk("pfn=0x%lx nid=%d pages=%u",
		  __entry->pfn, __entry->nid, __entry->pages)
);

/* A block was opened; fewer than 512 pages: in part. */
DEFINE_EVENT(dmap_block, dmap_refill,
	TP_PROTO(unsigned long pfn, int nid, unsigned int pages),
	TP_ARGS(pfn, nid, pages)
);

/* A block goes back to the page allocator. */
DEFINE_EVENT(dmap_block, dmap_drain,
	TP_PROTO(unsigned long pfn, int nid, unsigned int pages),
	TP_ARGS(pfn, nid, pages)
);

DECLARE_EVENT_CLASS(dmap_mapping,
	TP_PROTO(unsigned long pfn, unsigned int levels),
	TP_ARGS(pfn, levels),
	TP_STRUCT__entry(
		__field(unsigned long,	pfn)
		__field(unsigned int,	levels)
	),
	TP_fast_assign(
		__entry->pfn = pfn;
		__entry->levels = levels;
	),
	TP_printk("pfn=0x%lx levels=%s", __entry->pfn,
		  __print_flags(__entry->levels, "|", { 1, "2M" }, { 2, "1G" }))
);

/* Large mappings of these levels were broken up. */
DEFINE_EVENT(dmap_mapping, dmap_split,
	TP_PROTO(unsigned long pfn, unsigned int levels),
	TP_ARGS(pfn, levels)
);

/* Large mappings of these levels were made again. */
DEFINE_EVENT(dmap_mapping, dmap_collapse,
	TP_PROTO(unsigned long pfn, unsigned int levels),
	TP_ARGS(pfn, levels)
);

/*
 * A request was served. The lifetime is that of the request: under memory
 * pressure a block of the other one may serve it.
 */
TRACE_EVENT(dmap_alloc,
	TP_PROTO(unsigned long pfn, unsigned int order, bool user, int nid),
	TP_ARGS(pfn, order, user, nid),
	TP_STRUCT__entry(
		__field(unsigned long,	pfn)
		__field(unsigned int,	order)
		__field(bool,		user)
		__field(int,		nid)
	),
	TP_fast_assign(
		__entry->pfn = pfn;
		__entry->order = order;
		__entry->user = user;
		__entry->nid = nid;
	),
	TP_printk("pfn=0x%lx order=%u life=%s nid=%d",
		  __entry->pfn, __entry->order,
		  __entry->user ? "user" : "kernel", __entry->nid)
);

/* Live pages become idle; perhaps in other runs than they were handed out in. */
TRACE_EVENT(dmap_free,
	TP_PROTO(unsigned long pfn, unsigned int order),
	TP_ARGS(pfn, order),
	TP_STRUCT__entry(
		__field(unsigned long,	pfn)
		__field(unsigned int,	order)
	),
	TP_fast_assign(
		__entry->pfn = pfn;
		__entry->order = order;
	),
	TP_printk("pfn=0x%lx order=%u", __entry->pfn, __entry->order)
);

#endif /* _TRACE_DMAP_H */

#include <trace/define_trace.h>
