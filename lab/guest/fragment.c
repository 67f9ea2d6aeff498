// SPDX-License-Identifier: GPL-2.0
/*
 * fragment: page tables in memory that has no free 2 MiB page left.
 *
 * All free memory is filled with pipes of 16 pages, which cannot be moved, and
 * one pipe in eight is closed at random. The processes that then start find
 * holes of 16 pages only. What a cache of 2 MiB blocks owes them: every table,
 * in hardly more blocks than the free pages need, and all of it back later.
 */
#include "guest.h"

#define RUN		16		/* pages of one pipe, its default size */
#define TAIL		128	/* pipes */
#define RANGE		512		/* pages of a 2 MiB range */
#define KPF_BUDDY	10

static struct {
	unsigned int procs, tables, keep_kib, one_in, settle, seed;
	bool map;
} opt = {
	.procs = 60, .tables = 64, .keep_kib = 6144, .one_in = 8, .settle = 5,
	.seed = 1,
};

/* Per-CPU parts of the counters would hide a hundred pages: fold them in. */
static void fold_counters(void)
{
	char buf[64];
	int fd = open("/proc/sys/vm/stat_refresh", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	close(fd);
}

static long read_long(const char *path)
{
	FILE *f = fopen(path, "r");
	long value = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%ld", &value) != 1)
		value = -1;
	fclose(f);
	return value;
}

static void write_long(const char *path, long value)
{
	FILE *f = fopen(path, "w");

	if (f) {
		fprintf(f, "%ld\n", value);
		fclose(f);
	}
}

/* Free pages that the buddy allocator could hand out as runs of min_order. */
static long buddy_pages(unsigned int min_order)
{
	FILE *f = fopen("/proc/buddyinfo", "r");
	char line[512];
	long pages = 0;

	if (!f)
		fail("/proc/buddyinfo");
	while (fgets(line, sizeof(line), f)) {
		char *p = strstr(line, "zone");
		unsigned int order;

		if (!p)
			continue;
		p += strlen("zone");
		p += strspn(p, " ");
		p += strcspn(p, " ");
		for (order = 0; *p; order++) {
			char *end;
			long n = strtol(p, &end, 10);

			if (end == p)
				break;
			if (order >= min_order)
				pages += n << order;
			p = end;
		}
	}
	fclose(f);
	return pages;
}

/* Pages on per-CPU free lists: free, but marked nowhere. */
static long pcp_pages(void)
{
	FILE *f = fopen("/proc/zoneinfo", "r");
	char line[256];
	long n, pages = 0;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, " count: %ld", &n) == 1)
			pages += n;
	fclose(f);
	return pages;
}

struct snapshot {
	unsigned short *free;	/* free pages of each 2 MiB range */
	unsigned long nr, pages;
};

static int descending(const void *a, const void *b)
{
	return *(const unsigned short *)b - *(const unsigned short *)a;
}

/*
 * 6.12 marks every page of a free run (is_free_buddy_page() in fs/proc/page.c);
 * a kernel that marked heads only would show fewer pages than buddyinfo, which
 * the caller checks. Zone DMA is left out: no cache should open it.
 */
static bool take_snapshot(struct snapshot *s, bool sorted)
{
	static unsigned long long flags[RANGE];
	unsigned long dma_end = 0;
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	FILE *f = fopen("/proc/zoneinfo", "r");
	char line[256];
	unsigned long i;

	if (fd < 0 || !f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		char zone[32];

		if (sscanf(line, "Node %*d, zone %31s", zone) == 1 &&
		    !strcmp(zone, "DMA"))
			dma_end = (16UL << 20) / PAGE;
	}
	fclose(f);

	if (!s->free) {
		s->nr = 1UL << 19;	/* 1 TiB */
		s->free = malloc(s->nr * sizeof(*s->free));
		if (!s->free)
			return false;
	}
	s->pages = 0;
	for (s->nr = 0; s->nr < 1UL << 19; s->nr++) {
		unsigned int n = 0;

		if (read(fd, flags, sizeof(flags)) != (ssize_t)sizeof(flags))
			break;
		for (i = 0; i < RANGE; i++)
			n += flags[i] >> KPF_BUDDY & 1;
		if (s->nr * RANGE < dma_end)
			n = 0;
		s->free[s->nr] = n;
		s->pages += n;
	}
	close(fd);
	if (sorted)
		qsort(s->free, s->nr, sizeof(*s->free), descending);
	return s->nr > 0;
}

