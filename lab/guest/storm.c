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
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE		4096UL
#define TABLE_SPAN	(2UL << 20)	/* what one page of PTEs maps */
#define KPF_PGTABLE	26
#define PIPE_PAGES	256UL		/* F_SETPIPE_SZ of each pin */

static struct {
	unsigned int procs, tables, rounds, pin_pages, hold, settle;
	bool keep_pins;
} opt = {
	.procs = 150, .tables = 40, .pin_pages = 512, .settle = 5,
};

/*
 * The counters, as in every program of this directory: each must stay one
 * file, since the guest build compiles them one by one.
 */
static long read_counter(const char *path, const char *name)
{
	char line[256], key[128];
	long value, found = -1;
	FILE *f = fopen(path, "r");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%127[^: ]%*[: ]%ld", key, &value) == 2 &&
		    !strcmp(key, name)) {
			found = value;
			break;
		}
	}
	fclose(f);
	return found;
}

static void append_counters(FILE *out, const char *path, const char *const *prefix)
{
	char line[256], key[128];
	long value;
	FILE *f = fopen(path, "r");

	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		const char *const *p;

		if (sscanf(line, "%127[^: ]%*[: ]%ld", key, &value) != 2)
			continue;
		for (p = prefix; *p; p++)
			if (!strncmp(key, *p, strlen(*p)))
				fprintf(out, " %s=%ld", key, value);
	}
	fclose(f);
}

/* One write per line: the console is shared with the kernel and other jobs. */
static void report(const char *fmt, ...)
{
	static const char *const meminfo[] = { "DirectMap", NULL };
	static const char *const vmstat[] = {
		"direct_map_", "dmap_", "nr_dmap_", NULL
	};
	char *buf = NULL;
	size_t len = 0;
	va_list ap;
	FILE *out = open_memstream(&buf, &len);

	if (!out)
		return;
	fputs("@lab load=storm ", out);
	va_start(ap, fmt);
	vfprintf(out, fmt, ap);
	va_end(ap);
	append_counters(out, "/proc/meminfo", meminfo);
	append_counters(out, "/proc/vmstat", vmstat);
	fputc('\n', out);
	fclose(out);
	fflush(stdout);
	if (write(STDOUT_FILENO, buf, len) != (ssize_t)len)
		perror("storm: stdout");
	free(buf);
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void fail(const char *what)
{
	fprintf(stderr, "storm: %s: %s\n", what, strerror(errno));
	exit(1);
}

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

/* Accesses that the compiler must not leave out. */
static void touch(void *p, unsigned int value)
{
	__atomic_store_n((unsigned int *)p, value, __ATOMIC_RELAXED);
}

static unsigned int peek(const void *p)
{
	return __atomic_load_n((const unsigned int *)p, __ATOMIC_RELAXED);
}

static void child(struct state *s)
{
	size_t span = (opt.tables + 1) * TABLE_SPAN;
	char *map, c = 'k';
	unsigned int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(s->go[1]);
	close(s->ready[0]);
	map = mmap(NULL, span, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED || madvise(map, span, MADV_NOHUGEPAGE)) {
		c = 'F';
	} else {
		map = (char *)(((unsigned long)map + TABLE_SPAN - 1) &
			       ~(TABLE_SPAN - 1));
		for (i = 0; i < opt.tables; i++)
			touch(map + i * TABLE_SPAN, i);
	}
	if (write(s->ready[1], &c, 1) != 1)
		_exit(1);
	while (read(s->go[0], &c, 1) < 0 && errno == EINTR)
		;
	for (i = 0; c == 'k' && i < opt.tables; i++)
		if (peek(map + i * TABLE_SPAN) != i)
			_exit(2);
	_exit(c != 'k');
}

static bool wait_ready(struct state *s)
{
	struct pollfd p = { .fd = s->ready[0], .events = POLLIN };
	char c;

	if (poll(&p, 1, 60000) != 1 || read(s->ready[0], &c, 1) != 1)
		return false;
	return c == 'k';
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
		if (!wait_ready(s))
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

/*
 * An idle CPU keeps the top-level table of the last process that ran on it,
 * ended or not, until it runs another: be that other.
 */
static void visit_cpus(void)
{
	cpu_set_t all, one;
	int cpu;

	if (sched_getaffinity(0, sizeof(all), &all))
		return;
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
	}
	sched_setaffinity(0, sizeof(all), &all);
}

/* How long until the cache is back at its start; -1 when it did not come. */
static long settle(long blocks, long map2m)
{
	long t0 = now_ms(), t;

	/* Without a cache nothing ever comes back: do not wait for it. */
	if (blocks < 0)
		return -1;
	do {
		visit_cpus();
		t = now_ms() - t0;
		if (read_counter("/proc/vmstat", "nr_dmap_blocks") <= blocks &&
		    read_counter("/proc/meminfo", "DirectMap2M") >= map2m)
			return t;
		usleep(50000);
	} while (t < opt.settle * 1000L);
	return -1;
}

static const struct {
	int key;
	unsigned int *value, min;
} numbers[] = {
	{ 'p', &opt.procs, 1 },
	{ 't', &opt.tables, 1 },
	{ 'r', &opt.rounds, 0 },
	{ 'n', &opt.pin_pages, 0 },
	{ 'H', &opt.hold, 0 },
	{ 's', &opt.settle, 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	unsigned int i;
	char *end;

	if (key == ARGP_KEY_ARG)
		argp_usage(state);
	if (key == 'k') {
		opt.keep_pins = true;
		return 0;
	}
	for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		if (numbers[i].key != key)
			continue;
		errno = 0;
		*numbers[i].value = strtoul(arg, &end, 0);
		if (errno || *end || end == arg || *arg == '-' ||
		    *numbers[i].value < numbers[i].min ||
		    *numbers[i].value > 1000000)
			argp_error(state, "bad number: %s", arg);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
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

	blocks = read_counter("/proc/vmstat", "nr_dmap_blocks");
	map2m = read_counter("/proc/meminfo", "DirectMap2M");
	report("phase=start round=0 procs=%u tables=%u pin_pages=%u", procs,
	       opt.tables, opt.pin_pages);
	for (round = 1; round <= rounds; round++) {
		long t0 = now_ms(), ms;

		bad += round_up_load(&s, procs);
		ms = now_ms() - t0;
		sleep(opt.hold);
		report("phase=peak round=%u procs=%u ms=%ld PageTables=%ld ranges=%u failures=%u",
		       round, s.nr_pids, ms,
		       read_counter("/proc/meminfo", "PageTables"),
		       table_ranges(), bad);
		bad += release_load(&s);
		if (!opt.keep_pins || round == rounds)
			drop_pins(&s);
		t0 = settle(blocks, map2m);
		report("phase=released round=%u settle_ms=%ld failures=%u",
		       round, t0, bad);
	}
	return bad ? 1 : 0;
}
