// SPDX-License-Identifier: GPL-2.0
/*
 * Generators of traces: processes that come, grow, exchange tables and go.
 *
 * Each place holds one process at a time; what the kinds of load differ in is
 * how large a process gets, how long it lives and what follows it. Memory is
 * for the places alone, however long the trace. When enough was asked for,
 * the processes die at their next step: each allocation is freed in the end.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "trace.h"

#define MAX_TABLES	240		/* of a process, the top one included */
#define MAX_PLACES	(TRACE_MAX_IDS / MAX_TABLES - 1)
#define KERNEL_TABLES	240		/* vmalloc's: they stay */
#define QUEUE		1024		/* more than one step has events */
#define LONG_MS		2000		/* no process sleeps for longer */

enum stage { IDLE, FORKED, GROWING, LIVING };

struct place {
	uint64_t end;			/* it dies */
	uint64_t wake;			/* its next step */
	uint32_t group, cycle;		/* containers */
	uint16_t cpu;
	uint16_t have, target, step;	/* tables; how many at a time */
	uint8_t stage;
	uint8_t nid[MAX_TABLES];
};

struct synth {
	struct trace trace;
	struct synth_config config;
	const struct profile *profile;
	uint64_t random, now, requests, wanted;
	struct place *places;
	uint32_t nr_places, *heap, nr_heap;
	uint16_t nr_kernel;
	uint8_t kernel_nid[KERNEL_TABLES];
	bool ended;
	struct trace_event queue[QUEUE];
	unsigned int head, tail;
};

/* What a kind of load is made of. */
struct profile {
	const char *name;
	unsigned int tables;		/* of a process, about */
	unsigned int rounds;		/* processes that a place sees, about */
	void (*born)(struct synth *s, struct place *p);
	uint64_t (*pause)(struct synth *s, struct place *p);
	bool exchanges;			/* while it lives */
};

static uint32_t below(struct synth *s, uint32_t n)
{
	return random_below(&s->random, n);
}

/* About the mean, from a half to one and a half of it. */
static uint32_t about(struct synth *s, uint32_t mean)
{
	return mean / 2 + below(s, mean + 1);
}

static uint64_t exponential(struct synth *s, uint32_t mean)
{
	double u = (random_next(&s->random) >> 11) * 0x1p-53;

	return -log(1 - u) * mean;
}

static struct trace_event *emit(struct synth *s, const struct place *p,
				enum trace_op op, uint32_t id)
{
	struct trace_event *event = s->queue + s->tail++ % QUEUE;

	memset(event, 0, sizeof(*event));
	event->ms = s->now;
	event->op = op;
	event->id = id;
	event->cpu = p ? p->cpu : 0;
	event->nid = event->cpu % s->config.nodes;
	event->user = true;
	return event;
}

static uint32_t index_of(struct synth *s, const struct place *p)
{
	return p - s->places;
}

static void take_table(struct synth *s, struct place *p, unsigned int index)
{
	struct trace_event *event;

	event = emit(s, p, TRACE_ALLOC, index_of(s, p) * MAX_TABLES + index);
	event->order = !index;		/* the top one is a pair */
	p->nid[index] = event->nid;
	s->requests++;
}

static void drop_table(struct synth *s, struct place *p, unsigned int index)
{
	struct trace_event *event;

	event = emit(s, p, TRACE_FREE, index_of(s, p) * MAX_TABLES + index);
	event->order = !index;
	event->nid = p->nid[index];
}

static void grow(struct synth *s, struct place *p, unsigned int nr)
{
	while (nr-- && p->have < p->target)
		take_table(s, p, p->have++);
}

/* Lowest address first and the top table last, as an exit frees them. */
static void drop_all(struct synth *s, struct place *p)
{
	unsigned int i;

	for (i = 1; i < p->have; i++)
		drop_table(s, p, i);
	if (p->have)
		drop_table(s, p, 0);
	p->have = 0;
	p->stage = IDLE;
}

static void take_kernel_table(struct synth *s, struct place *p)
{
	struct trace_event *event;

	if (s->nr_kernel == KERNEL_TABLES)
		return;
	event = emit(s, p, TRACE_ALLOC,
		     s->nr_places * MAX_TABLES + s->nr_kernel);
	event->user = false;
	s->kernel_nid[s->nr_kernel++] = event->nid;
	s->requests++;
}