static unsigned long fewest_blocks(const struct snapshot *s, long need)
{
	unsigned long i;

	for (i = 0; i < s->nr && need > 0; i++)
		need -= s->free[i];
	return need > 0 ? s->nr + 1 : i;
}

/*
 * The processes are forked by one that was born before the pipes: a copy of
 * sixty thousand descriptors each would be a load of its own.
 */
struct loader {
	pid_t pid;
	int go[2];	/* a byte starts the load, end of file releases it */
	int ready[2];	/* 'k' or 'F' from each process */
};

static void load_process(struct loader *l)
{
	int status = 0;
	pid_t pid;
	char *map;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	map = map_tables(opt.tables);
	if (!map) {
		say(l->ready[1], 'F');
		_exit(1);
	}
	touch_tables(map, opt.tables);
	pid = fork();
	say(l->ready[1], pid < 0 ? 'F' : 'k');
	await(l->go[0]);
	if (!check_tables(map, opt.tables))
		_exit(2);
	if (pid > 0 && (waitpid(pid, &status, 0) < 0 || status))
		_exit(1);
	_exit(pid < 0);
}

static void loader_main(struct loader *l)
{
	int bad = 0, status;
	unsigned int i;
	char c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(l->go[1]);
	close(l->ready[0]);
	if (read(l->go[0], &c, 1) != 1)
		_exit(0);
	for (i = 0; i < opt.procs; i++) {
		pid_t pid = fork();

		if (!pid)
			load_process(l);
		if (pid < 0) {
			/* Both of the processes that will not be there. */
			say(l->ready[1], 'F');
			say(l->ready[1], 'F');
			bad++;
		}
	}
	while (wait(&status) > 0)
		bad += status != 0;
	_exit(bad != 0);
}

static void start_loader(struct loader *l)
{
	if (pipe2(l->go, O_CLOEXEC) || pipe2(l->ready, O_CLOEXEC))
		fail("pipe");
	l->pid = fork();
	if (l->pid < 0)
		fail("fork");
	if (!l->pid)
		loader_main(l);
	close(l->go[0]);
	close(l->ready[1]);
}

static unsigned int run_load(struct loader *l)
{
	unsigned int good = 0, seen = 0;

	say(l->go[1], 'g');
	while (seen < 2 * opt.procs) {
		struct pollfd p = { .fd = l->ready[0], .events = POLLIN };
		char buf[256];
		ssize_t i, n;

		if (poll(&p, 1, 30000) != 1)
			break;
		n = read(l->ready[0], buf, sizeof(buf));
		if (n <= 0)
			break;
		for (i = 0; i < n; i++)
			good += buf[i] == 'k';
		seen += n;
	}
	return good;
}

static int release_load(struct loader *l)
{
	int status;

	close(l->go[1]);
	if (waitpid(l->pid, &status, 0) < 0)
		return -1;
	return status;
}

/*
 * What would keep large pages out of reach of the pipes, or free pages out of
 * the buddy lists, where a cache could not find them and the count would miss
 * them: the emergency pages, their boost, and long per-CPU lists.
 */
static struct {
	const char *path;
	long value, saved;
} tuning[] = {
	{ "/proc/sys/vm/watermark_boost_factor", 0, -1 },
	{ "/proc/sys/vm/min_free_kbytes", 1024, -1 },
	{ "/proc/sys/vm/percpu_pagelist_high_fraction", 1 << 20, -1 },
};

static void tune_allocator(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tuning); i++) {
		tuning[i].saved = read_long(tuning[i].path);
		if (tuning[i].saved >= 0)
			write_long(tuning[i].path, tuning[i].value);
	}
}

static void move_to(unsigned int cpu)
{
	if (!run_on(cpu))
		fail("sched_setaffinity");
}

