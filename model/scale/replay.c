// SPDX-License-Identifier: GPL-2.0
/* One trace, one policy, one machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "machine.h"
#include "replay.h"

#define BATCH		4096		/* events read before they are timed */
#define SAMPLE		64		/* events between two looks */
#define MS_PER_JIFFY	4		/* HZ is 250 */

struct run {
	const struct cell *cell;
	const struct policy *policy;
	struct result *result;
	struct trace_survey survey;
	struct live *live;
	unsigned long *pins;
	struct tally tally;
	struct tally most;		/* each at its own peak */
	uint16_t *in_range;		/* live pages, for maps */
	uint64_t ms, jiffies, events;
	int64_t lost_stock;		/* mapped by 4 KiB anyway */
	int64_t free_at_boot;
	double fill_sum;
	uint64_t fill_samples;
	double cpu;
};

unsigned long tally_live(const struct tally *tally)
{
	unsigned long live = 0;
	int nid;

	for (nid = 0; nid < POLICY_MAX_NODES; nid++)
		live += tally->live[nid][0] + tally->live[nid][1];
	return live;
}

unsigned long tally_least(const struct tally *tally)
{
	unsigned long least = 0;
	int nid, life;

	for (nid = 0; nid < POLICY_MAX_NODES; nid++)
		for (life = 0; life < 2; life++)
			least += (tally->live[nid][life] + RANGE_PAGES - 1) /
				 RANGE_PAGES;
	return least;
}

unsigned long tally_bound(const struct tally *tally, unsigned int nodes)
{
	return tally_least(tally) + nodes;
}

unsigned long fewest_ranges(const uint16_t *free, unsigned long nr,
			    unsigned long pages)
{
	unsigned long with[RANGE_PAGES + 1] = { 0 }, i, want, fewest = 0;

	for (i = 0; i < nr; i++)
		with[free[i] > RANGE_PAGES ? RANGE_PAGES : free[i]]++;
	for (i = RANGE_PAGES; i && pages; i--) {
		want = (pages + i - 1) / i;
		if (want > with[i])
			want = with[i];
		fewest += want;
		pages -= want * i < pages ? want * i : pages;
	}
	return fewest;
}

static double cpu_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

static int64_t lost(struct run *run)
{
	return (int64_t)machine_lost_2m() - run->lost_stock;
}

static struct trace *open_trace(const struct cell *cell, char *error)
{
	struct trace *trace;

	if (cell->recording)
		trace = trace_open_file(cell->recording, error);
	else
		trace = trace_open_synth(&cell->synth);
	if (!trace && !cell->recording)
		snprintf(error, 256, "%s: no such generator, or no memory",
			 cell->synth.name);
	if (!trace || !cell->others)
		return trace;
	trace = trace_add_others(trace, cell->per_table, cell->others,
				 cell->synth.seed);
	if (!trace)
		snprintf(error, 256, "no memory for %u pages of others",
			 cell->others);
	return trace;
}

static void account(struct run *run, unsigned long pfn, unsigned int order,
		    const struct live *live, int sign)
{
	long nr = sign * (1L << order);

	unsigned long *now = &run->tally.live[live->nid][live->user];
	unsigned long *most = &run->most.live[live->nid][live->user];

	*now += nr;
	if (*now > *most)
		*most = *now;
	if (run->cell->maps)	/* a request is never of more than a range */
		run->in_range[pfn >> RANGE_ORDER] += nr;
}

/* Memory is short: as reclaim would, ask the policy for what it keeps idle. */
static bool shrink(struct run *run)
{
	if (!run->policy->pressure)
		return false;
	run->policy->pressure();
	return true;
}

static void do_alloc(struct run *run, const struct trace_event *event)
{
	struct live *live = run->live + event->id;

	live->order = event->order;
	live->user = event->user;
	live->left = 1U << event->order;
	live->pfn = run->policy->alloc(event->order, event->user, event->nid);
	if (live->pfn == NO_PAGE && shrink(run))
		live->pfn = run->policy->alloc(event->order, event->user,
					       event->nid);
	if (live->pfn == NO_PAGE) {
		run->result->failed++;
		return;
	}
	live->nid = ground_nid(live->pfn);
	account(run, live->pfn, live->order, live, 1);
}

