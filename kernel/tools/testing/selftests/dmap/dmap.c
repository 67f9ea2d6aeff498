// SPDX-License-Identifier: GPL-2.0
/*
 * dmap from user space: page tables and secret memory come from its blocks,
 * go back to them, and the blocks go back to the page allocator.
 *
 * What needs no counter of dmap is tested on any kernel: whoever switches the
 * cache off must see the same.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest.h"

#ifndef __NR_memfd_secret
#define __NR_memfd_secret 447
#endif

#define PAGE		4096UL
#define TABLE_SPAN	(2UL << 20)
#define BLOCK_PAGES	512L
#define BLOCKS_FILE	"/sys/kernel/debug/dmap/blocks"
#define SETTLE_MS	5000

/* What other tasks may allocate or free while a test looks. */
#define NOISE		32

static bool dmap, root;

/* KUnit suites that ran at boot provoke failures of their own. */
static long failed_before;

static long counter(const char *path, const char *name)
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

static long event(const char *name)
{
	return counter("/proc/vmstat", name);
}

/* Gauges with their per-CPU parts folded in. */
static long gauge(const char *name)
{
	char buf[64];
	int fd = open("/proc/sys/vm/stat_refresh", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		while (read(fd, buf, sizeof(buf)) > 0)
			;
		close(fd);
	}
	return event(name);
}

static long direct_map(void)
{
	long sum = 0, part;

	sum = counter("/proc/meminfo", "DirectMap4k");
	part = counter("/proc/meminfo", "DirectMap2M");
	sum += part > 0 ? part : 0;
	part = counter("/proc/meminfo", "DirectMap1G");
	return sum + (part > 0 ? part : 0);
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return false;
	ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return ok;
}

/* Wait until no block is held that was not before; how long that took, or -1. */
static long wait_blocks(long blocks)
{
	long t0 = now_ms(), t;

	do {
		t = now_ms() - t0;
		if (gauge("nr_dmap_blocks") <= blocks)
			return t;
		usleep(20000);
	} while (t < SETTLE_MS);
	return -1;
}

/* Empty blocks of earlier tests would serve this one without a trace. */
static void settle(void)
{
	long t0 = now_ms(), last = -1, same = 0, blocks;

	while (same < 5 && now_ms() < t0 + SETTLE_MS) {
		blocks = gauge("nr_dmap_live") + gauge("nr_dmap_idle");
		same = blocks == last ? same + 1 : 0;
		last = blocks;
		usleep(100000);
	}
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

/* A child that holds nr page tables, and hardly a page besides. */
struct holder {
	pid_t pid;
	int ready, go;
};

static char *map_tables(unsigned int nr)
{
	size_t len = (nr + 1) * TABLE_SPAN;
	char *map = mmap(NULL, len, PROT_READ,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED || madvise(map, len, MADV_NOHUGEPAGE))
		return NULL;
	return (char *)(((unsigned long)map + TABLE_SPAN - 1) & ~(TABLE_SPAN - 1));
}

/* Reads map the zero page: the tables are all that is allocated. */
static void touch_tables(const char *map, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		peek(map + i * TABLE_SPAN);
}

static bool hold_tables(struct holder *h, unsigned int nr)
{
	int ready[2], go[2];
	char c = 0;

	if (pipe2(ready, O_CLOEXEC) || pipe2(go, O_CLOEXEC))
		return false;
	h->pid = fork();
	if (!h->pid) {
		char *map;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(go[1]);
		map = map_tables(nr);
		if (!map)
			_exit(1);
		touch_tables(map, nr);
		if (write(ready[1], "k", 1) != 1)
			_exit(1);
		_exit(read(go[0], &c, 1) < 0);
	}
	close(ready[1]);
	close(go[0]);
	h->ready = ready[0];
	h->go = go[1];
	return h->pid > 0 && read(h->ready, &c, 1) == 1;
}

static bool release(struct holder *h)
{
	int status;

	close(h->go);
	close(h->ready);
	return waitpid(h->pid, &status, 0) == h->pid && !status;
}

static bool consistent(void)
{
	long live, idle, blocks;
	int i;

	/* Read one after the other while they move: thrice wrong is wrong. */
	for (i = 0; i < 3; i++) {
		live = gauge("nr_dmap_live");
		idle = gauge("nr_dmap_idle");
		blocks = gauge("nr_dmap_blocks");
		if (live >= 0 && idle >= 0 && live + idle <= blocks * BLOCK_PAGES)
			return true;
	}
	ksft_print_msg("live %ld idle %ld blocks %ld\n", live, idle, blocks);
	return false;
}

static int test_counters_exist(void)
{
	static const char * const names[] = {
		"nr_dmap_live", "nr_dmap_idle", "nr_dmap_blocks", "dmap_alloc",
		"dmap_alloc_fail", "dmap_refill", "dmap_refill_fallback",
		"dmap_harvest", "dmap_split", "dmap_collapse_2m",
		"dmap_collapse_1g", "dmap_drain",
	};
	bool ok = true;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (event(names[i]) < 0) {
			ksft_print_msg("%s is not in /proc/vmstat\n", names[i]);
			ok = false;
		}
	}
	return ok ? KSFT_PASS : KSFT_FAIL;
}

