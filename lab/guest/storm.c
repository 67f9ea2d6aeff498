// SPDX-License-Identifier: GPL-2.0
/*
 * storm: many live processes with wide, thinly used mappings, so that nearly
 * every page that they cost is a page table.
 *
 * Plain forks hardly hurt a kernel that splits the direct map for each table,
 * because the buddy allocator hands the same ranges out again. What hurts is
 * tables scattered between pages that stay: so the parent fills pipes between
 * one process and the next.
 */
#include "guest.h"

#define KPF_PGTABLE	26
#define PIPE_PAGES	256UL		/* F_SETPIPE_SZ of each pin */

static struct {
	unsigned int procs, tables, rounds, pin_pages, hold, settle;
	bool keep_pins;
} opt = {
	.procs = 150, .tables = 40, .pin_pages = 512, .settle = 5,
};

/*
 * The 2 MiB ranges that hold a page table: what splitting the direct map for
 * each table would cost this load on any kernel. PGDs carry no such mark.
 */
static unsigned int table_ranges(void)
{
	static unsigned long long flags[512];
	unsigned int ranges = 0, i;
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	while (read(fd, flags, sizeof(flags)) == (ssize_t)sizeof(flags)) {
		for (i = 0; i < 512; i++)
			if (flags[i] & (1ULL << KPF_PGTABLE))
				break;
		ranges += i < 512;
	}
	close(fd);
	return ranges;
}

struct state {
	pid_t *pids;
	int *pins;		/* both ends of every pipe */
	unsigned int nr_pids, nr_pins, max_pins;
	int ready[2], go[2];
};

static void pin_pages(struct state *s, unsigned int pages)
{
	static char page[PAGE];

	while (pages) {
		unsigned int n = pages < PIPE_PAGES ? pages : PIPE_PAGES;
		int fd[2];

		if (s->nr_pins + 2 > s->max_pins) {
			s->max_pins = s->max_pins ? s->max_pins * 2 : 1024;
			s->pins = realloc(s->pins, s->max_pins * sizeof(int));
			if (!s->pins)
				fail("pins");
		}
		if (pipe2(fd, O_CLOEXEC | O_NONBLOCK))
			fail("pipe");
		s->pins[s->nr_pins++] = fd[0];
		s->pins[s->nr_pins++] = fd[1];
		if (fcntl(fd[1], F_SETPIPE_SZ, (int)(n * PAGE)) < 0)
			fail("F_SETPIPE_SZ");
		for (pages -= n; n; n--)
			if (write(fd[1], page, PAGE) != (ssize_t)PAGE)
				fail("filling a pipe");
	}
}

static void drop_pins(struct state *s)
{
	while (s->nr_pins)
		close(s->pins[--s->nr_pins]);
}

static void child(struct state *s)
{
	char *map;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(s->go[1]);
	close(s->ready[0]);
	map = map_tables(opt.tables);
	if (map)
		touch_tables(map, opt.tables);
	say(s->ready[1], map ? 'k' : 'F');
	await(s->go[0]);
	if (!map)
		_exit(1);
	_exit(check_tables(map, opt.tables) ? 0 : 2);
}

static unsigned int round_up_load(struct state *s, unsigned int procs)
{
	unsigned int i, bad = 0;

	if (pipe2(s->ready, O_CLOEXEC) || pipe2(s->go, O_CLOEXEC))
		fail("pipe");
	for (i = 0; i < procs; i++) {
		pid_t pid = fork();

		if (pid < 0) {
			fprintf(stderr, "storm: fork %u: %s\n", i, strerror(errno));
			bad++;
			break;
		}
		if (!pid)
			child(s);
		s->pids[s->nr_pids++] = pid;
		/* In turn, or the order of allocation is the scheduler's. */
		if (heard(s->ready[0], 60000) != 'k')
			bad++;
		pin_pages(s, opt.pin_pages);
	}
	return bad;
}

static unsigned int release_load(struct state *s)
{
	unsigned int bad = 0;
	int status;

	close(s->go[1]);
	while (s->nr_pids) {
		if (waitpid(s->pids[--s->nr_pids], &status, 0) < 0 || status)
			bad++;
	}
	close(s->go[0]);
	close(s->ready[0]);
	close(s->ready[1]);
	return bad;
}

static const struct number numbers[] = {
	{ 'p', &opt.procs, 1 },
	{ 't', &opt.tables, 1 },
	{ 'r', &opt.rounds, 0 },
	{ 'n', &opt.pin_pages, 0 },
	{ 'H', &opt.hold, 0 },
	{ 's', &opt.settle, 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	if (key == 'k') {
		opt.keep_pins = true;
		return 0;
	}
	return parse_numbers(numbers, ARRAY_SIZE(numbers), key, arg, state);
}

int main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "procs", 'p', "N", 0, "live processes at the peak (150)", 0 },
		{ "tables", 't', "N", 0, "page tables of each (40)", 0 },
		{ "rounds", 'r', "N", 0,
		  "N rounds of a third of the load, instead of one whole (0)", 0 },
		{ "pin-pages", 'n', "N", 0, "pinned pages between two processes (512)", 0 },
		{ "keep-pins", 'k', NULL, 0, "hold the pinned pages over all rounds", 0 },
		{ "hold", 'H', "S", 0, "seconds to stay at each peak (0)", 0 },
		{ "settle", 's', "S", 0, "longest wait after each release (5)", 0 },
		{ 0 }
	};
	static const struct argp argp = {
		options, parse, NULL,
		"Page-table storm: wide mappings in many processes, between pinned pipe pages.",
		NULL, NULL, NULL
	};
	struct rlimit nofile = { 1 << 20, 1 << 20 };
	struct state s = { 0 };
	unsigned int round, rounds, procs, bad = 0;
	long blocks, map2m;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	rounds = opt.rounds ? opt.rounds : 1;
	procs = opt.rounds ? (opt.procs + 2) / 3 : opt.procs;
	s.pids = calloc(procs + 1, sizeof(*s.pids));
	if (!s.pids)
		fail("pids");
	if (setrlimit(RLIMIT_NOFILE, &nofile))
		fail("RLIMIT_NOFILE");

	blocks = vm_counter("nr_dmap_blocks");
	map2m = mem_counter("DirectMap2M");
	report("load=storm phase=start round=0 procs=%u tables=%u pin_pages=%u", procs,
	       opt.tables, opt.pin_pages);
	for (round = 1; round <= rounds; round++) {
		long t0 = now_ms(), ms;

		bad += round_up_load(&s, procs);
		ms = now_ms() - t0;
		sleep(opt.hold);
		report("load=storm phase=peak round=%u procs=%u ms=%ld PageTables=%ld ranges=%u failures=%u",
		       round, s.nr_pids, ms,
		       mem_counter("PageTables"),
		       table_ranges(), bad);
		bad += release_load(&s);
		if (!opt.keep_pins || round == rounds)
			drop_pins(&s);
		t0 = settle(blocks, map2m, opt.settle);
		report("load=storm phase=released round=%u settle_ms=%ld failures=%u",
		       round, t0, bad);
	}
	return bad ? 1 : 0;
}