static void do_free(struct run *run, struct live *live, unsigned int offset,
		    unsigned int order)
{
	live->left -= 1U << order;
	if (live->pfn == NO_PAGE)
		return;
	account(run, live->pfn + offset, order, live, -1);
	run->policy->free(live->pfn + offset, order, live->user);
}

/* From the first part on, each page of the allocation is one by itself. */
static void do_free_part(struct run *run, struct live *live, unsigned int offset,
			 unsigned int order)
{
	unsigned int i;

	if (!live->gone) {
		live->gone = calloc(RANGE_WORDS, sizeof(*live->gone));
		if (!live->gone) {
			perror("scale: an allocation freed in parts");
			exit(1);
		}
		if (live->pfn != NO_PAGE)
			ground_break_up(live->pfn, live->order);
	}
	for (i = offset; i < offset + (1U << order); i++) {
		live->gone[i / 64] |= 1ULL << i % 64;
		do_free(run, live, i, 0);
	}
	if (!live->left) {
		free(live->gone);
		live->gone = NULL;
	}
}

/* All that is left of it. */
static void do_free_rest(struct run *run, struct live *live)
{
	unsigned int i;

	if (!live->gone) {
		do_free(run, live, 0, live->order);
		return;
	}
	for (i = 0; live->left; i++)
		if (!(live->gone[i / 64] >> i % 64 & 1))
			do_free_part(run, live, i, 0);
}

static void do_unpin(struct run *run, unsigned long pfn)
{
	if (pfn == NO_PAGE)
		return;
	if (!run->policy->unpin || !run->policy->unpin(pfn))
		ground_free(pfn, 0);
}

static void pass_until(struct run *run, uint64_t ms)
{
	uint64_t jiffies = ms / MS_PER_JIFFY;

	if (jiffies == run->jiffies)
		return;
	machine_pass_time(jiffies - run->jiffies);
	run->jiffies = jiffies;
	if (run->policy->tick)
		run->policy->tick();
}

static void do_event(struct run *run, const struct trace_event *event)
{
	pass_until(run, event->ms);
	machine_set_cpu(event->cpu);
	switch (event->op) {
	case TRACE_ALLOC:
		do_alloc(run, event);
		break;
	case TRACE_FREE:
		if (event->part)
			do_free_part(run, run->live + event->id, event->offset,
				     event->order);
		else
			do_free_rest(run, run->live + event->id);
		break;
	case TRACE_PIN:
		run->pins[event->id] = ground_alloc(0, false, event->nid);
		if (run->pins[event->id] == NO_PAGE && shrink(run))
			run->pins[event->id] = ground_alloc(0, false,
							    event->nid);
		break;
	case TRACE_UNPIN:
		do_unpin(run, run->pins[event->id]);
		run->pins[event->id] = NO_PAGE;
		break;
	}
}

/* What passes between two batches, and is no event's cost. */
static void look(struct run *run)
{
	struct result *result = run->result;
	struct policy_state state;
	unsigned long live = tally_live(&run->tally);

	if (lost(run) > result->lost_peak)
		result->lost_peak = lost(run);
	run->policy->state(&state);
	if (state.idle > result->most_idle)
		result->most_idle = state.idle;
	if (2 * live >= run->survey.peak) {
		run->fill_sum += (double)live / (live + state.idle);
		run->fill_samples++;
	}
}

static void at_peak(struct run *run)
{
	struct result *result = run->result;
	struct policy_state state;

	run->policy->state(&state);
	result->peak_live = tally_live(&run->tally);
	result->peak_least = tally_least(&run->tally);
	result->peak_blocks = state.blocks;
	result->peak_idle = state.idle;
	result->peak_metadata = state.metadata;
	if (result->peak_least)
		result->blocks_ratio = (double)state.blocks / result->peak_least;
	if (result->peak_live)
		result->metadata_share = state.metadata / 4096.0 /
					 (result->peak_live + state.idle);
	if (run->cell->maps)
		map_take(&result->maps[UNDER], run->cell->nodes, run->in_range);
	if (run->cell->steps)
		cost_measure(run->policy, run->live, run->survey.ids,
			     &run->tally, run->cell->steps,
			     run->cell->synth.seed, &result->cost);
}