static int test_counters_consistent(void)
{
	bool ok = consistent();

	/* This very process has tables. */
	ok = ok && event("dmap_alloc") > 0 && gauge("nr_dmap_live") > 0;
	return ok ? KSFT_PASS : KSFT_FAIL;
}

static int test_fork_raises_and_exit_lowers(void)
{
	const long nr = 400;
	long live0, live1, live2, fail0;
	struct holder h;
	bool ok;

	settle();
	live0 = gauge("nr_dmap_live");
	fail0 = event("dmap_alloc_fail");
	if (!hold_tables(&h, nr)) {
		ksft_print_msg("the child did not get its tables\n");
		return KSFT_FAIL;
	}
	live1 = gauge("nr_dmap_live");
	ok = consistent();
	ok = release(&h) && ok;
	settle();
	live2 = gauge("nr_dmap_live");
	ksft_print_msg("live: %ld, with %ld tables more %ld, after %ld\n", live0,
		       nr, live1, live2);
	ok = ok && live1 - live0 >= nr - NOISE &&
	     live1 - live0 <= nr + NOISE + 32 &&
	     labs(live2 - live0) <= NOISE && event("dmap_alloc_fail") == fail0;
	return ok ? KSFT_PASS : KSFT_FAIL;
}

/* The tables of a copied mapping, which fork itself allocates. */
static int test_fork_copies_from_cache(void)
{
	const unsigned int nr = 100;
	long live0, live1;
	int ready[2], go[2];
	char *map, c;
	unsigned int i;
	pid_t pid;

	map = map_tables(nr);
	if (!map || mprotect(map, nr * TABLE_SPAN, PROT_READ | PROT_WRITE) ||
	    pipe2(ready, O_CLOEXEC) || pipe2(go, O_CLOEXEC))
		return KSFT_FAIL;
	for (i = 0; i < nr; i++)
		touch(map + i * TABLE_SPAN, 1);
	settle();
	live0 = gauge("nr_dmap_live");
	pid = fork();
	if (!pid) {
		close(go[1]);
		if (write(ready[1], "k", 1) != 1)
			_exit(1);
		for (i = 0; i < nr; i++)
			if (peek(map + i * TABLE_SPAN) != 1)
				_exit(1);
		_exit(read(go[0], &c, 1) < 0);
	}
	close(ready[1]);
	if (pid < 0 || read(ready[0], &c, 1) != 1)
		return KSFT_FAIL;
	live1 = gauge("nr_dmap_live");
	close(go[0]);
	close(go[1]);
	close(ready[0]);
	if (waitpid(pid, (int *)&i, 0) != pid || i)
		return KSFT_FAIL;
	munmap(map, nr * TABLE_SPAN);
	ksft_print_msg("live: %ld, after the fork of %u tables %ld\n", live0, nr,
		       live1);
	return live1 - live0 >= (long)nr ? KSFT_PASS : KSFT_FAIL;
}

