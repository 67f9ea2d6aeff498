// SPDX-License-Identifier: GPL-2.0
/*
 * What an operation costs in the steady state of a policy: live pages are
 * freed at random and as many are allocated again.
 *
 * In a child, so that the replay goes on from where it was. Time is the
 * thread's CPU time, the least of some repeats, for other load only adds to
 * it. Instructions are exact: the CPU traps after each one while the trap flag
 * is set, and the handler counts; that takes microseconds an instruction, so
 * only a small window is counted. It needs no performance counters and no
 * permission.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "machine.h"
#include "random.h"
#include "replay.h"

#define REPEATS		5
#define WINDOW		20000		/* pairs of free and allocate */
#define GROUP		32		/* freed before as many are allocated */
#define CHURN_MAX	300000		/* pairs */

struct churn {
	const struct policy *policy;
	struct live *page;		/* single pages */
	uint32_t nr;
	uint64_t random;
	struct cost *cost;
};

static void exchange(struct churn *churn, struct live *page)
{
	churn->policy->free(page->pfn, 0, page->user);
	page->pfn = churn->policy->alloc(0, page->user, page->nid);
	if (page->pfn == NO_PAGE)
		churn->cost->failed++;
}

/* Without a page there is no place to go on from. */
static bool broken(struct churn *churn)
{
	return churn->cost->failed;
}

static void swap(struct churn *churn, uint32_t a, uint32_t b)
{
	struct live page = churn->page[a];

	churn->page[a] = churn->page[b];
	churn->page[b] = page;
}

/* Many frees before the allocations that take their place. */
static void churn_group(struct churn *churn)
{
	uint32_t i, n = churn->nr < GROUP ? churn->nr : GROUP;

	for (i = 0; i < n; i++)
		swap(churn, i, i + random_below(&churn->random, churn->nr - i));
	for (i = 0; i < n; i++)
		churn->policy->free(churn->page[i].pfn, 0, churn->page[i].user);
	for (i = 0; i < n; i++) {
		churn->page[i].pfn = churn->policy->alloc(0,
				churn->page[i].user, churn->page[i].nid);
		if (churn->page[i].pfn == NO_PAGE)
			churn->cost->failed++;
	}
}

static void churn_long(struct churn *churn, const struct tally *tally)
{
	struct policy_state state;
	unsigned long live = tally_live(tally);
	uint64_t pairs = 4ULL * churn->nr, i;

	if (pairs > CHURN_MAX)
		pairs = CHURN_MAX;
	for (i = 0; i < pairs && !broken(churn); i += GROUP) {
		churn_group(churn);
		if (!(i / GROUP % 32))
			machine_pass_time(1);
	}
	churn->policy->state(&state);
	churn->cost->churn_fill = (double)live / (live + state.idle);
	churn->cost->churn_blocks = state.blocks;
	churn->cost->churn_least = tally_least(tally);
}

static double window(struct churn *churn)
{
	struct timespec from, to;
	unsigned int i;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	for (i = 0; i < WINDOW && !broken(churn); i++)
		exchange(churn, churn->page +
			 random_below(&churn->random, churn->nr));
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	return ((to.tv_sec - from.tv_sec) * 1e9 + to.tv_nsec - from.tv_nsec) /
	       (2.0 * WINDOW);
}

static volatile sig_atomic_t steps;

static void on_trap(int sig)
{
	(void)sig;
	steps++;
}

#ifdef __x86_64__
/* Past the red zone; the flag is in force from the next instruction on. */
static inline __attribute__((always_inline)) void step_begin(void)
{
	asm volatile("lea -128(%%rsp), %%rsp\n\t"
		     "pushfq\n\t"
		     "orl $0x100, (%%rsp)\n\t"
		     "popfq\n\t"
		     "lea 128(%%rsp), %%rsp" : : : "memory", "cc");
}

static inline __attribute__((always_inline)) void step_end(void)
{
	asm volatile("lea -128(%%rsp), %%rsp\n\t"
		     "pushfq\n\t"
		     "andl $~0x100, (%%rsp)\n\t"
		     "popfq\n\t"
		     "lea 128(%%rsp), %%rsp" : : : "memory", "cc");
}
#define CAN_STEP	1
#else
static void step_begin(void) { }
static void step_end(void) { }
#define CAN_STEP	0
#endif

static void count_instructions(struct churn *churn, unsigned int pairs)
{
	struct sigaction trap = { .sa_handler = on_trap };
	struct cost *cost = churn->cost;
	unsigned int i, own;
	struct live *page;

	if (!CAN_STEP) {
		snprintf(cost->reason, sizeof(cost->reason),
			 "single steps are for x86-64 only");
		return;
	}
	sigaction(SIGTRAP, &trap, NULL);
	step_begin();
	step_end();
	own = steps;		/* what the brackets count of themselves */
	if (!own) {
		snprintf(cost->reason, sizeof(cost->reason),
			 "the trap flag has no effect here");
		return;
	}
	steps = 0;
	for (i = 0; i < pairs && !broken(churn); i++) {
		page = churn->page + random_below(&churn->random, churn->nr);
		step_begin();
		exchange(churn, page);
		step_end();
	}
	if (i)
		cost->instructions = ((double)steps / i - own) / 2;
}

static void measure(struct churn *churn, const struct tally *tally,
		    unsigned int pairs)
{
	unsigned int i;
	double ns;

	churn_long(churn, tally);
	for (i = 0; i < REPEATS && !broken(churn); i++) {
		ns = window(churn);
		if (!i || ns < churn->cost->ns)
			churn->cost->ns = ns;
	}
	if (!broken(churn))
		count_instructions(churn, pairs);
}

void cost_measure(const struct policy *policy, const struct live *live,
		  uint32_t nr, const struct tally *tally, unsigned int pairs,
		  uint64_t seed, struct cost *cost)
{
	struct churn churn = { .policy = policy, .random = random_seed(seed) };
	int status = 0;
	uint32_t i;
	pid_t pid;

	churn.cost = mmap(NULL, sizeof(*cost), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (churn.cost == MAP_FAILED)
		return;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		churn.page = malloc((nr + 1) * sizeof(*churn.page));
		if (!churn.page)
			_exit(1);
		for (i = 0; i < nr; i++)
			if (live[i].left && !live[i].order &&
			    live[i].pfn != NO_PAGE)
				churn.page[churn.nr++] = live[i];
		if (churn.nr)
			measure(&churn, tally, pairs);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
	*cost = *churn.cost;
	if (pid < 0 || status)
		snprintf(cost->reason, sizeof(cost->reason),
			 "the measuring process failed (status 0x%x)", status);
	munmap(churn.cost, sizeof(*cost));
}