static void do_batch(struct run *run, const struct trace_event *events,
		     unsigned int nr)
{
	unsigned int i = 0, stop;
	double from, took;

	while (i < nr) {
		stop = i + SAMPLE < nr ? i + SAMPLE : nr;
		/* The peak is a look of its own. */
		if (run->events < run->survey.peak_event &&
		    run->events + stop - i > run->survey.peak_event)
			stop = i + run->survey.peak_event - run->events;
		run->events += stop - i;
		from = cpu_seconds();
		for (; i < stop; i++)
			do_event(run, events + i);
		took = cpu_seconds() - from;
		run->cpu += took;
		/* Next to one that is worth a look, the others are nothing. */
		if (took * 1e3 > run->result->slowest_ms)
			run->result->slowest_ms = took * 1e3;
		look(run);
		if (run->events == run->survey.peak_event)
			at_peak(run);
	}
}

static bool do_trace(struct run *run)
{
	struct trace *trace = open_trace(run->cell, run->result->error);
	static struct trace_event events[BATCH];
	unsigned int nr = 0;
	int ret;

	if (!trace)
		return false;
	while ((ret = trace->next(trace, events + nr)) > 0) {
		run->ms = events[nr].ms;
		if (++nr == BATCH) {
			do_batch(run, events, nr);
			nr = 0;
		}
	}
	do_batch(run, events, nr);
	if (ret < 0)
		snprintf(run->result->error, sizeof(run->result->error), "%s",
			 trace->error);
	trace->close(trace);
	return !ret;
}

/* What a recording leaves live, and the time until all is as it was. */
static void release(struct run *run)
{
	struct result *result = run->result;
	struct policy_state state;
	uint64_t waited = 0;
	uint32_t i;

	for (i = 0; i < run->survey.ids; i++)
		if (run->live[i].left)
			do_free_rest(run, run->live + i);
	for (i = 0; i < run->survey.pins; i++)
		if (run->pins[i] != NO_PAGE)
			do_unpin(run, run->pins[i]);
	while (lost(run) > result->lost_boot && waited < RECOVER_MS) {
		waited += 100;
		machine_pass_time(100 / MS_PER_JIFFY);
		if (run->policy->tick)
			run->policy->tick();
	}
	result->recover_ms = lost(run) > result->lost_boot ? -1 : (int64_t)waited;
	result->lost_released = lost(run);
	/* Tables of collapsed ranges are freed after a grace period. */
	machine_settle();
	run->policy->state(&state);
	result->idle_released = state.idle;
	if (run->cell->maps)
		map_take(&result->maps[AFTER], run->cell->nodes, run->in_range);
	if (run->policy->pressure)
		run->policy->pressure();
	result->lost_shrunk = lost(run);
}

static void fragment(struct run *run)
{
	const struct cell *cell = run->cell;
	unsigned long nr = 0, i, first;
	uint16_t *free_in;
	unsigned int nid;

	for (nid = 0; nid < cell->nodes; nid++) {
		machine_fragment(nid, cell->one_in);
		ground_shuffle(nid, cell->synth.seed);
		nr += ground_ranges(nid);
	}
	free_in = calloc(nr, sizeof(*free_in));
	if (!free_in)
		return;
	nr = 0;
	for (nid = 0; nid < cell->nodes; nid++) {
		first = ground_first(nid);
		for (i = 0; i < ground_ranges(nid); i++)
			free_in[nr++] = ground_free_in(first + i * RANGE_PAGES);
	}
	run->result->fewest = fewest_ranges(free_in, nr, run->survey.peak);
	free(free_in);
}

/* What nobody uses: on the free lists, or idle in the policy. */
static int64_t free_pages_now(struct run *run)
{
	struct policy_state state;
	int64_t nr = 0;
	unsigned int nid;

	for (nid = 0; nid < run->cell->nodes; nid++)
		nr += machine_free_pages(nid);
	run->policy->state(&state);
	return nr + state.idle;
}