static int secret_area(size_t pages, __u64 **map)
{
	int fd = syscall(__NR_memfd_secret, 0);

	if (fd < 0)
		return fd;
	if (ftruncate(fd, pages * PAGE)) {
		close(fd);
		return -1;
	}
	*map = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*map == MAP_FAILED) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool secret_available(void)
{
	int fd = syscall(__NR_memfd_secret, 0);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static int test_secretmem_from_cache(void)
{
	const long pages = 300;
	long live0, live1, live2;
	__u64 *map;
	long i;
	int fd;

	if (!secret_available())
		return KSFT_SKIP;
	settle();
	live0 = gauge("nr_dmap_live");
	fd = secret_area(pages, &map);
	if (fd < 0)
		return KSFT_FAIL;
	for (i = 0; i < pages; i++)
		touch(map + i * PAGE / sizeof(*map), i);
	live1 = gauge("nr_dmap_live");
	munmap(map, pages * PAGE);
	close(fd);
	settle();
	live2 = gauge("nr_dmap_live");
	ksft_print_msg("live: %ld, with %ld secret pages %ld, after %ld\n", live0,
		       pages, live1, live2);
	return labs(live1 - live0 - pages) <= NOISE &&
	       labs(live2 - live0) <= NOISE ? KSFT_PASS : KSFT_FAIL;
}

static bool all_equal(const __u64 *p, size_t words, __u64 value)
{
	size_t i;

	for (i = 0; i < words; i++)
		if (p[i] != value)
			return false;
	return true;
}

static void fill(__u64 *p, size_t words, __u64 value)
{
	size_t i;

	for (i = 0; i < words; i++)
		p[i] = value;
}

static int test_secretmem_zero_and_isolated(void)
{
	const size_t pages = 64, words = 64 * PAGE / sizeof(__u64);
	__u64 *a, *b, copy;
	struct iovec local = { &copy, sizeof(copy) };
	struct iovec remote = { 0 };
	int fda, fdb, round, mem;
	bool ok = true;

	if (!secret_available())
		return KSFT_SKIP;
	for (round = 0; ok && round < 4; round++) {
		fda = secret_area(pages, &a);
		fdb = secret_area(pages, &b);
		if (fda < 0 || fdb < 0)
			return KSFT_FAIL;
		/* Pages of the round before come back, and must be clean. */
		ok = all_equal(a, words, 0) && all_equal(b, words, 0);
		if (!ok)
			ksft_print_msg("round %d: a new page is not zero\n", round);
		fill(a, words, 0xa0a0a0a0a0a0a0a0ULL);
		fill(b, words, 0xb1b1b1b1b1b1b1b1ULL);
		if (!all_equal(a, words, 0xa0a0a0a0a0a0a0a0ULL)) {
			ksft_print_msg("round %d: one area wrote the other\n", round);
			ok = false;
		}

		/* Nobody else reads it, the kernel on our behalf included. */
		remote.iov_base = a;
		remote.iov_len = sizeof(copy);
		if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) >= 0) {
			ksft_print_msg("process_vm_readv() read a secret\n");
			ok = false;
		}
		mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
		if (mem >= 0 && pread(mem, &copy, sizeof(copy), (off_t)(unsigned long)a) > 0) {
			ksft_print_msg("/proc/self/mem read a secret\n");
			ok = false;
		}
		if (mem >= 0)
			close(mem);
		munmap(a, pages * PAGE);
		munmap(b, pages * PAGE);
		close(fda);
		close(fdb);
	}
	return ok ? KSFT_PASS : KSFT_FAIL;
}

/*
 * The limit is met by mmap() or, in kernels that charge each page, by the
 * fault; there the page has left the cache already and must go back.
 */