static void set_target(struct place *p, unsigned int target)
{
	p->target = target < 3 ? 3 : target > MAX_TABLES ? MAX_TABLES : target;
}

/* Build farm: sh forks and becomes a compiler, now and then a linker. */
static void build_born(struct synth *s, struct place *p)
{
	unsigned int dice = below(s, 64);

	if (!dice) {
		set_target(p, about(s, 180));		/* ld */
		p->end = s->now + about(s, 1500);
	} else if (dice < 24) {
		set_target(p, about(s, 12));		/* sh, as, mv */
		p->end = s->now + about(s, 30);
	} else {
		set_target(p, about(s, 56));		/* cc1 */
		p->end = s->now + about(s, 500);
	}
	p->step = 1 + p->target / 8;
}

/* All of a wave of jobs begins at the same tick. */
static uint64_t build_pause(struct synth *s, struct place *p)
{
	return p->stage == IDLE ? 50 - s->now % 50 + below(s, 8) :
				  1 + below(s, 40);
}

/* Database: connections stay long, map a large shared memory, do little. */
static void database_born(struct synth *s, struct place *p)
{
	set_target(p, about(s, 96));
	p->end = s->now + 500 + exponential(s, 20000);
	p->step = 4;
}

static uint64_t database_pause(struct synth *s, struct place *p)
{
	return p->stage == LIVING ? 200 + below(s, 1800) : 5 + below(s, 60);
}

/*
 * Containers: groups of processes that begin and end together. A group's
 * fate is drawn from its number and cycle, so that its processes agree on it.
 */
static void container_born(struct synth *s, struct place *p)
{
	uint64_t fate = random_seed(s->config.seed ^ (uint64_t)p->group << 32 ^
				    p->cycle);
	bool stays = !random_below(&fate, 10);
	uint32_t life = 500 + random_below(&fate, 6000);

	set_target(p, about(s, 36));
	p->end = (s->now / 8000 + 1) * 8000;
	if (stays)
		p->end += 80000;
	else
		p->end = s->now - s->now % 8000 + 1000 + life;
	p->end += below(s, 50);
	p->step = 1 + p->target / 4;
	p->cycle++;
}

static uint64_t container_pause(struct synth *s, struct place *p)
{
	uint64_t into = s->now % 8000;

	if (p->stage == IDLE)	/* the next container starts with the period */
		return 8000 - into + p->group % 16 * 50 + below(s, 30);
	return p->stage == LIVING ? 50 + below(s, 1000) : 1 + below(s, 20);
}

static const struct profile profiles[] = {
	{ "build", 36, 8, build_born, build_pause, false },
	{ "database", 96, 3, database_born, database_pause, true },
	{ "containers", 36, 5, container_born, container_pause, true },
};

const struct synth_kind synth_kinds[] = {
	{ "build", "a build farm: many short jobs that fork and exec, in waves" },
	{ "database", "a database: many connections with large tables, slow churn" },
	{ "containers", "a container host: groups of processes come and go, some stay" },
	{ NULL, NULL },
};

static bool sooner(struct synth *s, uint32_t a, uint32_t b)
{
	if (s->places[a].wake != s->places[b].wake)
		return s->places[a].wake < s->places[b].wake;
	return a < b;
}

static void sink(struct synth *s, uint32_t at)
{
	uint32_t child, place = s->heap[at];

	while ((child = 2 * at + 1) < s->nr_heap) {
		if (child + 1 < s->nr_heap &&
		    sooner(s, s->heap[child + 1], s->heap[child]))
			child++;
		if (!sooner(s, s->heap[child], place))
			break;
		s->heap[at] = s->heap[child];
		at = child;
	}
	s->heap[at] = place;
}

static bool ending(struct synth *s)
{
	return s->requests >= s->wanted;
}

