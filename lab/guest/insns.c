// SPDX-License-Identifier: GPL-2.0
/*
 * insns: what small operations cost, in instructions.
 *
 * On a guest run with -icount the clock counts instructions, one a nanosecond,
 * so the averages repeat to the last digit on any host. Elsewhere the figures
 * are plain nanoseconds.
 */
#include "guest.h"

#define TABLES		64
#define FAULTS		256
#define PIPE_PAGES	16
#define SECRETS		64

static unsigned int scale = 100;
static const char *only;

static unsigned long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void bench_null(void)
{
	syscall(SYS_getppid);
}

static void reap(pid_t pid)
{
	int status;

	if (pid < 0)
		fail("fork");
	if (waitpid(pid, &status, 0) < 0 || status) {
		fprintf(stderr, "insns: a child failed\n");
		exit(1);
	}
}

static void bench_fork(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	reap(pid);
}

static void bench_exec(void)
{
	pid_t pid = fork();

	if (!pid) {
		execl("/proc/self/exe", "insns", "--nothing", NULL);
		_exit(1);
	}
	reap(pid);
}

/* @nr pages, @stride apart, mapped, touched and unmapped. */
static void map_touch(unsigned int nr, unsigned long stride)
{
	size_t len = nr * stride + TABLE_SPAN;
	char *map = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *p;
	unsigned int i;

	if (map == MAP_FAILED || madvise(map, len, MADV_NOHUGEPAGE))
		fail("mmap");
	p = table_start(map);
	for (i = 0; i < nr; i++)
		touch(p + i * stride, 1);
	munmap(map, len);
}

static void bench_map_one(void)
{
	map_touch(1, PAGE);
}

static void bench_map_tables(void)
{
	map_touch(TABLES, TABLE_SPAN);
}

static char *fault_map;

static void setup_faults(void)
{
	fault_map = mmap(NULL, FAULTS * PAGE + TABLE_SPAN, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fault_map == MAP_FAILED)
		fail("mmap");
	fault_map = table_start(fault_map);
	if (madvise(fault_map, FAULTS * PAGE, MADV_NOHUGEPAGE))
		fail("MADV_NOHUGEPAGE");
}

/* The table stays: these are the faults alone. */
static void bench_faults(void)
{
	unsigned int i;

	for (i = 0; i < FAULTS; i++)
		touch(fault_map + i * PAGE, 1);
	madvise(fault_map, FAULTS * PAGE, MADV_DONTNEED);
}

static int pipe_fd[2];
static char pipe_buf[PIPE_PAGES * PAGE];

static void setup_pipe(void)
{
	if (pipe2(pipe_fd, O_CLOEXEC | O_NONBLOCK))
		fail("pipe");
}

/*
 * Pages that have nothing to do with the cache. A pipe keeps one page that it
 * has read for its next write (tmp_page in fs/pipe.c), so one page at a time
 * would allocate none: sixteen allocate and free fifteen.
 */
static void bench_pipe(void)
{
	if (write(pipe_fd[1], pipe_buf, sizeof(pipe_buf)) != (ssize_t)sizeof(pipe_buf) ||
	    read(pipe_fd[0], pipe_buf, sizeof(pipe_buf)) != (ssize_t)sizeof(pipe_buf))
		fail("pipe");
}

static int zero_fd, null_fd;

static void setup_splice(void)
{
	setup_pipe();
	zero_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (zero_fd < 0 || null_fd < 0)
		fail("/dev/zero or /dev/null");
}

/* Sixteen pages allocated and zeroed, then freed: no copy, no page is kept. */
static void bench_splice(void)
{
	if (splice(zero_fd, NULL, pipe_fd[1], NULL, sizeof(pipe_buf), 0) !=
	    (ssize_t)sizeof(pipe_buf) ||
	    splice(pipe_fd[0], NULL, null_fd, NULL, sizeof(pipe_buf), 0) !=
	    (ssize_t)sizeof(pipe_buf))
		fail("splice");
}

static void setup_secret(void)
{
	struct rlimit memlock = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_MEMLOCK, &memlock);
}

static void bench_secret(void)
{
	int fd = syscall(SYS_memfd_secret, 0);
	unsigned int i;
	char *p;

	if (fd < 0 || ftruncate(fd, SECRETS * PAGE))
		fail("memfd_secret");
	p = mmap(NULL, SECRETS * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		fail("mmap of a secret");
	for (i = 0; i < SECRETS; i++)
		touch(p + i * PAGE, 1);
	munmap(p, SECRETS * PAGE);
}

static const struct bench {
	const char *name;
	void (*run)(void);
	unsigned int rounds;	/* at scale 100 */
	unsigned int unit;	/* operations that one round stands for */
	void (*setup)(void);
} benches[] = {
	{ "null_syscall",	bench_null,		2000, 1, NULL },
	{ "fork_exit",		bench_fork,		300, 1, NULL },
	{ "fork_exec",		bench_exec,		100, 1, NULL },
	{ "mmap_touch_munmap",	bench_map_one,		1000, 1, NULL },
	{ "table",		bench_map_tables,	50, TABLES, NULL },
	{ "anon_fault",		bench_faults,		50, FAULTS, setup_faults },
	{ "pipe_page",		bench_pipe,		200, PIPE_PAGES, setup_pipe },
	{ "splice_page",	bench_splice,		300, PIPE_PAGES, setup_splice },
	{ "secretmem_page",	bench_secret,		20, SECRETS, setup_secret },
};

static void measure(const struct bench *b)
{
	unsigned int rounds = b->rounds * scale / 100, i;
	unsigned long long t;

	if (!rounds)
		rounds = 1;
	if (b->setup)
		b->setup();
	for (i = 0; i < rounds / 10 + 2; i++)
		b->run();
	t = now();
	for (i = 0; i < rounds; i++)
		b->run();
	t = now() - t;
	printf("@lab bench=%s n=%u insns=%.1f\n", b->name, rounds * b->unit,
	       (double)t / rounds / b->unit);
}

static const struct number numbers[] = {
	{ 's', &scale, 1 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	unsigned int i;

	if (key != 'b')
		return parse_numbers(numbers, ARRAY_SIZE(numbers), key, arg,
				     state);
	for (i = 0; i < ARRAY_SIZE(benches); i++)
		if (!strcmp(benches[i].name, arg))
			only = arg;
	if (!only)
		argp_error(state, "no such benchmark: %s", arg);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "scale", 's', "PERCENT", 0, "how many rounds, of the default (100)", 0 },
		{ "bench", 'b', "NAME", 0, "only this one", 0 },
		{ 0 }
	};
	static const struct argp argp = {
		options, parse, NULL,
		"What small operations cost, in instructions under -icount.",
		NULL, NULL, NULL
	};
	unsigned int i;

	/* What fork_exec runs: first of all, so that it costs an exec only. */
	if (argc == 2 && !strcmp(argv[1], "--nothing"))
		_exit(0);
	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < ARRAY_SIZE(benches); i++)
		if (!only || !strcmp(only, benches[i].name))
			measure(benches + i);
	return 0;
}
