// SPDX-License-Identifier: GPL-2.0
/*
 * Other users of memory, between the tables of any trace: page cache, pipes,
 * sockets. Recordings have none, and without them every policy looks good: the
 * page allocator would hand out the same few blocks again and again.
 */
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "trace.h"

struct others {
	struct trace trace;
	struct trace *inner;
	uint64_t random;
	uint32_t keep, nr;	/* ids below nr are pinned */
	struct trace_event next;
	unsigned int per_table;
	uint32_t victim;	/* unpinned, and its id plus one to be used again */
	uint32_t left;		/* pins before the inner trace goes on */
	uint64_t ms;
};

/* The next pin, or the unpin that makes room for it. */
static void pin(struct others *o, struct trace_event *event)
{
	memset(event, 0, sizeof(*event));
	event->ms = o->next.ms;
	event->cpu = o->next.cpu;
	event->nid = o->next.nid;
	if (o->nr < o->keep) {
		event->op = TRACE_PIN;
		event->id = o->nr++;
		o->left--;
		return;
	}
	if (!o->victim) {
		event->op = TRACE_UNPIN;
		event->id = random_below(&o->random, o->keep);
		o->victim = event->id + 1;
		return;
	}
	event->op = TRACE_PIN;
	event->id = o->victim - 1;
	o->victim = 0;
	o->left--;
}

static int others_next(struct trace *trace, struct trace_event *event)
{
	struct others *o = (struct others *)trace;
	int ret;

	if (o->left) {
		pin(o, event);
		return 1;
	}
	ret = o->inner->next(o->inner, event);
	if (ret < 0)
		memcpy(trace->error, o->inner->error, sizeof(trace->error));
	if (!ret && o->nr) {
		memset(event, 0, sizeof(*event));
		event->ms = o->ms;
		event->op = TRACE_UNPIN;
		event->id = --o->nr;
		return 1;
	}
	if (ret <= 0)
		return ret;
	o->ms = event->ms;
	if (event->op == TRACE_ALLOC) {
		o->next = *event;
		o->left = o->per_table;
	}
	return 1;
}

static void others_close(struct trace *trace)
{
	struct others *o = (struct others *)trace;

	o->inner->close(o->inner);
	free(o);
}

struct trace *trace_add_others(struct trace *trace, unsigned int per_table,
			       uint32_t keep, uint64_t seed)
{
	struct others *o = calloc(1, sizeof(*o));

	if (!o) {
		trace->close(trace);
		return NULL;
	}
	o->trace.info = trace->info;
	o->trace.next = others_next;
	o->trace.close = others_close;
	o->inner = trace;
	o->random = random_seed(seed);
	o->per_table = per_table;
	o->keep = keep;
	return &o->trace;
}
