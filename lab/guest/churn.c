// SPDX-License-Identifier: GPL-2.0
/*
 * churn: page tables that come and go at random, their number steady.
 *
 * Each process holds half of its slots of 2 MiB, one touched page and so one
 * table in each, and keeps exchanging a random one for another; now and then a
 * process ends and a new one takes its place. What is measured is how full the
 * blocks of the cache stay: without migration, that is the choice of the block
 * alone.
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

#define SLOT	(2UL << 20)	/* what one page of PTEs maps */
#define BURST	16		/* exchanges between two pauses */

static struct {
	unsigned int procs, tables, seconds, sample_ms, restart_ms, settle, fill,
		     seed;
} opt = {
	.procs = 64, .tables = 160, .seconds = 8, .sample_ms = 100,
	.restart_ms = 100, .settle = 5, .fill = 90, .seed = 1,
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
	fputs("@lab load=churn ", out);
	va_start(ap, fmt);
	vfprintf(out, fmt, ap);
	va_end(ap);
	append_counters(out, "/proc/meminfo", meminfo);
	append_counters(out, "/proc/vmstat", vmstat);
	fputc('\n', out);
	fclose(out);
	fflush(stdout);
	if (write(STDOUT_FILENO, buf, len) != (ssize_t)len)
		perror("churn: stdout");
	free(buf);
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static long vm_counter(const char *name)
{
	return read_counter("/proc/vmstat", name);
}

static unsigned long long rnd_state;

static unsigned long long rnd(void)
{
	/* xorshift64*: the same choices from the same seed on any libc */
	rnd_state ^= rnd_state >> 12;
	rnd_state ^= rnd_state << 25;
	rnd_state ^= rnd_state >> 27;
	return rnd_state * 0x2545f4914f6cdd1dULL;
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

static char *slots;
static unsigned int nr_slots;

static void hold_slot(unsigned int slot)
{
	char *p = slots + slot * SLOT;

	if (mmap(p, SLOT, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
		 -1, 0) != p || madvise(p, SLOT, MADV_NOHUGEPAGE))
		_exit(1);
	touch(p, slot);
}

static void drop_slot(unsigned int slot)
{
	char *p = slots + slot * SLOT;

	if (peek(p) != slot || munmap(p, SLOT))
		_exit(2);
}

static bool stop;

static void on_term(int sig)
{
	(void)sig;
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
}

/* Ready is one byte on @ready; it churns for as long as *steady is set. */
static void child(int ready, const bool *steady, unsigned long long seed)
{
	unsigned int *slot = malloc(nr_slots * sizeof(*slot));
	struct sigaction term = { .sa_handler = on_term };
	sigset_t none;
	unsigned int i;
	char *raw;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* While the others churn and the parent waits for this one alone. */
	setpriority(PRIO_PROCESS, 0, -20);
	sigaction(SIGTERM, &term, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	rnd_state = seed | 1;
	/*
	 * A reservation, so that nothing else of this process lies between the
	 * slots. It is taken away again: a hole, not a mapping, must remain for
	 * munmap() to free the table.
	 */
	raw = mmap(NULL, (nr_slots + 2) * SLOT, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!slot || raw == MAP_FAILED || munmap(raw, (nr_slots + 2) * SLOT))
		_exit(1);
	slots = (char *)(((unsigned long)raw + 2 * SLOT - 1) & ~(SLOT - 1));
	for (i = 0; i < nr_slots; i++)
		slot[i] = i;
	/* The first opt.tables entries are held, the others are not. */
	for (i = 0; i < opt.tables; i++) {
		unsigned int j = i + rnd() % (nr_slots - i), tmp = slot[i];

		slot[i] = slot[j];
		slot[j] = tmp;
		hold_slot(slot[i]);
	}
	if (write(ready, "k", 1) != 1)
		_exit(1);
	setpriority(PRIO_PROCESS, 0, 0);
	for (i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
		unsigned int out = rnd() % opt.tables;
		unsigned int in = opt.tables + rnd() % (nr_slots - opt.tables);
		unsigned int tmp = slot[out];

		if (!__atomic_load_n(steady, __ATOMIC_RELAXED) || i % BURST == 0) {
			usleep(2000);
			continue;
		}
		drop_slot(slot[out]);
		slot[out] = slot[in];
		slot[in] = tmp;
		hold_slot(slot[out]);
	}
	for (i = 0; i < opt.tables; i++)
		drop_slot(slot[i]);
	_exit(0);
}

static pid_t start(int ready[2], bool *steady)
{
	unsigned long long seed = rnd();
	sigset_t term;
	pid_t pid;

	/* Held back until the child has its handler. */
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	pid = fork();
	if (!pid) {
		close(ready[0]);
		child(ready[1], steady, seed);
	}
	sigprocmask(SIG_UNBLOCK, &term, NULL);
	return pid;
}

static bool is_ready(int ready[2], int timeout_ms)
{
	struct pollfd p = { .fd = ready[0], .events = POLLIN };
	char c;

	return poll(&p, 1, timeout_ms) == 1 && read(ready[0], &c, 1) == 1;
}

static unsigned int tests, failures;
static bool dmap;

static void result(bool ok, bool needs_dmap, const char *fmt, ...)
{
	va_list ap;

	if (needs_dmap && !dmap)
		ok = true;
	printf("%sok %u ", ok ? "" : "not ", ++tests);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("%s\n", needs_dmap && !dmap ? " # SKIP no dmap" : "");
	failures += !ok;
}

/* What the load found; shared with the process that judges it. */
static struct shared {
	bool steady;
	double min, sum;
	unsigned int samples, over, restarts, bad;
} *shared;

/*
 * The pages of the cache's user blocks, from its own map: exact, where the
 * gauges of /proc/vmstat lag behind by what each CPU has not added up yet. The
 * blocks of the kernel's own pages take no part in the churn.
 */
static bool user_pages(long *live, long *held)
{
	char line[256], class[32];
	long owned, free;
	FILE *f = fopen("/sys/kernel/debug/dmap/blocks", "r");

	*live = *held = 0;
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "0x%*x %*d %31s %ld %ld", class, &owned,
			   &free) == 3 && !strcmp(class, "pte-user")) {
			*live += owned - free;
			*held += owned;
		}
	}
	fclose(f);
	return true;
}