static int test_secretmem_limit(void)
{
	const unsigned int limit = 16, pages = 64;
	struct rlimit small = { limit * PAGE, limit * PAGE };
	unsigned int *touched;
	long live0, live1;
	__u64 *map;
	int fd, status;
	pid_t pid;

	if (!secret_available())
		return KSFT_SKIP;
	touched = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (touched == MAP_FAILED)
		return KSFT_FAIL;
	*touched = 0;
	settle();
	live0 = gauge("nr_dmap_live");
	pid = fork();
	if (!pid) {
		/* CAP_IPC_LOCK goes with the user. */
		if (setrlimit(RLIMIT_MEMLOCK, &small) ||
		    (root && syscall(SYS_setresuid, 65534, 65534, 65534)))
			_exit(2);
		fd = secret_area(pages, &map);
		if (fd < 0)
			_exit(errno == EAGAIN ? 0 : 3);
		for (; peek(touched) < pages; touch(touched, peek(touched) + 1))
			touch(map + peek(touched) * PAGE / sizeof(*map), 1);
		_exit(4);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return KSFT_FAIL;
	settle();
	live1 = gauge("nr_dmap_live");
	ksft_print_msg("status %#x after %u pages with a limit of %u; live %ld, %ld\n",
		       status, peek(touched), limit, live0, live1);
	if (status && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS))
		return KSFT_FAIL;
	if (peek(touched) > limit || labs(live1 - live0) > NOISE)
		return KSFT_FAIL;
	munmap(touched, PAGE);
	return KSFT_PASS;
}

static int test_memory_returns(void)
{
	long blocks, map2m, map1g, peak, t;
	struct holder h;

	settle();
	blocks = gauge("nr_dmap_blocks");
	map2m = counter("/proc/meminfo", "DirectMap2M");
	map1g = counter("/proc/meminfo", "DirectMap1G");
	if (!hold_tables(&h, 4 * BLOCK_PAGES))
		return KSFT_FAIL;
	peak = gauge("nr_dmap_blocks");
	if (!release(&h))
		return KSFT_FAIL;
	t = wait_blocks(blocks);
	while (t >= 0 && t < SETTLE_MS &&
	       (counter("/proc/meminfo", "DirectMap2M") < map2m ||
		counter("/proc/meminfo", "DirectMap1G") < map1g)) {
		usleep(20000);
		t += 20;
	}
	ksft_print_msg("blocks: %ld, at the peak %ld, back after %ld ms\n", blocks,
		       peak, t);
	return peak >= blocks + 3 && t >= 0 && t < SETTLE_MS ? KSFT_PASS : KSFT_FAIL;
}

static int test_shrinker_returns_memory(void)
{
	long blocks, drained, t0, t;
	struct holder h;

	if (!root)
		return KSFT_SKIP;
	settle();
	blocks = gauge("nr_dmap_blocks");
	if (!hold_tables(&h, 4 * BLOCK_PAGES) || !release(&h))
		return KSFT_FAIL;
	drained = event("dmap_drain");
	t0 = now_ms();
	if (!write_file("/proc/sys/vm/drop_caches", "2"))
		return KSFT_FAIL;
	t = wait_blocks(blocks);
	ksft_print_msg("drop_caches took %ld ms, %ld blocks drained by then\n",
		       now_ms() - t0 - (t > 0 ? t : 0),
		       event("dmap_drain") - drained);
	return t >= 0 && event("dmap_drain") > drained ? KSFT_PASS : KSFT_FAIL;
}

struct block_sums {
	long lines, owned, free, live;
	int bad;
};

