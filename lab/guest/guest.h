/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the guest's programs share. Each program is one file that includes this
 * first; nothing here is linked apart, so that the build stays one gcc each.
 */
#ifndef GUEST_H
#define GUEST_H

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
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

#define PAGE		4096UL
#define TABLE_SPAN	(2UL << 20)	/* what one page of PTEs maps */

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof(*(a)))

static inline void fail(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what,
		strerror(errno));
	exit(1);
}

/* The counters of the kernel. */

/* A counter of a file such as /proc/vmstat or /proc/meminfo; -1: not there. */
static inline long read_counter(const char *path, const char *name)
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

static inline long vm_counter(const char *name)
{
	return read_counter("/proc/vmstat", name);
}

static inline long mem_counter(const char *name)
{
	return read_counter("/proc/meminfo", name);
}

static inline void append_counters(FILE *out, const char *path,
				   const char *const *prefix)
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

/*
 * A record for the host: what the caller says, then every figure of the direct
 * map and of the cache. One write per line: the console is shared with the
 * kernel and other jobs.
 */
static inline void report(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

static inline void report(const char *fmt, ...)
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
	fputs("@lab ", out);
	va_start(ap, fmt);
	vfprintf(out, fmt, ap);
	va_end(ap);
	append_counters(out, "/proc/meminfo", meminfo);
	append_counters(out, "/proc/vmstat", vmstat);
	fputc('\n', out);
	fclose(out);
	fflush(stdout);
	if (write(STDOUT_FILENO, buf, len) != (ssize_t)len)
		perror("stdout");
	free(buf);
}

/* Time and chance. */

static inline long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static unsigned long long rnd_state = 1;

static inline unsigned long long rnd(void)
{
	/* xorshift64*: the same choices from the same seed on any libc */
	rnd_state ^= rnd_state >> 12;
	rnd_state ^= rnd_state << 25;
	rnd_state ^= rnd_state >> 27;
	return rnd_state * 0x2545f4914f6cdd1dULL;
}

/* Memory. */

/* Accesses that the compiler must not leave out. */
static inline void touch(void *p, unsigned int value)
{
	__atomic_store_n((unsigned int *)p, value, __ATOMIC_RELAXED);
}

static inline unsigned int peek(const void *p)
{
	return __atomic_load_n((const unsigned int *)p, __ATOMIC_RELAXED);
}

/* The first place at or after @p where a page of PTEs begins. */
static inline char *table_start(char *p)
{
	return (char *)(((unsigned long)p + TABLE_SPAN - 1) & ~(TABLE_SPAN - 1));
}

/* Address space for @nr tables, that of the first one; NULL: none to be had. */
static inline char *map_tables(unsigned int nr)
{
	size_t span = (nr + 1) * TABLE_SPAN;
	char *map = mmap(NULL, span, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED || madvise(map, span, MADV_NOHUGEPAGE))
		return NULL;
	return table_start(map);
}

/* One page in each, and so one table. */
static inline void touch_tables(char *map, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		touch(map + i * TABLE_SPAN, i);
}

/* Is it still there? */
static inline bool check_tables(const char *map, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (peek(map + i * TABLE_SPAN) != i)
			return false;
	return true;
}

/* Processors and processes. */

/* A byte that another process waits for. */
static inline void say(int fd, char c)
{
	if (write(fd, &c, 1) != 1)
		_exit(1);
}

/* Wait for a byte or, at the end of the file, for nothing more. */
static inline void await(int fd)
{
	char c;

	while (read(fd, &c, 1) < 0 && errno == EINTR)
		;
}

/* A byte that comes in time, or 0. */
static inline char heard(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char c;

	if (poll(&p, 1, timeout_ms) != 1 || read(fd, &c, 1) != 1)
		return 0;
	return c;
}

static inline bool run_on(unsigned int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return !sched_setaffinity(0, sizeof(one), &one);
}

/*
 * An idle CPU keeps the top-level table of the last process that ran on it,
 * ended or not, until it runs another: be that other.
 */
static inline void visit_cpus(void)
{
	long cpu = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t before;

	if (sched_getaffinity(0, sizeof(before), &before))
		return;
	while (cpu--)
		run_on(cpu);
	sched_setaffinity(0, sizeof(before), &before);
}

/* How long until the cache is back at its start; -1 when it did not come. */
static inline long settle(long blocks, long map2m, unsigned int seconds)
{
	long t0 = now_ms(), t;

	/* Without a cache nothing ever comes back: do not wait for it. */
	if (blocks < 0)
		return -1;
	do {
		visit_cpus();
		t = now_ms() - t0;
		if (vm_counter("nr_dmap_blocks") <= blocks &&
		    mem_counter("DirectMap2M") >= map2m)
			return t;
		usleep(50000);
	} while (t < seconds * 1000L);
	return -1;
}

/* Results, as KTAP. */

static unsigned int tests, failures;
static bool dmap;	/* does this kernel have the cache? */

static inline void result(bool ok, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static inline void dmap_result(bool ok, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static inline void print_result(bool ok, const char *directive,
				const char *fmt, va_list ap)
{
	printf("%sok %u ", ok ? "" : "not ", ++tests);
	vprintf(fmt, ap);
	printf("%s\n", directive);
	failures += !ok;
}

static inline void result(bool ok, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_result(ok, "", fmt, ap);
	va_end(ap);
}

/* For what only a kernel with the cache can be asked. */
static inline void dmap_result(bool ok, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_result(ok || !dmap, dmap ? "" : " # SKIP no dmap", fmt, ap);
	va_end(ap);
}

/* Options. */

struct number {
	int key;
	unsigned int *value, min;
};

static inline unsigned int parse_number(char *arg, unsigned int min,
					struct argp_state *state)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(arg, &end, 0);
	if (errno || *end || end == arg || *arg == '-' || value < min ||
	    value > 1000000)
		argp_error(state, "bad number: %s", arg);
	return value;
}

/* An option of the table, or what no option may be; others are the caller's. */
static inline error_t parse_numbers(const struct number *table, size_t nr,
				    int key, char *arg, struct argp_state *state)
{
	size_t i;

	if (key == ARGP_KEY_ARG)
		argp_usage(state);
	for (i = 0; i < nr; i++) {
		if (table[i].key == key) {
			*table[i].value = parse_number(arg, table[i].min, state);
			return 0;
		}
	}
	return ARGP_ERR_UNKNOWN;
}

#endif /* GUEST_H */