static void sample(void)
{
	long live, held;
	double fill;

	if (!user_pages(&live, &held) || !held)
		return;
	fill = 100.0 * live / held;
	shared->sum += fill;
	if (fill < shared->min)
		shared->min = fill;
	shared->samples++;
	shared->over += live > held;
}

static const struct {
	int key;
	unsigned int *value, min;
} numbers[] = {
	{ 'p', &opt.procs, 1 },
	{ 't', &opt.tables, 1 },
	{ 'S', &opt.seconds, 1 },
	{ 'i', &opt.sample_ms, 1 },
	{ 'r', &opt.restart_ms, 1 },
	{ 's', &opt.settle, 1 },
	{ 'f', &opt.fill, 1 },
	{ 'e', &opt.seed, 1 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	unsigned int i;
	char *end;

	if (key == ARGP_KEY_ARG)
		argp_usage(state);
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

/* The load itself, in a process whose page tables go away with the load's. */
static void churn(void)
{
	const struct sched_param fifo = { .sched_priority = 1 };
	unsigned int i, leaving = 0, left = 0;
	long t, end, next_sample, next_restart;
	pid_t *pids, fresh = 0;
	int ready[2], status;

	pids = calloc(opt.procs, sizeof(*pids));
	if (!pids || pipe2(ready, O_CLOEXEC)) {
		fprintf(stderr, "churn: %s\n", strerror(errno));
		exit(1);
	}
	/* Or the many that churn leave it no time to sample them. */
	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &fifo))
		perror("churn: SCHED_FIFO");
	for (i = 0; i < opt.procs; i++) {
		pids[i] = start(ready, &shared->steady);
		if (pids[i] < 0 || !is_ready(ready, 60000)) {
			fprintf(stderr, "churn: process %u did not start\n", i);
			exit(1);
		}
	}
	report("phase=built procs=%u tables=%u", opt.procs, opt.procs * opt.tables);
	__atomic_store_n(&shared->steady, true, __ATOMIC_RELAXED);
	t = now_ms();
	end = t + opt.seconds * 1000L;
	next_sample = t;
	next_restart = t + opt.restart_ms;
	while ((t = now_ms()) < end) {
		if (t >= next_sample) {
			sample();
			next_sample = t + opt.sample_ms;
		}
		/* The new one first, then the old: the load is never less. */
		if (!fresh && t >= next_restart) {
			fresh = start(ready, &shared->steady);
			if (fresh < 0)
				break;
		} else if (fresh && is_ready(ready, 0)) {
			i = rnd() % opt.procs;
			kill(pids[i], SIGTERM);
			pids[i] = fresh;
			fresh = 0;
			shared->restarts++;
			leaving++;
			next_restart = t + opt.restart_ms;
		}
		while (leaving && waitpid(-1, &status, WNOHANG) > 0) {
			leaving--;
			shared->bad += status != 0;
		}
		usleep(2000);
	}
	report("phase=steady samples=%u restarts=%u fill_min=%.1f fill_mean=%.1f PageTables=%ld",
	       shared->samples, shared->restarts, shared->min,
	       shared->samples ? shared->sum / shared->samples : 0,
	       read_counter("/proc/meminfo", "PageTables"));
	shared->bad += fresh < 0;
	for (i = 0; i < opt.procs; i++)
		kill(pids[i], SIGTERM);
	if (fresh > 0)
		kill(fresh, SIGTERM);
	while (waitpid(-1, &status, 0) > 0) {
		left++;
		shared->bad += status != 0;
	}
	shared->bad += left != opt.procs + leaving + (fresh > 0);
	exit(0);
}