static bool read_blocks(struct block_sums *s)
{
	static char text[1 << 20];
	size_t len = 0;
	char *line, *save;
	ssize_t n;
	int fd = open(BLOCKS_FILE, O_RDONLY | O_CLOEXEC);
	int nr = 0;

	memset(s, 0, sizeof(*s));
	if (fd < 0)
		return false;
	while (len < sizeof(text) - 1 &&
	       (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += n;
	close(fd);
	text[len] = 0;
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save), nr++) {
		unsigned long pfn;
		unsigned int nid, owned, free, live;
		char class[16], level[16], capture[16];

		if (nr == 0 && strcmp(line, "# dmap blocks v1")) {
			ksft_print_msg("first line: %s\n", line);
			s->bad++;
		}
		if (nr == 1 &&
		    strcmp(line, "# pfn nid class owned free live level capture")) {
			ksft_print_msg("second line: %s\n", line);
			s->bad++;
		}
		if (nr < 2)
			continue;
		if (sscanf(line, "%lx %u %15s %u %u %u %15s %15s", &pfn, &nid,
			   class, &owned, &free, &live, level, capture) != 8 ||
		    pfn % BLOCK_PAGES || owned > BLOCK_PAGES ||
		    owned != free + live) {
			ksft_print_msg("bad line: %s\n", line);
			s->bad++;
			continue;
		}
		/* A block that is not split apart is of no use to class pte. */
		if (!strncmp(class, "pte", 3) && strcmp(level, "4K")) {
			ksft_print_msg("not mapped by 4K entries: %s\n", line);
			s->bad++;
		}
		s->lines++;
		s->owned += owned;
		s->free += free;
		s->live += live;
	}
	return nr >= 2;
}

static int test_block_map(void)
{
	struct block_sums sums;
	long live, idle, blocks;
	int i;

	if (access(BLOCKS_FILE, R_OK))
		return KSFT_SKIP;
	/* Once with the buffer's pages mapped: they cost tables of their own. */
	read_blocks(&sums);
	settle();
	for (i = 0; i < 20; i++) {
		live = gauge("nr_dmap_live");
		if (!read_blocks(&sums) || sums.bad)
			return KSFT_FAIL;
		idle = gauge("nr_dmap_idle");
		blocks = gauge("nr_dmap_blocks");
		if (gauge("nr_dmap_live") != live) {
			usleep(100000);
			continue;
		}
		if (sums.lines == blocks && sums.live == live && sums.free == idle)
			return KSFT_PASS;
		usleep(100000);
	}
	ksft_print_msg("map: %ld blocks %ld live %ld free; vmstat: %ld, %ld, %ld\n",
		       sums.lines, sums.live, sums.free, blocks, live, idle);
	return KSFT_FAIL;
}

static int test_direct_map_constant(void)
{
	long before = direct_map(), with, after;
	__u64 *map = NULL;
	struct holder h;
	int fd;

	if (before <= 0)
		return KSFT_SKIP;
	fd = secret_area(64, &map);
	if (fd >= 0)
		fill(map, 64 * PAGE / sizeof(*map), 1);
	if (!hold_tables(&h, 2 * BLOCK_PAGES))
		return KSFT_FAIL;
	with = direct_map();
	if (fd >= 0) {
		munmap(map, 64 * PAGE);
		close(fd);
	}
	release(&h);
	sleep(2);
	after = direct_map();
	if (with != before || after != before)
		ksft_print_msg("DirectMap: %ld kB, %ld, %ld\n", before, with, after);
	return with == before && after == before ? KSFT_PASS : KSFT_FAIL;
}

static char cgroup2[64];
static bool cgroup2_is_ours;

static bool find_cgroup2(void)
{
	if (*cgroup2)
		return true;
	if (!access("/sys/fs/cgroup/cgroup.controllers", R_OK)) {
		snprintf(cgroup2, sizeof(cgroup2), "/sys/fs/cgroup");
		return true;
	}
	snprintf(cgroup2, sizeof(cgroup2), "/tmp/dmap-cgroup.XXXXXX");
	if (mkdtemp(cgroup2)) {
		if (!mount("cgroup", cgroup2, "cgroup2", 0, NULL)) {
			cgroup2_is_ours = true;
			return true;
		}
		ksft_print_msg("no cgroup2: %s\n", strerror(errno));
		rmdir(cgroup2);
	}
	*cgroup2 = 0;
	return false;
}

static void leave_cgroup2(void)
{
	if (cgroup2_is_ours && !umount(cgroup2))
		rmdir(cgroup2);
}

