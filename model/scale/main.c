// SPDX-License-Identifier: GPL-2.0
/*
 * scale: mm/dmap on machines that nobody has, and beside other ways.
 *
 *	scale run	dmap on 1 GiB to 64 TiB
 *	scale compare	all policies on the same traces
 *	scale demo	one recorded trace under all policies, with maps
 *	scale list	what traces, policies and machines there are
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

#define MAX_CELLS	128

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct options {
	const char *json, *svg;
	const char *policy, *trace;	/* only this one */
	uint64_t seed;
	unsigned int jobs, steps;
	bool quick, alone;
	char **args;
	int nr_args;
};

struct machine {
	const char *name;
	unsigned long mib;
	unsigned int nodes, cpus;
	unsigned long live;		/* table pages when the load grows */
};

static const struct machine machines[] = {
	{ "1 GiB",	1UL << 10, 1, 2,	4000 },
	{ "1 GiB",	1UL << 10, 2, 8,	8000 },
	{ "64 GiB",	1UL << 16, 1, 16,	60000 },
	{ "64 GiB",	1UL << 16, 2, 64,	60000 },
	{ "1 TiB",	1UL << 20, 4, 128,	150000 },
	{ "1 TiB",	1UL << 20, 8, 256,	150000 },
	{ "64 TiB",	1UL << 26, 4, 256,	300000 },
	{ "64 TiB",	1UL << 26, 8, 512,	400000 },
};

/*
 * What a process holds besides its tables: each of them leads to some pages,
 * which lie between the tables where nothing keeps these together.
 */
#define OTHERS_PER_TABLE	8

/* No 2 MiB range is free in any of these; the load is the same, 1 GiB aside. */
static const struct machine fragmented[] = {
	{ "1 GiB",	1UL << 10, 1, 2,	4000 },
	{ "4 GiB",	1UL << 12, 1, 8,	12000 },
	{ "16 GiB",	1UL << 14, 1, 8,	12000 },
	{ "64 GiB",	1UL << 16, 1, 8,	12000 },
};

/* The same load on each: what a 1 GiB machine can bear. */
#define SAME_LIVE	4000
#define SAME_ON		0x95	/* which machines: the 1st, 3rd, 5th, 8th */

struct scenario {
	const char *trace;
	const char *machine;
	unsigned long mib;
	unsigned int nodes, cpus;
	unsigned long live;
	unsigned int one_in;
	bool others;			/* in fragmented memory, too */
};

static const struct scenario scenarios[] = {
	{ "build",	"4 GiB", 4096, 1, 8,	8000, 0, false },
	{ "database",	"4 GiB", 4096, 1, 8,	16000, 0, false },
	{ "containers",	"4 GiB", 4096, 1, 8,	8000, 0, false },
	{ "build",	"64 GiB", 65536, 2, 64,	30000, 0, false },
	{ "database",	"64 GiB", 65536, 2, 64,	60000, 0, false },
	{ "containers",	"64 GiB", 65536, 2, 64,	40000, 0, false },
	{ "database",	"4 GiB", 4096, 1, 8,	12000, 8, false },
	{ "containers",	"4 GiB", 4096, 1, 8,	8000, 8, true },
};

static const char usage[] =
"Usage: scale COMMAND [OPTION]...\n"
"\n"
"mm/dmap on a modelled machine: how it scales, and what other policies do.\n"
"\n"
"Commands:\n"
"  run           dmap on machines of 1 GiB to 64 TiB, with the budgets\n"
"  compare       all policies on the same traces, also in fragmented memory\n"
"  demo TRACE    a recorded trace under all policies, with maps of memory\n"
"  list          traces, policies and machines\n"
"\n"
"Options:\n"
"  --json FILE   write the results as JSON, too (- for standard output)\n"
"  --svg FILE    draw them\n"
"  --policy NAME only this policy (compare, demo)\n"
"  --trace NAME  only this kind of trace (run, compare)\n"
"  --seed N      of the generators and of the machine's own choices; 1\n"
"  --jobs N      runs side by side, 1 to 16; 2\n"
"  --steps N     operations whose instructions are counted, 0 for none; 24\n"
"  --alone       demo: nobody else pins pages between those of the trace\n"
"  --quick       smaller loads and fewer machines, for a test of this program\n"
"  --help        this text\n"
"\n"
"Exit status: 0 all ran, 1 something failed, 2 wrong usage.\n"
"A budget that is missed is reported, and no failure.\n";

