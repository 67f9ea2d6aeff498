// SPDX-License-Identifier: GPL-2.0
/*
 * secretmem-load: memfd_secret areas that grow and shrink at random.
 *
 * A secret file can neither be resized nor punched, so an area is a heap of
 * small files: it grows by a file and shrinks by one, of any age.
 */
#include "guest.h"

#define WORDS	(PAGE / sizeof(unsigned long long))

static struct {
	unsigned int areas, pages, steps, chunk, hold, settle, seed;
} opt = {
	.areas = 8, .pages = 4096, .steps = 200, .chunk = 128, .settle = 5,
	.seed = 1,
};

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

static const struct number numbers[] = {
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
	return parse_numbers(numbers, ARRAY_SIZE(numbers), key, arg, state);
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

	blocks = vm_counter("nr_dmap_blocks");
	map2m = mem_counter("DirectMap2M");
	report("load=secretmem phase=start round=0 pages=0");
	while (live < opt.pages) {
		unsigned long n = 1 + rnd() % opt.chunk;

		if (n > opt.pages - live)
			n = opt.pages - live;
		if (!grow(areas + rnd() % opt.areas, n))
			return 1;
	}
	sleep(opt.hold);
	report("load=secretmem phase=peak round=1 pages=%lu errors=%lu", live, errors);
	for (i = 0; i < opt.steps; i++) {
		struct area *a = areas + rnd() % opt.areas;
		unsigned int n = 1 + rnd() % opt.chunk;

		if (a->nr && (live + n > opt.pages || rnd() % 2))
			shrink(a, rnd() % a->nr);
		else if (live + n <= opt.pages && !grow(a, n))
			return 1;
	}
	report("load=secretmem phase=churn round=1 pages=%lu steps=%u errors=%lu", live, opt.steps,
	       errors);
	for (i = 0; i < opt.areas; i++)
		while (areas[i].nr)
			shrink(areas + i, areas[i].nr - 1);
	t = settle(blocks, map2m, opt.settle);
	report("load=secretmem phase=released round=1 pages=%lu checked=%lu settle_ms=%ld errors=%lu",
	       live, checked, t, errors);
	return errors ? 1 : 0;
}