/* One step of a process. Returns false when its place is closed. */
static bool step(struct synth *s, struct place *p)
{
	unsigned int i;

	if (ending(s)) {
		drop_all(s, p);
		return false;
	}
	if (!below(s, 16))	/* it moves to another CPU */
		p->cpu = below(s, s->config.cpus);
	switch (p->stage) {
	case IDLE:
		/* fork: a copy of a small parent, until it execs */
		p->target = 3 + below(s, 8);
		grow(s, p, p->target);
		if (!below(s, 128))
			take_kernel_table(s, p);
		p->stage = FORKED;
		break;
	case FORKED:
		drop_all(s, p);
		s->profile->born(s, p);
		p->stage = GROWING;
		/* fall through */
	case GROWING:
		grow(s, p, p->step);
		if (p->have == p->target)
			p->stage = LIVING;
		break;
	case LIVING:
		if (s->now >= p->end) {
			drop_all(s, p);
			break;
		}
		for (i = 0; s->profile->exchanges && i < 4; i++) {
			unsigned int index = 1 + below(s, p->have - 1);

			drop_table(s, p, index);
			take_table(s, p, index);
		}
		break;
	}
	return true;
}

/* The last place is closed: what the kernel has kept goes, too. */
static void end(struct synth *s)
{
	struct trace_event *event;

	while (s->nr_kernel) {
		event = emit(s, NULL, TRACE_FREE, s->nr_places * MAX_TABLES +
			     s->nr_kernel - 1);
		event->user = false;
		event->nid = s->kernel_nid[--s->nr_kernel];
	}
	s->ended = true;
}

static int synth_next(struct trace *trace, struct trace_event *event)
{
	struct synth *s = (struct synth *)trace;
	struct place *p;
	uint64_t pause;

	while (s->head == s->tail) {
		if (s->ended)
			return 0;
		if (!s->nr_heap) {
			end(s);
			continue;
		}
		p = s->places + s->heap[0];
		/* At the end nobody waits for its time. */
		if (p->wake > s->now)
			s->now = ending(s) ? s->now : p->wake;
		if (step(s, p)) {
			pause = s->profile->pause(s, p);
			p->wake = s->now + pause;
			if (p->stage != IDLE && pause > LONG_MS)
				p->wake = s->now + LONG_MS;
		} else {
			s->heap[0] = s->heap[--s->nr_heap];
		}
		if (s->nr_heap)
			sink(s, 0);
	}
	*event = s->queue[s->head++ % QUEUE];
	return 1;
}

static void synth_close(struct trace *trace)
{
	struct synth *s = (struct synth *)trace;

	free(s->places);
	free(s->heap);
	free(s);
}

/* Places come to life over the first seconds; containers in groups. */
static void add_places(struct synth *s)
{
	uint32_t i, group = 0, left = 0;

	for (i = 0; i < s->nr_places; i++) {
		struct place *p = s->places + i;

		if (!left--) {
			group++;
			left = 4 + below(s, 30);
		}
		p->group = group;
		p->cpu = below(s, s->config.cpus);
		p->wake = p->group % 16 * 50 + below(s, 2000);
		s->heap[i] = i;
	}
	s->nr_heap = s->nr_places;
	for (i = s->nr_heap / 2; i--; )
		sink(s, i);
}

struct trace *trace_open_synth(const struct synth_config *config)
{
	const struct profile *profile = NULL;
	struct synth *s;
	unsigned int i;
	uint64_t places;

	for (i = 0; i < sizeof(profiles) / sizeof(*profiles); i++)
		if (!strcmp(profiles[i].name, config->name))
			profile = profiles + i;
	s = profile ? calloc(1, sizeof(*s)) : NULL;
	if (!s)
		return NULL;

	s->config = *config;
	s->profile = profile;
	s->random = random_seed(config->seed);
	s->trace.next = synth_next;
	s->trace.close = synth_close;
	s->trace.info.cpus = config->cpus;
	s->trace.info.nodes = config->nodes;
	s->trace.info.memory_mib = config->memory_mib;
	snprintf(s->trace.info.name, sizeof(s->trace.info.name), "%s",
		 config->name);
	snprintf(s->trace.info.load, sizeof(s->trace.info.load),
		 "generated, seed %lu", (unsigned long)config->seed);

	places = config->live / profile->tables;
	s->nr_places = places < 1 ? 1 : places > MAX_PLACES ? MAX_PLACES : places;
	s->wanted = (uint64_t)s->nr_places * profile->tables * profile->rounds;
	s->places = calloc(s->nr_places, sizeof(*s->places));
	s->heap = calloc(s->nr_places, sizeof(*s->heap));
	if (!s->places || !s->heap) {
		synth_close(&s->trace);
		return NULL;
	}
	add_places(s);
	return &s->trace;
}
