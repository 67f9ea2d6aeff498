// SPDX-License-Identifier: GPL-2.0
/*
 * secretmem-load: memfd_secret areas that grow and shrink at random.
 *
 * A secret file can neither be resized nor punched, so an area is a heap of
 * small files: it grows by a file and shrinks by one, of any age.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

#define PAGE	4096UL
#define WORDS	(PAGE / sizeof(unsigned long long))

static struct {
	unsigned int areas, pages, steps, chunk, hold, settle, seed;
} opt = {
	.areas = 8, .pages = 4096, .steps = 200, .chunk = 128, .settle = 5,
	.seed = 1,
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
	fputs("@lab load=secretmem ", out);
	va_start(ap, fmt);
	vfprintf(out, fmt, ap);
	va_end(ap);
	append_counters(out, "/proc/meminfo", meminfo);
	append_counters(out, "/proc/vmstat", vmstat);
	fputc('\n', out);
	fclose(out);
	fflush(stdout);
	if (write(STDOUT_FILENO, buf, len) != (ssize_t)len)
		perror("secretmem-load: stdout");
	free(buf);
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static unsigned long long rnd_state;

static unsigned long long rnd(void)
{
	/* xorshift64*: the same run from the same seed on any libc */
	rnd_state ^= rnd_state >> 12;
	rnd_state ^= rnd_state << 25;
	rnd_state ^= rnd_state >> 27;
	return rnd_state * 0x2545f4914f6cdd1dULL;
}

struct chunk {
	unsigned long long *map;
	unsigned int pages;
	unsigned long long tag;
};

struct area {
	struct chunk *chunks;
	unsigned int nr;
};

static struct area *areas;
static unsigned long live, errors, checked;

static unsigned long long pattern(const struct chunk *c, unsigned int page, unsigned int word)
{
	return c->tag ^ ((unsigned long long)page << 32) ^
	       ((unsigned long long)word << 7) ^ 0x5ec7e7;
}

static bool grow(struct area *a, unsigned int pages)
{
	struct chunk *c;
	unsigned int i, w;
	int fd = syscall(SYS_memfd_secret, 0);

	if (fd < 0) {
		fprintf(stderr, "secretmem-load: memfd_secret: %s\n", strerror(errno));
		return false;
	}
	c = realloc(a->chunks, (a->nr + 1) * sizeof(*c));
	if (!c || ftruncate(fd, pages * PAGE)) {
		fprintf(stderr, "secretmem-load: ftruncate: %s\n", strerror(errno));
		close(fd);
		return false;
	}
	a->chunks = c;
	c += a->nr;
	c->pages = pages;
	c->tag = rnd();
	c->map = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (c->map == MAP_FAILED) {
		fprintf(stderr, "secretmem-load: mmap: %s\n", strerror(errno));
		return false;
	}
	a->nr++;
	live += pages;
	for (i = 0; i < pages; i++) {
		unsigned long long *p = c->map + i * WORDS;

		for (w = 0; w < WORDS; w++) {
			if (p[w]) {
				errors++;
				fprintf(stderr,
					"secretmem-load: new page %u word %u is %#llx, not 0\n",
					i, w, (unsigned long long)p[w]);
				break;
			}
		}
		for (w = 0; w < WORDS; w++)
			p[w] = pattern(c, i, w);
	}
	return true;
}

static void shrink(struct area *a, unsigned int n)
{
	struct chunk *c = a->chunks + n;
	unsigned int i, w;

	for (i = 0; i < c->pages; i++) {
		for (w = 0; w < WORDS; w++) {
			unsigned long long got = c->map[i * WORDS + w];

			if (got != pattern(c, i, w)) {
				errors++;
				fprintf(stderr,
					"secretmem-load: page %u word %u is %#llx, not %#llx\n",
					i, w, (unsigned long long)got,
					(unsigned long long)pattern(c, i, w));
				break;
			}
		}
		checked++;
	}
	live -= c->pages;
	munmap(c->map, c->pages * PAGE);
	*c = a->chunks[--a->nr];
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
	{ 'a', &opt.areas, 1 },
	{ 'p', &opt.pages, 1 },
	{ 'n', &opt.steps, 0 },
	{ 'c', &opt.chunk, 1 },
	{ 'H', &opt.hold, 0 },
	{ 's', &opt.settle, 0 },
	{ 'S', &opt.seed, 1 },
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

int main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "areas", 'a', "N", 0, "areas (8)", 0 },
		{ "pages", 'p', "N", 0, "pages of all areas at the peak (4096)", 0 },
		{ "chunk", 'c', "N", 0, "most pages that one step adds (128)", 0 },
		{ "steps", 'n', "N", 0, "random steps between peak and release (200)", 0 },
		{ "hold", 'H', "S", 0, "seconds to stay at the peak (0)", 0 },
		{ "settle", 's', "S", 0, "longest wait after the release (5)", 0 },
		{ "seed", 'S', "N", 0, "seed of the random choices (1)", 0 },
		{ 0 }
	};
	static const struct argp argp = {
		options, parse, NULL,
		"memfd_secret areas growing and shrinking, with checked contents.",
		NULL, NULL, NULL
	};
	struct rlimit memlock = { RLIM_INFINITY, RLIM_INFINITY };
	unsigned int i;
	long blocks, map2m, t;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	rnd_state = opt.seed;
	areas = calloc(opt.areas, sizeof(*areas));
	if (!areas) {
		fprintf(stderr, "secretmem-load: no memory\n");
		return 1;
	}
	if (setrlimit(RLIMIT_MEMLOCK, &memlock)) {
		fprintf(stderr, "secretmem-load: RLIMIT_MEMLOCK: %s\n", strerror(errno));
		return 1;
	}

	blocks = read_counter("/proc/vmstat", "nr_dmap_blocks");
	map2m = read_counter("/proc/meminfo", "DirectMap2M");
	report("phase=start round=0 pages=0");
	while (live < opt.pages) {
		unsigned long n = 1 + rnd() % opt.chunk;

		if (n > opt.pages - live)
			n = opt.pages - live;
		if (!grow(areas + rnd() % opt.areas, n))
			return 1;
	}
	sleep(opt.hold);
	report("phase=peak round=1 pages=%lu errors=%lu", live, errors);
	for (i = 0; i < opt.steps; i++) {
		struct area *a = areas + rnd() % opt.areas;
		unsigned int n = 1 + rnd() % opt.chunk;

		if (a->nr && (live + n > opt.pages || rnd() % 2))
			shrink(a, rnd() % a->nr);
		else if (live + n <= opt.pages && !grow(a, n))
			return 1;
	}
	report("phase=churn round=1 pages=%lu steps=%u errors=%lu", live, opt.steps,
	       errors);
	for (i = 0; i < opt.areas; i++)
		while (areas[i].nr)
			shrink(areas + i, areas[i].nr - 1);
	t = settle(blocks, map2m);
	report("phase=released round=1 pages=%lu checked=%lu settle_ms=%ld errors=%lu",
	       live, checked, t, errors);
	return errors ? 1 : 0;
}
