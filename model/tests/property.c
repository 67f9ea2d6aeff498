// SPDX-License-Identifier: GPL-2.0
/*
 * Random sequences of operations, each on a machine of its own, beside the
 * reference model. Says how fast it was: without checks that is the speed of
 * the model, with checks of the tests.
 */
#include <stdio.h>

#include "common.h"
#include "ops.h"

static struct arguments {
	unsigned long ops;
	uint64_t seed;
	bool checks;
	bool faults;
} args = { .ops = 1000000, .seed = 1, .checks = true };

static const struct argp_option options[] = {
	{ "ops", 'n', "N", 0, "operations in all (1000000)", 0 },
	{ "seed", 's', "N", 0, "seed of the first sequence (1)", 0 },
	{ "no-checks", 'q', NULL, 0, "without reference and invariants", 0 },
	{ "faults", 'f', NULL, 0, "fail one in 50 allocations too", 0 },
	{}
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'n':
		args.ops = number(state, arg);
		return 0;
	case 's':
		args.seed = number(state, arg);
		return 0;
	case 'q':
		args.checks = false;
		return 0;
	case 'f':
		args.faults = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = options, .parser = parse,
	.doc = "Run random operations on the modelled machine, checked against a reference.",
};

#define SEQUENCE	20000	/* operations on one machine */

static void sequence(uint64_t seed)
{
	static uint8_t bytes[SEQUENCE * OPS_SIZE];
	static struct ops ops;
	uint64_t state = seed;
	struct machine_config config = {
		.nr_nodes = 1 + ops_rand(&state) % 3,
		.nr_cpus = 1 + ops_rand(&state) % 4,
		.node_mib = 16 << ops_rand(&state) % 3,
		.gib_pages = ops_rand(&state) % 2,
		.tlb = true,
		.options = ops_rand(&state) % 4 ? NULL : "dmap_reserve=2M",
		.seed = seed,
	};

	machine_boot(&config);
	if (args.faults)
		machine_fail_random(50);
	ops_init(&ops, args.checks ? OPS_CHECKS : OPS_NO_CHECKS, true);
	ops_random(&state, bytes, sizeof(bytes));
	ops_run(&ops, bytes, sizeof(bytes));
	machine_fail_random(0);
	ops_end(&ops);
	ops_end_shared();
	machine_check();
	machine_shutdown();
}

int main(int argc, char **argv)
{
	unsigned long done = 0;
	double start, seconds;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	start = now();
	for (; done < args.ops; done += SEQUENCE) {
		if (done / SEQUENCE % 64 == 63)
			fprintf(stderr, "property: %lu of %lu operations, %.0f s\n",
				done, args.ops, now() - start);
		sequence(args.seed + done / SEQUENCE);
	}
	seconds = now() - start;
	printf("%lu operations %s checks%s in %.1f s: %.0f a second\n", done,
	       args.checks ? "with" : "without",
	       args.faults ? " and with faults" : "", seconds, done / seconds);
	return 0;
}