/* A cgroup of our own, or NULL with the reason printed. */
static const char *make_cgroup(void)
{
	static char path[128];

	if (!root || !find_cgroup2())
		return NULL;
	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", cgroup2);
	write_file(path, "+memory");
	snprintf(path, sizeof(path), "%s/dmap-test-%d", cgroup2, getpid());
	if (mkdir(path, 0755)) {
		ksft_print_msg("%s: %s\n", path, strerror(errno));
		return NULL;
	}
	return path;
}

static bool set_cgroup(const char *dir, const char *file, const char *value)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return write_file(path, value);
}

static long get_cgroup(const char *dir, const char *file, const char *key)
{
	char path[256];
	long value = -1;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	if (key)
		return counter(path, key);
	f = fopen(path, "r");
	if (!f)
		return -1;
	if (fscanf(f, "%ld", &value) != 1)
		value = -1;
	fclose(f);
	return value;
}

/* Tables of a child that is in @dir from before it allocates any. */
static pid_t tables_in_cgroup(const char *dir, unsigned int nr, int *ready)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		char *map;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!set_cgroup(dir, "cgroup.procs", "0"))
			_exit(3);
		map = map_tables(nr);
		if (!map)
			_exit(1);
		touch_tables(map, nr);
		if (write(fds[1], "k", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(fds[1]);
	*ready = fds[0];
	return pid;
}

static int test_memcg_charges_tables(void)
{
	const long nr = 1500;
	const char *dir = make_cgroup();
	long charged, tables, after;
	int ready, i;
	pid_t pid;
	char c = 0;

	if (!dir)
		return KSFT_SKIP;
	if (get_cgroup(dir, "memory.current", NULL) < 0) {
		rmdir(dir);
		ksft_print_msg("no memory controller\n");
		return KSFT_SKIP;
	}
	pid = tables_in_cgroup(dir, nr, &ready);
	if (pid < 0 || read(ready, &c, 1) != 1)
		c = 0;
	/* The statistics of a cgroup are flushed within two seconds. */
	for (i = 0; i < 30; i++) {
		tables = get_cgroup(dir, "memory.stat", "pagetables");
		if (tables >= nr * (long)PAGE)
			break;
		usleep(100000);
	}
	charged = get_cgroup(dir, "memory.current", NULL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ready);
	for (i = 0; i < 30; i++) {
		after = get_cgroup(dir, "memory.current", NULL);
		/* Stocks of charges that the CPUs keep: 64 pages each. */
		if (after < nr * (long)PAGE / 2)
			break;
		usleep(100000);
	}
	rmdir(dir);
	ksft_print_msg("%ld tables: pagetables %ld kB, charged %ld kB, after exit %ld kB\n",
		       nr, tables / 1024, charged / 1024, after / 1024);
	return c == 'k' && tables >= nr * (long)PAGE &&
	       charged >= nr * (long)PAGE && after < nr * (long)PAGE / 2 ?
	       KSFT_PASS : KSFT_FAIL;
}

static int test_memcg_limits_tables(void)
{
	const char *dir = make_cgroup();
	long peak, kills;
	int ready, status = 0;
	pid_t pid;
	char c;

	if (!dir)
		return KSFT_SKIP;
	if (!set_cgroup(dir, "memory.max", "4M")) {
		rmdir(dir);
		ksft_print_msg("no memory controller\n");
		return KSFT_SKIP;
	}
	set_cgroup(dir, "memory.swap.max", "0");
	pid = tables_in_cgroup(dir, 4096, &ready);
	/* 16 MiB of tables do not fit: the child must die before it is ready. */
	if (pid < 0 || read(ready, &c, 1) == 1) {
		ksft_print_msg("16 MiB of page tables fitted into 4 MiB\n");
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		status = 0;
	} else {
		waitpid(pid, &status, 0);
	}
	close(ready);
	peak = get_cgroup(dir, "memory.peak", NULL);
	kills = get_cgroup(dir, "memory.events", "oom_kill");
	rmdir(dir);
	ksft_print_msg("peak %ld kB, oom kills %ld, status %#x\n", peak / 1024,
		       kills, status);
	return WIFSIGNALED(status) && kills > 0 && peak <= (4L << 20) ?
	       KSFT_PASS : KSFT_FAIL;
}

static int test_memcg_charges_secrets(void)
{
	const size_t pages = 1024;
	const char *dir = make_cgroup();
	long charged;
	__u64 *map;
	int fds[2], go[2], fd, status;
	char c = 0;
	size_t i;
	pid_t pid;

	if (!dir)
		return KSFT_SKIP;
	if (!secret_available() || get_cgroup(dir, "memory.current", NULL) < 0) {
		rmdir(dir);
		return KSFT_SKIP;
	}
	if (pipe2(fds, O_CLOEXEC) || pipe2(go, O_CLOEXEC))
		return KSFT_FAIL;
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(go[1]);
		if (!set_cgroup(dir, "cgroup.procs", "0"))
			_exit(3);
		fd = secret_area(pages, &map);
		if (fd < 0)
			_exit(1);
		for (i = 0; i < pages; i++)
			touch(map + i * PAGE / sizeof(*map), i);
		if (write(fds[1], "k", 1) != 1)
			_exit(1);
		_exit(read(go[0], &c, 1) < 0);
	}
	close(fds[1]);
	close(go[0]);
	if (pid < 0 || read(fds[0], &c, 1) != 1)
		c = 0;
	charged = get_cgroup(dir, "memory.current", NULL);
	close(go[1]);
	close(fds[0]);
	waitpid(pid, &status, 0);
	rmdir(dir);
	ksft_print_msg("%zu secret pages: charged %ld kB\n", pages, charged / 1024);
	return c == 'k' && charged >= (long)(pages * PAGE) ? KSFT_PASS : KSFT_FAIL;
}

