// SPDX-License-Identifier: GPL-2.0
/*
 * Tasks that run random operations side by side for some seconds: as threads
 * on the CPUs there are (VARIANT=thread, under the thread sanitizer), elsewhere
 * interleaved with seed after seed.
 */
#include <stdio.h>

#include "common.h"
#include "ops.h"

#define MAX_TASKS	16
#define PROGRAM		4000	/* operations of a task on one machine */

static struct arguments {
	unsigned int tasks;
	unsigned long seconds;
	uint64_t seed;
} args = { .tasks = 4, .seconds = 10, .seed = 1 };

static const struct argp_option options[] = {
	{ "tasks", 't', "N", 0, "tasks, each on a CPU of its own (4)", 0 },
	{ "seconds", 'd', "N", 0, "how long (10)", 0 },
	{ "seed", 's', "N", 0, "seed of the first machine (1)", 0 },
	{}
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	unsigned long value;

	switch (key) {
	case 't':
		value = number(state, arg);
		if (!value || value > MAX_TASKS)
			argp_error(state, "tasks are 1 to %d", MAX_TASKS);
		args.tasks = value;
		return 0;
	case 'd':
		args.seconds = number(state, arg);
		return 0;
	case 's':
		args.seed = number(state, arg);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = options, .parser = parse,
	.doc = "Run random operations on several CPUs at the same time.",
};

struct task {
	struct ops ops;
	uint8_t bytes[PROGRAM * OPS_SIZE];
};

static void run_task(void *arg)
{
	struct task *task = arg;

	ops_run(&task->ops, task->bytes, sizeof(task->bytes));
	ops_end(&task->ops);
}

static unsigned long one_machine(uint64_t seed)
{
	static struct task tasks[MAX_TASKS];
	struct machine_schedule schedule = { .seed = seed, .switches = 64 };
	struct machine_config config = machine_small;
	unsigned long done = 0;
	uint64_t state = seed;
	unsigned int i;

	config.nr_cpus = args.tasks;
	config.nr_nodes = 1 + ops_rand(&state) % 2;
	config.seed = seed;
	machine_boot(&config);
	for (i = 0; i < args.tasks; i++) {
		ops_init(&tasks[i].ops, OPS_NO_CHECKS, false);
		ops_random(&state, tasks[i].bytes, sizeof(tasks[i].bytes));
		machine_spawn(i, "hammer", run_task, &tasks[i]);
	}
	machine_run(&schedule);
	for (i = 0; i < args.tasks; i++)
		done += tasks[i].ops.done;
	ops_end_shared();
	machine_check();
	machine_shutdown();
	return done;
}

int main(int argc, char **argv)
{
	unsigned long done = 0, machines = 0;
	time_t end;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	end = time(NULL) + args.seconds;
	do
		done += one_machine(args.seed + machines++);
	while (time(NULL) < end);
	printf("%lu operations of %u tasks on %lu machines\n", done, args.tasks,
	       machines);
	return 0;
}
