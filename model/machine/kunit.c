// SPDX-License-Identifier: GPL-2.0
/* KUnit on the modelled machine: see shim/custom/kunit.h. */
#include "memory.h"
#include <stdio.h>

/* Stubs */

#define MAX_STUBS	16

static struct {
	void *function, *replacement;
} stubs[MAX_STUBS];
unsigned int kunit_nr_stubs;

void *kunit_stub(void *function)
{
	unsigned int i;

	for (i = 0; i < kunit_nr_stubs; i++)
		if (stubs[i].function == function)
			return stubs[i].replacement;
	return NULL;
}

void kunit_set_stub(void *function, void *replacement)
{
	unsigned int i;

	for (i = 0; i < kunit_nr_stubs; i++)
		if (stubs[i].function == function)
			break;
	if (i == MAX_STUBS)
		machine_unmodelled("so many static stubs");
	if (replacement) {
		stubs[i].function = function;
		stubs[i].replacement = replacement;
		kunit_nr_stubs = max(kunit_nr_stubs, i + 1);
	} else if (i < kunit_nr_stubs) {
		stubs[i] = stubs[--kunit_nr_stubs];
	}
}

/* Memory of a test */

struct kunit_memory {
	struct kunit_memory *next;
	char data[] __attribute__((aligned(16)));
};

void *kunit_kcalloc(struct kunit *test, size_t nr, size_t size, gfp_t gfp)
{
	struct kunit_memory *memory;

	might_alloc(gfp);
	memory = calloc(1, sizeof(*memory) + nr * size);
	if (!memory)
		return NULL;
	memory->next = test->memory;
	test->memory = memory;
	return memory->data;
}

/* Kernel threads: run to their end when woken. */

struct kthread {
	struct task_struct task;
	int (*fn)(void *arg);
	void *arg;
	int result;
	bool ran;
};

struct task_struct *kthread_create(int (*fn)(void *arg), void *arg,
				   const char *fmt, ...)
{
	struct kthread *thread = calloc(1, sizeof(*thread));

	BUG_ON(!thread);
	thread->fn = fn;
	thread->arg = arg;
	return &thread->task;
}

int wake_up_process(struct task_struct *task)
{
	struct kthread *thread = container_of(task, struct kthread, task);

	if (thread->ran)
		return 0;
	thread->ran = true;
	thread->result = thread->fn(thread->arg);
	return 1;
}

int kthread_stop(struct task_struct *task)
{
	struct kthread *thread = container_of(task, struct kthread, task);
	int result = thread->ran ? thread->result : -EINTR;

	free(thread);
	return result;
}

/* Running tests */

#define MAX_SUITES	16

static struct kunit_suite *suites[MAX_SUITES];
static unsigned int nr_suites;

void kunit_add_suites(struct kunit_suite **more)
{
	for (; *more; more++) {
		if (nr_suites == MAX_SUITES)
			abort();
		suites[nr_suites++] = *more;
	}
}

void kunit_fail(struct kunit *test, bool end, const char *file, int line,
		const char *fmt, ...)
{
	va_list args;

	test->status = KUNIT_FAILURE;
	printf("        # %s: failed at %s:%d: ", test->name, file, line);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	if (end)
		longjmp(test->end, 1);
}

/* The test, its init and its exit; each may end early. */
static void run_case(struct kunit_suite *suite, struct kunit_case *c,
		     struct kunit *test)
{
	if (!setjmp(test->end)) {
		if (suite->init && suite->init(test))
			kunit_fail(test, true, __FILE__, __LINE__, "init failed");
		c->run_case(test);
	}
	kunit_nr_stubs = 0;
	if (suite->exit && !setjmp(test->end))
		suite->exit(test);
}

static bool run_suite(struct kunit_suite *suite)
{
	unsigned int nr, i, failed = 0;
	struct kunit_memory *memory;

	for (nr = 0; suite->test_cases[nr].run_case; nr++)
		;
	printf("    KTAP version 1\n    # Subtest: %s\n    1..%u\n",
	       suite->name, nr);
	for (i = 0; i < nr; i++) {
		struct kunit_case *c = &suite->test_cases[i];
		struct kunit test = { .name = c->name };

		run_case(suite, c, &test);
		failed += test.status == KUNIT_FAILURE;
		printf("    %s %u %s%s%s\n",
		       test.status == KUNIT_FAILURE ? "not ok" : "ok", i + 1,
		       c->name, test.status == KUNIT_SKIPPED ? " # SKIP " : "",
		       test.status == KUNIT_SKIPPED ? test.comment : "");
		fflush(stdout);
		while ((memory = test.memory)) {
			test.memory = memory->next;
			free(memory);
		}
	}
	return !failed;
}

int kunit_run(void)
{
	unsigned int i;
	int failed = 0;

	if (!nr_suites) {
		fputs("kunit: no suite was linked in\n", stderr);
		return 1;
	}
	printf("KTAP version 1\n1..%u\n", nr_suites);
	for (i = 0; i < nr_suites; i++) {
		bool ok = run_suite(suites[i]);

		failed += !ok;
		printf("%s %u %s\n", ok ? "ok" : "not ok", i + 1, suites[i]->name);
	}
	return failed;
}