int main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "procs", 'p', "N", 0, "processes (64)", 0 },
		{ "tables", 't', "N", 0, "live page tables of each (160)", 0 },
		{ "seconds", 'S', "S", 0, "length of the steady phase (8)", 0 },
		{ "sample-ms", 'i', "MS", 0, "time between two samples (100)", 0 },
		{ "restart-ms", 'r', "MS", 0,
		  "time between two exchanges of a process (100)", 0 },
		{ "settle", 's', "S", 0, "longest wait for the release (5)", 0 },
		{ "fill", 'f', "PERCENT", 0, "least fill that passes (90)", 0 },
		{ "seed", 'e', "N", 0, "seed of the random choices (1)", 0 },
		{ 0 }
	};
	static const struct argp argp = {
		options, parse, NULL,
		"Random churn of page tables: how full the cache's blocks stay.",
		NULL, NULL, NULL
	};
	long blocks0, alloc0, fail0, t0, t;
	int status;
	pid_t load;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	rnd_state = opt.seed;
	nr_slots = opt.tables * 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		fprintf(stderr, "churn: %s\n", strerror(errno));
		return 1;
	}
	shared->min = 100;
	dmap = vm_counter("nr_dmap_blocks") >= 0;
	printf("KTAP version 1\n1..5\n");
	blocks0 = vm_counter("nr_dmap_blocks");
	alloc0 = vm_counter("dmap_alloc");
	fail0 = vm_counter("dmap_alloc_fail");
	report("phase=start");

	load = fork();
	if (!load)
		churn();
	if (load < 0 || waitpid(load, &status, 0) != load || status) {
		fprintf(stderr, "churn: the load did not run to its end\n");
		return 1;
	}

	t0 = now_ms();
	do {
		t = now_ms() - t0;
		if (vm_counter("nr_dmap_blocks") <= blocks0)
			break;
		usleep(50000);
	} while (t < opt.settle * 1000L);
	report("phase=released settle_ms=%ld", t);

	result(!shared->bad, false, "all processes kept their contents (%u did not)",
	       shared->bad);
	result(shared->samples && shared->min >= opt.fill, true,
	       "fill is at least %u %%: min %.1f, mean %.1f of %u samples",
	       opt.fill, shared->min,
	       shared->samples ? shared->sum / shared->samples : 0,
	       shared->samples);
	result(shared->samples && !shared->over, true,
	       "live pages never exceed the blocks (%u of %u)", shared->over,
	       shared->samples);
	result(vm_counter("dmap_alloc_fail") == fail0 && vm_counter("dmap_alloc") > alloc0,
	       true, "%ld pages came from the cache, no request failed",
	       vm_counter("dmap_alloc") - alloc0);
	result(vm_counter("nr_dmap_blocks") <= blocks0, true,
	       "the blocks went back within %u s (%ld ms)", opt.settle, t);
	return failures ? 1 : 0;
}