static int test_no_request_failed(void)
{
	/* The memcg limit is no failure of the cache: it had the page. */
	long failed = event("dmap_alloc_fail") - failed_before;

	ksft_print_msg("dmap_alloc %ld, dmap_alloc_fail %ld\n",
		       event("dmap_alloc"), failed);
	return consistent() && failed == 0 ? KSFT_PASS : KSFT_FAIL;
}

static const struct test {
	const char *name;
	int (*run)(void);
	bool needs_dmap;
} tests[] = {
	{ "test_counters_exist", test_counters_exist, true },
	{ "test_counters_consistent", test_counters_consistent, true },
	{ "test_fork_raises_and_exit_lowers", test_fork_raises_and_exit_lowers, true },
	{ "test_fork_copies_from_cache", test_fork_copies_from_cache, true },
	{ "test_secretmem_from_cache", test_secretmem_from_cache, true },
	{ "test_secretmem_zero_and_isolated", test_secretmem_zero_and_isolated, false },
	{ "test_secretmem_limit", test_secretmem_limit, false },
	{ "test_memory_returns", test_memory_returns, true },
	{ "test_shrinker_returns_memory", test_shrinker_returns_memory, true },
	{ "test_block_map", test_block_map, true },
	{ "test_direct_map_constant", test_direct_map_constant, false },
	{ "test_memcg_charges_tables", test_memcg_charges_tables, false },
	{ "test_memcg_limits_tables", test_memcg_limits_tables, false },
	{ "test_memcg_charges_secrets", test_memcg_charges_secrets, false },
	{ "test_no_request_failed", test_no_request_failed, true },
};

int main(void)
{
	struct rlimit memlock = { RLIM_INFINITY, RLIM_INFINITY };
	size_t i;

	root = !geteuid();
	if (root)
		setrlimit(RLIMIT_MEMLOCK, &memlock);
	dmap = event("nr_dmap_blocks") >= 0 && event("nr_dmap_live") > 0;
	failed_before = event("dmap_alloc_fail");
	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(tests));
	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		int result;

		if (tests[i].needs_dmap && !dmap) {
			ksft_test_result_skip("%s: no dmap\n", tests[i].name);
			continue;
		}
		result = tests[i].run();
		if (result == KSFT_SKIP)
			ksft_test_result_skip("%s: not available here\n", tests[i].name);
		else
			ksft_test_result_report(result, "%s\n", tests[i].name);
	}
	leave_cgroup2();
	ksft_finished();
}
