/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The explorer: runs scenarios under very many schedules, and makes the first
 * one that breaks a rule short enough to be read.
 *
 * A scenario is run in child processes, many seeds in each, so that a crash is
 * a find like any other. What is found is replayed to see that it happens
 * again, shrunk (switches, and operations if the scenario can leave some out),
 * printed, and saved to a file that --replay takes.
 */
#ifndef _MODEL_EXPLORE_H
#define _MODEL_EXPLORE_H

#include <machine.h>

/**
 * struct explore_scenario - something to be explored
 * @name:	a word
 * @what:	a line
 * @run:	boot a machine, spawn tasks, machine_run(@schedule), check, shut
 *		down. All that it chooses comes from @seed: with the same
 *		switches the same must happen.
 * @nr_ops:	operations that can be left out, at most %EXPLORE_MAX_OPS; it
 *		asks explore_skips() for each
 */
struct explore_scenario {
	const char *name;
	const char *what;
	void (*run)(uint64_t seed, const struct machine_schedule *schedule);
	size_t nr_ops;
};

#define EXPLORE_MAX_OPS	4096

/* In a scenario: is operation @op, from 0, left out of this run? */
bool explore_skips(size_t op);

/**
 * struct explore_options - how long, and how
 * @seconds:	stop after this, 0 for no limit
 * @runs:	stop after so many, 0 for no limit
 * @seed:	of the first run; each one has the next
 * @jobs:	processes at a time
 * @shrink:	seconds for shrinking
 * @save:	directory for the schedule that failed, or NULL
 * @quiet:	print nothing
 * @json:	print one JSON object per scenario
 */
struct explore_options {
	double seconds;
	unsigned long runs;
	uint64_t seed;
	unsigned int jobs;
	double shrink;
	const char *save;
	bool quiet;
	bool json;
};

extern const struct explore_options explore_defaults;

/* What was found. */
struct explore_result {
	bool found;
	bool repeats;		/* twice the same when replayed */
	unsigned long runs;
	unsigned long points;
	double seconds;		/* until it was found, or all */
	uint64_t seed;
	size_t nr_switches;	/* after shrinking */
	size_t nr_switches_found;
	size_t nr_skipped;
	char text[8192];	/* the report; its first line is the violation */
	char trace[16384];	/* the switches, a line each */
	char file[512];		/* where it was saved, or empty */
};

/* Explore one scenario. Returns whether something was found. */
bool explore(const struct explore_scenario *scenario,
	     const struct explore_options *options,
	     struct explore_result *result);

/* Run a saved schedule. Returns 0: no violation, 1: violation, 2: bad file. */
int explore_replay(const struct explore_scenario *scenarios, size_t nr,
		   const char *file, bool json);

/* The command line. Returns the exit status: 0 nothing found, 1 found, 2 usage. */
int explore_main(int argc, char **argv,
		 const struct explore_scenario *scenarios, size_t nr);

#endif /* _MODEL_EXPLORE_H */
