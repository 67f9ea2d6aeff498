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
#include "guest.h"

#define SLOT	TABLE_SPAN	/* a table each */
#define BURST	16		/* exchanges between two pauses */

static struct {
	unsigned int procs, tables, seconds, sample_ms, restart_ms, settle, fill,
		     seed;
} opt = {
	.procs = 64, .tables = 160, .seconds = 8, .sample_ms = 100,
	.restart_ms = 100, .settle = 5, .fill = 90, .seed = 1,
};

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
	slots = table_start(raw + SLOT);
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

static const struct number numbers[] = {
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
	return parse_numbers(numbers, ARRAY_SIZE(numbers), key, arg, state);
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
		if (pids[i] < 0 || !heard(ready[0], 60000)) {
			fprintf(stderr, "churn: process %u did not start\n", i);
			exit(1);
		}
	}
	report("load=churn phase=built procs=%u tables=%u", opt.procs, opt.procs * opt.tables);
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
		} else if (fresh && heard(ready[0], 0)) {
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
	report("load=churn phase=steady samples=%u restarts=%u fill_min=%.1f fill_mean=%.1f PageTables=%ld",
	       shared->samples, shared->restarts, shared->min,
	       shared->samples ? shared->sum / shared->samples : 0,
	       mem_counter("PageTables"));
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
	report("load=churn phase=start");

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
	report("load=churn phase=released settle_ms=%ld", t);

	result(!shared->bad, "all processes kept their contents (%u did not)",
	       shared->bad);
	dmap_result(shared->samples && shared->min >= opt.fill,
	       "fill is at least %u %%: min %.1f, mean %.1f of %u samples",
	       opt.fill, shared->min,
	       shared->samples ? shared->sum / shared->samples : 0,
	       shared->samples);
	dmap_result(shared->samples && !shared->over,
	       "live pages never exceed the blocks (%u of %u)", shared->over,
	       shared->samples);
	dmap_result(vm_counter("dmap_alloc_fail") == fail0 &&
		    vm_counter("dmap_alloc") > alloc0,
	       "%ld pages came from the cache, no request failed",
	       vm_counter("dmap_alloc") - alloc0);
	dmap_result(vm_counter("nr_dmap_blocks") <= blocks0,
	       "the blocks went back within %u s (%ld ms)", opt.settle, t);
	return failures ? 1 : 0;
}
