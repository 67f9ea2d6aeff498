/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Traces: what was allocated and freed, when, by which CPU; without addresses.
 *
 * A trace is a stream that is read once. It comes from a recording (text, see
 * model/traces/README) or from a generator; both are the same from one opening
 * to the next, so a trace that is needed twice is opened twice.
 */
#ifndef _SCALE_TRACE_H
#define _SCALE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#define TRACE_MAX_ORDER	9
#define TRACE_MAX_IDS	(1U << 24)	/* live at once, of each kind */

enum trace_op {
	TRACE_ALLOC,	/* 2^order table pages get the name id */
	TRACE_FREE,	/* all that is left of id, or a part of it */
	TRACE_PIN,	/* other users' memory: ids of its own */
	TRACE_UNPIN,
};

struct trace_event {
	uint64_t ms;		/* since the start, never decreasing */
	uint32_t id;
	uint16_t cpu;
	uint16_t offset;	/* of a part */
	uint8_t op;
	uint8_t order;
	uint8_t nid;
	bool user;		/* lives as long as a user's memory */
	bool part;		/* TRACE_FREE of offset and order only */
};

struct trace_info {
	char name[32];
	char load[160];
	unsigned int cpus, nodes;
	unsigned long memory_mib;
};

/**
 * struct trace - an open trace
 * @info:	what its header says
 * @error:	why next() gave -1: names the file and the line
 * @next:	1 and the next event, 0 at the end, -1 on bad input
 * @close:	free everything, the trace too
 */
struct trace {
	struct trace_info info;
	char error[256];
	int (*next)(struct trace *trace, struct trace_event *event);
	void (*close)(struct trace *trace);
};

/*
 * Open a recording, gzipped when the name ends in .gz. NULL on failure, with
 * the reason in @error (of at least 256 bytes).
 */
struct trace *trace_open_file(const char *path, char *error);

/* What a generator needs to know of the machine that it is to load. */
struct synth_config {
	const char *name;	/* "build", "database", "containers" */
	unsigned int cpus, nodes;
	unsigned long memory_mib;
	unsigned long live;	/* table pages live at the peak, about */
	uint64_t seed;
};

/* Names and one line of what they are, for --help; the last has no name. */
struct synth_kind {
	const char *name, *about;
};
extern const struct synth_kind synth_kinds[];

/* NULL when there is no generator of that name, or no memory. */
struct trace *trace_open_synth(const struct synth_config *config);

/*
 * Between the tables of @trace, other users pin pages, so many for each table.
 * Each stays until chance frees it for another: at most @keep (not 0) are
 * pinned at a time; all are freed in the end. Owns @trace from here on. NULL
 * when there is no memory.
 */
struct trace *trace_add_others(struct trace *trace, unsigned int per_table,
			       uint32_t keep, uint64_t seed);

/**
 * struct trace_survey - what a trace asks for, found by reading it once
 * @events:	all of them
 * @requests:	allocations
 * @peak:	table pages live at once, at most
 * @peak_event:	after so many events this is first reached
 * @ids:	an array of table pages indexed by id needs so many entries
 * @pins:	the same for other users' memory
 * @ms:		when the last event is
 */
struct trace_survey {
	uint64_t events, requests, peak, peak_event, ms;
	uint32_t ids, pins;
};

/* Reads @trace to its end. Returns false on bad input. */
bool trace_survey(struct trace *trace, struct trace_survey *survey);

#endif /* _SCALE_TRACE_H */