static void boot(struct run *run)
{
	const struct cell *cell = run->cell;
	struct machine_config config = {
		.nr_nodes = cell->nodes,
		.nr_cpus = cell->cpus,
		.node_mib = cell->memory_mib / cell->nodes & ~1UL,
		.gib_pages = true,
		.options = run->policy->is_dmap ? NULL : "dmap=off",
		.seed = cell->synth.seed,
	};
	struct policy_state state;
	unsigned long end = 0;
	unsigned int nid;

	machine_boot(&config);
	if (run->policy->boot)
		run->policy->boot(cell->nodes);
	run->policy->state(&state);
	run->lost_stock = (int64_t)machine_lost_2m() - (int64_t)state.blocks;
	run->result->lost_boot = state.blocks;
	for (nid = 0; nid < cell->nodes; nid++)
		end = ground_first(nid) + ground_ranges(nid) * RANGE_PAGES;
	if (cell->maps) {
		run->in_range = calloc((end >> RANGE_ORDER) + 1,
				       sizeof(*run->in_range));
		map_take(&run->result->maps[BEFORE], cell->nodes, run->in_range);
	}
	if (cell->one_in)
		fragment(run);
	run->free_at_boot = free_pages_now(run);
}

static bool prepare(struct run *run)
{
	struct trace *trace = open_trace(run->cell, run->result->error);
	uint32_t i;
	bool ok;

	if (!trace)
		return false;
	snprintf(run->result->trace, sizeof(run->result->trace), "%s",
		 trace->info.name);
	ok = trace_survey(trace, &run->survey);
	if (!ok)
		snprintf(run->result->error, sizeof(run->result->error), "%s",
			 trace->error);
	trace->close(trace);
	if (!ok)
		return false;
	run->live = calloc(run->survey.ids + 1, sizeof(*run->live));
	run->pins = calloc(run->survey.pins + 1, sizeof(*run->pins));
	if (!run->live || !run->pins) {
		snprintf(run->result->error, sizeof(run->result->error),
			 "no memory for %u allocations", run->survey.ids);
		return false;
	}
	for (i = 0; i < run->survey.pins; i++)
		run->pins[i] = NO_PAGE;
	return true;
}

static void finish(struct run *run, const struct machine_stats *before)
{
	struct result *result = run->result;
	struct policy_state state;

	run->policy->state(&state);
	result->elsewhere = state.elsewhere;
	result->bound = tally_bound(&run->most, run->cell->nodes);
	result->events = run->survey.events;
	result->requests = run->survey.requests;
	result->fill = run->fill_samples ? run->fill_sum / run->fill_samples : 0;
	result->replay_ns = run->survey.events ?
			    run->cpu * 1e9 / run->survey.events : 0;
	result->splits_2m = machine_stats.splits_2m - before->splits_2m;
	result->splits_1g = machine_stats.splits_1g - before->splits_1g;
	result->collapses_2m = machine_stats.collapses_2m - before->collapses_2m;
	result->collapses_1g = machine_stats.collapses_1g - before->collapses_1g;
	/* The tables of the ranges that are split still are in use. */
	result->leaked = run->free_at_boot - free_pages_now(run) -
			 (int64_t)(result->splits_2m + result->splits_1g -
				   result->collapses_2m - result->collapses_1g);
	result->flushes = machine_stats.flushes - before->flushes;
	result->shootdowns = machine_stats.shootdowns - before->shootdowns;
}

void replay(const struct cell *cell, struct result *result)
{
	struct run run = {
		.cell = cell, .policy = cell->policy, .result = result,
	};
	struct machine_stats before;

	memset(result, 0, sizeof(*result));
	memcpy(result->machine, cell->machine, sizeof(result->machine));
	memcpy(result->series, cell->series, sizeof(result->series));
	snprintf(result->policy, sizeof(result->policy), "%s",
		 cell->policy->name);
	result->cpus = cell->cpus;
	result->nodes = cell->nodes;
	result->memory_mib = cell->memory_mib;
	result->one_in = cell->one_in;
	result->per_table = cell->per_table;
	snprintf(result->trace, sizeof(result->trace), "%s", cell->synth.name ?
		 cell->synth.name : "");

	if (prepare(&run)) {
		boot(&run);
		before = machine_stats;
		if (do_trace(&run)) {
			release(&run);
			finish(&run, &before);
		}
	}
	free(run.live);
	free(run.pins);
	free(run.in_range);
}