/*
 * Make every CPU give back what its list holds beyond the new limit: it does
 * so a little with each page that it frees. Left there, whole large pages
 * would come to the buddy lists after memory was filled.
 */
static void drain_lists(void)
{
	static char run[RUN * PAGE];
	long cpu = sysconf(_SC_NPROCESSORS_ONLN);
	int fd[2], i;

	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK))
		fail("pipe");
	/* The last is CPU 0, whose list then serves the runs in order. */
	while (cpu--) {
		move_to(cpu);
		for (i = 0; i < 200 && pcp_pages() > 1000; i++)
			if (write(fd[1], run, sizeof(run)) != (ssize_t)sizeof(run) ||
			    read(fd[0], run, sizeof(run)) != (ssize_t)sizeof(run))
				fail("pipe");
	}
	close(fd[0]);
	close(fd[1]);
	move_to(0);
}

/* A block of an earlier load that went back later would be a large page. */
static void quiesce(void)
{
	visit_cpus();
	usleep(100000);
	write_long("/proc/sys/vm/drop_caches", 2);
	usleep(1500000);
}

static void restore_allocator(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tuning); i++)
		if (tuning[i].saved >= 0)
			write_long(tuning[i].path, tuning[i].saved);
}

struct pipes {
	int (*fd)[2];
	unsigned int nr, filled;
};

/*
 * Splicing from /dev/zero takes the pages of a pipe in one go (alloc_pages_bulk
 * in copy_splice_read()) and copies nothing, which under TCG is most of the time.
 */
static bool fill_pipe(int fd, int zero)
{
	return splice(zero, NULL, fd, NULL, RUN * PAGE, 0) == (ssize_t)(RUN * PAGE);
}

static void fill_memory(struct pipes *p)
{
	unsigned int max = mem_counter("MemFree") / 4 / RUN;
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	unsigned int n, check = 0;

	p->fd = calloc(max, sizeof(*p->fd));
	if (!p->fd || zero < 0)
		fail("/dev/zero or descriptors");
	/* All pipes first: their inodes would sit between the runs. */
	for (n = 0; n < max; n++)
		if (pipe2(p->fd[n], O_CLOEXEC | O_NONBLOCK))
			fail("pipe");
	p->nr = max;
	for (n = 0; n < max; n++) {
		if (n >= check) {
			long free = mem_counter("MemFree");
			long spare = free - (long)opt.keep_kib;

			/* What is kept may be one range, all but a few pages. */
			if (spare <= 0 && (free * 2 <= (long)opt.keep_kib ||
					   !buddy_pages(8)))
				break;
			check = n + 1;
			if (spare > 0)
				check += spare / (4 * RUN) / 2;
		}
		if (!fill_pipe(p->fd[n][1], zero))
			break;
	}
	p->filled = n;
	close(zero);
}

/*
 * What caches of the kernel gave back when memory got short may have made
 * whole ranges (a debug kernel has large ones): take these as huge pages.
 * Returns the free pages of order 9 and more that are left.
 */