static int wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int wrong(const char *fmt, ...)
{
	va_list ap;

	fputs("scale: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("; see scale --help\n", stderr);
	return EXIT_USAGE;
}

static FILE *open_output(const char *path)
{
	FILE *out = strcmp(path, "-") ? fopen(path, "w") : stdout;

	if (!out)
		fprintf(stderr, "scale: %s: cannot be written: %s; give another file\n",
			path, strerror(errno));
	return out;
}

static bool close_output(FILE *out, const char *path)
{
	bool bad = ferror(out);

	if (out == stdout)
		bad |= fflush(out) != 0;
	else
		bad |= fclose(out) != 0;
	if (bad)
		fprintf(stderr, "scale: %s: cannot be written: %s; is the disk full?\n",
			path, strerror(errno));
	return !bad;
}

static bool write_json(const struct options *opt, const char *command,
		       const struct result *results, unsigned int nr,
		       const struct budget *budgets, unsigned int nr_budgets)
{
	FILE *out;

	if (!opt->json)
		return true;
	out = open_output(opt->json);
	if (!out)
		return false;
	report_json(out, command, opt->seed, results, nr, budgets, nr_budgets);
	return close_output(out, opt->json);
}

typedef void (*chart)(FILE *out, const struct result *results,
		      unsigned int nr);

static bool write_svg(const struct options *opt, chart draw,
		      const struct result *results, unsigned int nr)
{
	FILE *out;

	if (!opt->svg)
		return true;
	out = open_output(opt->svg);
	if (!out)
		return false;
	draw(out, results, nr);
	return close_output(out, opt->svg);
}

static bool wanted(const char *only, const char *name)
{
	return !only || !strcmp(only, name);
}

static void synth_cell(struct cell *cell, const struct options *opt,
		       const char *trace, const char *series,
		       const struct machine *machine, unsigned long live)
{
	*cell = (struct cell){
		.cpus = machine->cpus, .nodes = machine->nodes,
		.memory_mib = machine->mib, .steps = opt->steps,
		.synth = {
			.name = trace, .cpus = machine->cpus,
			.nodes = machine->nodes, .memory_mib = machine->mib,
			.live = opt->quick ? live / 8 : live,
			.seed = opt->seed,
		},
	};
	snprintf(cell->machine, sizeof(cell->machine), "%s", machine->name);
	snprintf(cell->series, sizeof(cell->series), "%s", series);
}

static int command_run(const struct options *opt)
{
	static const char *const columns[] = {
		"machine", "nodes", "cpus", "trace", "requests", "peak_live",
		"peak_blocks", "peak_least", "fill", "churn_fill", "lost_peak",
		"lost_released", "recover_ms", "instructions_per_operation",
		"ns_per_operation", "metadata_share", "splits_2m",
		"collapses_2m", "shootdowns", NULL,
	};
	static const char *const fragmented_columns[] = {
		"machine", "nodes", "cpus", "trace", "requests", "failed",
		"peak_live", "peak_blocks", "fewest", "lost_peak",
		"lost_released", "recover_ms", "instructions_per_operation",
		"ns_per_operation", "replay_ns", "slowest_ms", NULL,
	};
	static struct cell cells[MAX_CELLS];
	static struct result results[MAX_CELLS];
	struct budget budgets[MAX_BUDGETS];
	unsigned int nr = 0, nr_same, nr_grown, i, t, nr_budgets;
	const char *trace;
	bool ok;

	if (opt->nr_args)
		return wrong("run takes no argument \"%s\"", opt->args[0]);
	for (t = 0; (trace = synth_kinds[t].name); t++)
		for (i = 0; i < sizeof(machines) / sizeof(*machines); i++)
			if (wanted(opt->trace, trace) && SAME_ON >> i & 1 &&
			    !(opt->quick && i % 7))
				synth_cell(&cells[nr++], opt, trace, "same",
					   machines + i, SAME_LIVE);
	nr_same = nr;
	for (t = 0; (trace = synth_kinds[t].name); t++)
		for (i = 0; i < sizeof(machines) / sizeof(*machines); i++)
			if (wanted(opt->trace, trace) &&
			    !(opt->quick && i % 7))
				synth_cell(&cells[nr++], opt, trace, "grown",
					   machines + i, machines[i].live);
	nr_grown = nr;
	for (i = 0; i < sizeof(fragmented) / sizeof(*fragmented); i++)
		if (wanted(opt->trace, "database") && !(opt->quick && i)) {
			synth_cell(&cells[nr], opt, "database", "fragmented",
				   fragmented + i, fragmented[i].live);
			cells[nr++].one_in = 8;
		}
	for (i = 0; i < nr; i++) {
		cells[i].policy = &policy_dmap;
		if (cells[i].one_in)
			continue;
		cells[i].per_table = 1;
		cells[i].others = cells[i].synth.live;
	}

	ok = run_cells(cells, results, nr, opt->jobs);
	printf("The same load on each machine\n");
	report_table(stdout, results, nr_same, columns);
	printf("\nThe load grows with the machine\n");
	report_table(stdout, results + nr_same, nr_grown - nr_same, columns);
	if (nr > nr_grown)
		printf("\nFragmented memory, one page in eight free\n");
	report_table(stdout, results + nr_grown, nr - nr_grown,
		     fragmented_columns);
	nr_budgets = budgets_judge(results, nr, budgets);
	report_budgets(stdout, budgets, nr_budgets);
	ok &= write_json(opt, "run", results, nr, budgets, nr_budgets);
	ok &= write_svg(opt, svg_run, results, nr);
	return ok ? 0 : EXIT_FAILED;
}

static const char *const compare_columns[] = {
	"policy", "peak_live", "peak_least", "lost_boot", "lost_peak",
	"lost_released",
	"lost_shrunk", "recover_ms", "most_idle", "idle_released", "fill",
	"churn_fill", "elsewhere", "failed", "splits_2m", "collapses_2m",
	"shootdowns", "instructions_per_operation", "ns_per_operation", NULL,
};

static int command_compare(const struct options *opt)
{
	static struct cell cells[MAX_CELLS];
	static struct result results[MAX_CELLS];
	struct budget budgets[MAX_BUDGETS];
	unsigned int nr = 0, i, p, from, nr_budgets;
	bool ok;

	if (opt->nr_args)
		return wrong("compare takes no argument \"%s\"", opt->args[0]);
	for (i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++) {
		const struct scenario *s = scenarios + i;
		const struct machine machine = {
			s->machine, s->mib, s->nodes, s->cpus, s->live,
		};

		if (!wanted(opt->trace, s->trace) ||
		    (opt->quick && s->mib > 4096))
			continue;
		for (p = 0; policies[p]; p++) {
			if (!wanted(opt->policy, policies[p]->name))
				continue;
			synth_cell(&cells[nr], opt, s->trace, "compare",
				   &machine, s->live);
			cells[nr].policy = policies[p];
			cells[nr].one_in = s->one_in;
			if (!s->one_in || s->others) {
				cells[nr].per_table = OTHERS_PER_TABLE;
				cells[nr].others = cells[nr].synth.live *
						   OTHERS_PER_TABLE;
			}
			nr++;
		}
	}
	ok = run_cells(cells, results, nr, opt->jobs);
	for (from = 0; from < nr; from = i) {
		for (i = from; i < nr &&
		     !strcmp(results[i].trace, results[from].trace) &&
		     !strcmp(results[i].machine, results[from].machine) &&
		     results[i].one_in == results[from].one_in; i++)
			;
		printf("%s%s, %s, %u node%s, %u CPUs%s\n", from ? "\n" : "",
		       results[from].trace, results[from].machine,
		       results[from].nodes, results[from].nodes > 1 ? "s" : "",
		       results[from].cpus,
		       results[from].one_in ? ", fragmented" : "");
		if (results[from].per_table)
			printf("for each table, others pin and free %u pages\n",
			       results[from].per_table);
		report_table(stdout, results + from, i - from, compare_columns);
		if (results[from].fewest)
			printf("fewest ranges whose free pages suffice: %lu\n",
			       (unsigned long)results[from].fewest);
	}
	nr_budgets = budgets_judge(results, nr, budgets);
	report_budgets(stdout, budgets, nr_budgets);
	ok &= write_json(opt, "compare", results, nr, budgets, nr_budgets);
	ok &= write_svg(opt, svg_compare, results, nr);
	return ok ? 0 : EXIT_FAILED;
}

static char demo_title[160];

static void draw_demo(FILE *out, const struct result *results, unsigned int nr)
{
	svg_demo(out, results, nr, demo_title);
}

static int command_demo(const struct options *opt)
{
	static const char *const columns[] = {
		"policy", "peak_live", "peak_least", "lost_boot", "lost_peak",
		"lost_released", "recover_ms", "most_idle", "elsewhere",
		NULL,
	};
	static struct cell cells[MAX_CELLS];
	static struct result results[MAX_CELLS];
	struct trace_info info;
	struct trace_survey survey;
	struct trace *trace;
	unsigned int nr = 0, p;
	unsigned long others;
	char error[256];
	bool ok;

	if (opt->nr_args != 1)
		return wrong("demo takes one argument, a recorded trace");
	trace = trace_open_file(opt->args[0], error);
	if (!trace) {
		fprintf(stderr, "scale: %s; record one with make record\n",
			error);
		return EXIT_FAILED;
	}
	info = trace->info;
	ok = trace_survey(trace, &survey);
	if (!ok)
		fprintf(stderr, "scale: %s; record it anew with make record\n",
			trace->error);
	trace->close(trace);
	if (!ok)
		return EXIT_FAILED;

	/* In a quarter of the memory at most. */
	others = survey.peak * OTHERS_PER_TABLE;
	if (others > info.memory_mib << 6)
		others = info.memory_mib << 6;
	for (p = 0; policies[p]; p++) {
		if (!wanted(opt->policy, policies[p]->name))
			continue;
		cells[nr] = (struct cell){
			.policy = policies[p], .recording = opt->args[0],
			.cpus = info.cpus, .nodes = info.nodes,
			.memory_mib = info.memory_mib, .maps = true,
			.synth.seed = opt->seed,
			.per_table = OTHERS_PER_TABLE,
			.others = opt->alone ? 0 : others,
		};
		snprintf(cells[nr].series, sizeof(cells[nr].series), "demo");
		snprintf(cells[nr].machine, sizeof(cells[nr].machine),
			 "%lu MiB", info.memory_mib);
		nr++;
	}
	ok = run_cells(cells, results, nr, opt->jobs);
	printf("%s: %s\n%lu requests, %lu pages live at the peak; %lu MiB, %u CPUs\n%s\n",
	       info.name, info.load, (unsigned long)survey.requests,
	       (unsigned long)survey.peak, info.memory_mib, info.cpus,
	       opt->alone ? "" : "for each page, others pin 8 in between (--alone: none)\n");
	report_table(stdout, results, nr, columns);
	printf("\n"
	       "at boot, lost, released: 2 MiB mappings broken up: from the start (dmap keeps\n"
	       "a block for the kernel's own tables), the most at a time, and after everything\n"
	       "was freed; back ms: how long the repair took; most idle: pages kept from\n"
	       "everybody else; not cached: requests that the policy does not cover\n");
	printf("\nPhysical memory, one character for %u MiB\n",
	       results[0].maps[BEFORE].ranges_per_cell * 2);
	for (p = 0; p < nr; p++)
		map_print(results + p, !p);
	printf("\n. 2 MiB entries   _ 4 KiB entries, nothing live   - under a quarter live\n"
	       "+ under three quarters live   # more\n");
	snprintf(demo_title, sizeof(demo_title),
		 "Physical memory under %s, by policy", info.name);
	ok &= write_json(opt, "demo", results, nr, NULL, 0);
	ok &= write_svg(opt, draw_demo, results, nr);
	return ok ? 0 : EXIT_FAILED;
}

static int command_list(const struct options *opt)
{
	unsigned int i;

	if (opt->nr_args)
		return wrong("list takes no argument \"%s\"", opt->args[0]);
	puts("Traces:");
	for (i = 0; synth_kinds[i].name; i++)
		printf("  %-14s %s\n", synth_kinds[i].name, synth_kinds[i].about);
	puts("  FILE           a recording: model/traces/*.trace.gz, or make record");
	puts("\nPolicies, and what they are written from:");
	for (i = 0; policies[i]; i++)
		printf("  %-14s %s\n", policies[i]->name, policies[i]->source);
	puts("\nMachines of scale run:");
	for (i = 0; i < sizeof(machines) / sizeof(*machines); i++)
		printf("  %-14s %u node%s, %u CPUs\n", machines[i].name,
		       machines[i].nodes, machines[i].nodes > 1 ? "s" : "",
		       machines[i].cpus);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(const struct options *opt);
} commands[] = {
	{ "run", command_run },
	{ "compare", command_compare },
	{ "demo", command_demo },
	{ "list", command_list },
};

static bool number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno &&
	       *value >= min && *value <= max;
}

