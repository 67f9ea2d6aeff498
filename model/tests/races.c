// SPDX-License-Identifier: GPL-2.0
/*
 * Where races are looked for: a few tasks on CPUs of their own, each with a
 * short program, run under schedule after schedule by the explorer.
 */
#include <string.h>

#include "dmap/dmap.h"
#include "explore.h"
#include "machine.h"
#include "ops.h"

#define MAX_TASKS	3
#define MAX_OPS		48	/* of each task */
#define MAX_NAMES	10

/*
 * @names: what the programs consist of, at random; none: of everything
 * @fragment: at the start one page in so many is free; 0: memory is whole
 * @cache: memory is full of page cache
 */
struct race {
	unsigned int tasks;
	unsigned int ops;
	unsigned int fragment;
	bool cache;
	const char *names[MAX_NAMES];
};

struct task {
	struct ops ops;
	uint8_t bytes[MAX_OPS * OPS_SIZE];
	size_t size;
};

static void make_program(const struct race *race, struct task *task,
			 uint64_t *state)
{
	unsigned int i, nr;

	for (nr = 0; nr < MAX_NAMES && race->names[nr]; nr++)
		;
	task->size = race->ops * OPS_SIZE;
	ops_random(state, task->bytes, task->size);
	for (i = 0; nr && i < race->ops; i++)
		task->bytes[i * OPS_SIZE] =
			ops_byte(race->names[ops_rand(state) % nr]);
}

static void run_task(void *arg)
{
	struct task *task = arg;

	ops_run(&task->ops, task->bytes, task->size);
	ops_end(&task->ops);
}

static void fill_with_cache(void)
{
	while (machine_free_pages(0) > 96 && machine_foreign_alloc(0, 0, true))
		;
}

/* A block that runs empty is on its way back, whatever came between. */
static void check_drained(void)
{
	struct dmap_class *class;
	int nid, life;

	machine_settle();
	for_each_node(nid)
		for_each_node_class(class, nid, life)
			if (class->nr_blocks > (life == DMAP_KERNEL))
				machine_violation("node %d, lifetime %d: %lu blocks are held, and nothing is live",
						  nid, life, class->nr_blocks);
}

static void run_race(const struct race *race, uint64_t seed,
		     const struct machine_schedule *schedule)
{
	static struct task tasks[MAX_TASKS];
	struct machine_config config = machine_small;
	uint64_t state = seed;
	unsigned int i;

	config.nr_cpus = race->tasks;
	config.node_mib = 16;
	config.seed = seed;
	machine_boot(&config);
	if (race->fragment)
		machine_fragment(0, race->fragment);
	if (race->cache)
		fill_with_cache();
	for (i = 0; i < race->tasks; i++) {
		ops_init(&tasks[i].ops, OPS_NO_CHECKS, false);
		make_program(race, &tasks[i], &state);
		tasks[i].ops.skips = explore_skips;
		tasks[i].ops.first = i * MAX_OPS;
		machine_spawn(i, "ops", run_task, &tasks[i]);
	}
	machine_run(schedule);
	ops_end_shared();
	if (race->fragment)
		machine_unfragment();
	check_drained();
	machine_check();
	machine_shutdown();
}

/* A scenario: its name, what it is about, and struct race. */
#define RACE(name_, what_, ...)						\
static void run_##name_(uint64_t seed,					\
			const struct machine_schedule *schedule)	\
{									\
	static const struct race race = { __VA_ARGS__ };		\
									\
	run_race(&race, seed, schedule);				\
}									\
static const struct explore_scenario name_ = {				\
	.name = #name_, .what = what_, .run = run_##name_,		\
	.nr_ops = MAX_TASKS * MAX_OPS,					\
}

RACE(drain, "drain against allocate",
     .tasks = 2, .ops = 24,
     .names = { "alloc user", "alloc user", "alloc kernel", "free", "free",
		"free many", "drain", "exchange" });
RACE(collapse, "collapse against allocate, with writes everywhere",
     .tasks = 2, .ops = 24,
     .names = { "alloc order", "alloc user", "free", "free", "free split",
		"drain", "write", "narrow", "foreign alloc" });
RACE(capture, "capture against free, in fragmented memory",
     .tasks = 3, .ops = 32, .fragment = 8,
     .names = { "alloc user", "alloc user", "alloc order", "free", "free many",
		"foreign free", "foreign alloc", "drain" });
RACE(reclaim, "reclaim against everything",
     .tasks = 2, .ops = 32, .cache = true,
     .names = { "alloc user", "alloc user", "alloc kernel", "alloc atomic",
		"free", "free many", "foreign alloc", "pressure", "drain" });
RACE(interrupts, "frees in interrupts against all else",
     .tasks = 2, .ops = 32,
     .names = { "alloc user", "alloc user", "alloc atomic", "free in interrupt",
		"free in interrupt", "free", "exchange", "drain" });
RACE(faults, "allocations fail meanwhile",
     .tasks = 2, .ops = 32, .fragment = 16,
     .names = { "alloc user", "alloc user", "alloc order", "free", "free many",
		"fail", "drain", "exchange" });
RACE(mixed, "everything", .tasks = 3, .ops = 48);

int main(int argc, char **argv)
{
	const struct explore_scenario scenarios[] = {
		drain, collapse, capture, reclaim, interrupts, faults, mixed,
	};

	return explore_main(argc, argv, scenarios, ARRAY_SIZE(scenarios));
}