static long take_large_runs(void)
{
	enum { MOST = 32 };
	char *area = mmap(NULL, (MOST + 1) * TABLE_SPAN, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long left = buddy_pages(9);
	unsigned int i;

	if (area == MAP_FAILED)
		fail("mmap");
	area = table_start(area);
	if (madvise(area, MOST * TABLE_SPAN, MADV_HUGEPAGE))
		perror("fragment: MADV_HUGEPAGE");
	for (i = 0; i < MOST && left; i++) {
		area[i * TABLE_SPAN] = 1;
		left = buddy_pages(9);
	}
	return left;
}

static void close_pipe(struct pipes *p, unsigned int i)
{
	close(p->fd[i][0]);
	close(p->fd[i][1]);
	p->fd[i][0] = -1;
}

/*
 * The pipes filled last lie in the ranges whose rest is the memory kept free:
 * closing one of them could make such a range whole.
 */
static unsigned int free_some(struct pipes *p)
{
	unsigned int *order = malloc(p->filled * sizeof(*order));
	unsigned int i, n, nr = p->filled > TAIL ? p->filled - TAIL : 0;

	if (!order)
		fail("order");
	for (i = 0; i < nr; i++)
		order[i] = i;
	n = nr / opt.one_in;
	for (i = 0; i < n; i++) {
		unsigned int j = i + rnd() % (nr - i), tmp = order[i];

		order[i] = order[j];
		order[j] = tmp;
		close_pipe(p, order[i]);
	}
	free(order);
	return n;
}

static void free_rest(struct pipes *p)
{
	unsigned int i;

	for (i = 0; i < p->nr; i++)
		if (p->fd[i][0] >= 0)
			close_pipe(p, i);
	free(p->fd);
	p->fd = NULL;
}

static long wait_blocks(long blocks)
{
	long t0 = now_ms(), t;

	do {
		visit_cpus();
		fold_counters();
		t = now_ms() - t0;
		if (vm_counter("nr_dmap_blocks") <= blocks)
			return t;
		usleep(50000);
	} while (t < opt.settle * 1000L);
	return -1;
}

static long wait_map(long map2m, long map1g)
{
	long t0 = now_ms(), t;

	do {
		visit_cpus();
		fold_counters();
		t = now_ms() - t0;
		if (mem_counter("DirectMap2M") >= map2m && mem_counter("DirectMap1G") >= map1g)
			return t;
		usleep(50000);
	} while (dmap && t < opt.settle * 1000L);
	return -1;
}

static const struct number numbers[] = {
	{ 'p', &opt.procs, 1 },
	{ 't', &opt.tables, 1 },
	{ 'k', &opt.keep_kib, 1 },
	{ 'o', &opt.one_in, 1 },
	{ 's', &opt.settle, 1 },
	{ 'S', &opt.seed, 1 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	if (key == 'm') {
		opt.map = true;
		return 0;
	}
	return parse_numbers(numbers, ARRAY_SIZE(numbers), key, arg, state);
}

int main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "procs", 'p', "N", 0, "processes, each of which forks one more (60)", 0 },
		{ "tables", 't', "N", 0, "page tables of each (64)", 0 },
		{ "one-in", 'o', "N", 0, "one pipe in N is closed (8)", 0 },
		{ "keep-kib", 'k', "KIB", 0, "free memory at which filling stops (6144)", 0 },
		{ "settle", 's', "S", 0, "longest wait for the release (5)", 0 },
		{ "seed", 'S', "N", 0, "seed of the choice (1)", 0 },
		{ "map", 'm', NULL, 0, "print how many 2 MiB ranges have how many free pages", 0 },
		{ 0 }
	};
	static const struct argp argp = {
		options, parse, NULL,
		"Page tables in fragmented memory: what a cache of blocks owes them.",
		NULL, NULL, NULL
	};
	struct rlimit nofile = { 1 << 20, 1 << 20 };
	struct snapshot snap = { 0 };
	struct loader loader;
	struct pipes pipes;
	long map2m, map1g, large, marked, listed, start_blocks;
	long blocks0, live0, idle0, alloc0, fail0, pgt0;
	long blocks1, live1, alloc1, fail1, pgt1;
	long opened, need, fewest, asked, t, peak2m;
	unsigned int closed, good;
	int status;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	rnd_state = opt.seed;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (geteuid()) {
		fprintf(stderr, "fragment: needs root\n");
		return 1;
	}
	write_long("/proc/sys/fs/file-max", 1L << 22);
	if (setrlimit(RLIMIT_NOFILE, &nofile))
		fail("RLIMIT_NOFILE");

	dmap = vm_counter("nr_dmap_blocks") >= 0;
	asked = 2L * opt.procs * opt.tables;
	start_loader(&loader);
	printf("KTAP version 1\n1..8\n");
	fold_counters();
	map2m = mem_counter("DirectMap2M");
	map1g = mem_counter("DirectMap1G");
	start_blocks = vm_counter("nr_dmap_blocks");
	report("load=fragment phase=start MemFree=%ld", mem_counter("MemFree"));

	/*
	 * What is idle goes back now, and not when the filling makes memory
	 * short: that would be a free 2 MiB page after all. The block that is
	 * kept for the kernel's own tables goes too, and comes again with the
	 * first of them: so the start is what was before.
	 */
	quiesce();
	tune_allocator();
	drain_lists();
	t = now_ms();
	fill_memory(&pipes);
	report("load=fragment phase=filled pipes=%u of=%u ms=%ld MemFree=%ld pcp=%ld order9=%ld",
	       pipes.filled, pipes.nr, now_ms() - t, mem_counter("MemFree"),
	       pcp_pages(), buddy_pages(9));
	closed = free_some(&pipes);
	large = take_large_runs();

	take_snapshot(&snap, !opt.map);
	if (opt.map) {
		unsigned long i;

		for (i = 0; i < snap.nr; i++)
			printf("# range %lu free %u\n", i, snap.free[i]);
		qsort(snap.free, snap.nr, sizeof(*snap.free), descending);
	}
	marked = snap.pages;
	listed = buddy_pages(0);
	fold_counters();
	blocks0 = vm_counter("nr_dmap_blocks");
	live0 = vm_counter("nr_dmap_live");
	idle0 = vm_counter("nr_dmap_idle");
	alloc0 = vm_counter("dmap_alloc");
	fail0 = vm_counter("dmap_alloc_fail");
	pgt0 = vm_counter("nr_page_table_pages");
	report("load=fragment phase=fragmented closed=%u free=%ld marked=%ld pcp=%ld order9=%ld best=%u mid=%u",
	       closed, listed, marked, pcp_pages(), large,
	       snap.nr ? snap.free[0] : 0, snap.nr ? snap.free[snap.nr / 2] : 0);
	result(!large, "no free page of order 9 or 10 is left (%ld pages)", large);

	t = now_ms();
	good = run_load(&loader);
	t = now_ms() - t;
	fold_counters();
	blocks1 = vm_counter("nr_dmap_blocks");
	live1 = vm_counter("nr_dmap_live");
	alloc1 = vm_counter("dmap_alloc");
	fail1 = vm_counter("dmap_alloc_fail");
	pgt1 = vm_counter("nr_page_table_pages");
	peak2m = mem_counter("DirectMap2M");
	opened = blocks1 - blocks0;
	/* Idle pages of blocks that were open before cost no new block. */
	need = live1 - live0 - idle0;
	fewest = fewest_blocks(&snap, need);
	report("load=fragment phase=peak ms=%ld procs=%u tables=%ld live=%ld opened=%ld fewest=%ld lost_2m=%ld",
	       t, good, pgt1 - pgt0, live1 - live0, opened,
	       dmap ? fewest : -1, (map2m - peak2m) / 2048);

	status = release_load(&loader);
	result(good == 2 * opt.procs && !status,
	       "%u of %u processes got their page tables (status %#x)", good,
	       2 * opt.procs, status);
	dmap_result(alloc1 - alloc0 >= asked && live1 - live0 >= asked,
		    "the cache served %ld pages, %ld live, for %ld tables asked",
		    alloc1 - alloc0, live1 - live0, asked);
	dmap_result(fail1 == fail0, "no request failed (%ld)", fail1 - fail0);
	dmap_result(live1 - live0 >= pgt1 - pgt0,
		    "%ld page tables, all of them of the cache (%ld live)",
		    pgt1 - pgt0, live1 - live0);
	dmap_result(marked >= listed * 9 / 10 && opened * 4 <= fewest * 5,
		    "opened %ld blocks where %ld suffice, for %ld pages", opened,
		    fewest, need);

	t = wait_blocks(start_blocks > blocks0 ? start_blocks : blocks0);
	report("load=fragment phase=unloaded settle_ms=%ld lost_2m=%ld", t,
	       (map2m - mem_counter("DirectMap2M")) / 2048);
	dmap_result(t >= 0, "the blocks went back within %u s of the processes' end",
		    opt.settle);

	free_rest(&pipes);
	restore_allocator();
	t = wait_map(map2m, map1g);
	report("load=fragment phase=released settle_ms=%ld MemFree=%ld lost_2m=%ld", t,
	       mem_counter("MemFree"), (map2m - mem_counter("DirectMap2M")) / 2048);
	dmap_result(t >= 0,
		    "DirectMap2M and 1G were back within %u s of the release",
		    opt.settle);
	return failures ? 1 : 0;
}