static int parse(int argc, char **argv, struct options *opt)
{
	static const struct option longs[] = {
		{ "json", required_argument, NULL, 'j' },
		{ "svg", required_argument, NULL, 'g' },
		{ "policy", required_argument, NULL, 'p' },
		{ "trace", required_argument, NULL, 't' },
		{ "seed", required_argument, NULL, 's' },
		{ "jobs", required_argument, NULL, 'J' },
		{ "steps", required_argument, NULL, 'S' },
		{ "alone", no_argument, NULL, 'a' },
		{ "quick", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	unsigned int i;
	uint64_t n;
	int c;

	*opt = (struct options){ .seed = 1, .jobs = 2, .steps = 24 };
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 'j':
			opt->json = optarg;
			break;
		case 'g':
			opt->svg = optarg;
			break;
		case 'p':
			opt->policy = optarg;
			if (!policy_find(optarg))
				return wrong("no policy \"%s\"; scale list names them",
					     optarg);
			break;
		case 't':
			opt->trace = optarg;
			for (i = 0; synth_kinds[i].name; i++)
				if (!strcmp(synth_kinds[i].name, optarg))
					break;
			if (!synth_kinds[i].name)
				return wrong("no trace \"%s\"; scale list names them",
					     optarg);
			break;
		case 's':
			if (!number(optarg, 0, UINT64_MAX, &opt->seed))
				return wrong("--seed %s is not a number", optarg);
			break;
		case 'J':
			if (!number(optarg, 1, 16, &n))
				return wrong("--jobs %s is not 1 to 16", optarg);
			opt->jobs = n;
			break;
		case 'S':
			if (!number(optarg, 0, 100000, &n))
				return wrong("--steps %s is not 0 to 100000", optarg);
			opt->steps = n;
			break;
		case 'a':
			opt->alone = true;
			break;
		case 'q':
			opt->quick = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:	/* getopt has said what */
			fputs("scale: see scale --help\n", stderr);
			return EXIT_USAGE;
		}
	}
	opt->args = argv + optind;
	opt->nr_args = argc - optind;
	return 0;
}

static int run(int argc, char **argv)
{
	struct options opt;
	const char *name;
	unsigned int i;
	int ret;

	ret = parse(argc, argv, &opt);
	if (ret)
		return ret;
	if (!opt.nr_args)
		return wrong("a command is needed: run, compare, demo or list");
	name = *opt.args++;
	opt.nr_args--;
	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(commands[i].name, name))
			return commands[i].run(&opt);
	return wrong("no command \"%s\"", name);
}

int main(int argc, char **argv)
{
	int ret = run(argc, argv);

	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "scale: standard output cannot be written: %s\n",
			strerror(errno));
		return ret ? ret : EXIT_FAILED;
	}
	return ret;
}
