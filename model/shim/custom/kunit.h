/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KUnit, as far as the tests of dmap go: expectations, test-managed memory,
 * static stubs that do redirect; and the kernel threads that one test makes.
 * kunit_run() of machine/kunit.c runs the suites that were linked in.
 */
#ifndef _MODEL_KUNIT_H
#define _MODEL_KUNIT_H

#include <setjmp.h>

/* Stubs */

extern unsigned int kunit_nr_stubs;
void *kunit_stub(void *function);
void kunit_set_stub(void *function, void *replacement);

#define KUNIT_STATIC_STUB_REDIRECT(function, args...)			\
do {									\
	if (unlikely(kunit_nr_stubs)) {					\
		typeof(&(function)) __stub = kunit_stub(function);	\
									\
		if (__stub)						\
			return __stub(args);				\
	}								\
} while (0)
#define kunit_activate_static_stub(test, function, replacement)		\
do {									\
	typeof(&(function)) __replacement = (replacement);		\
									\
	kunit_set_stub(function, __replacement);			\
} while (0)
#define kunit_deactivate_static_stub(test, function)			\
	kunit_set_stub(function, NULL)

/* Tests */

enum kunit_status {
	KUNIT_SUCCESS,
	KUNIT_FAILURE,
	KUNIT_SKIPPED,
};

struct kunit {
	const char *name;
	void *priv;
	enum kunit_status status;
	char comment[256];
	jmp_buf end;
	struct kunit_memory *memory;
};

struct kunit_case {
	void (*run_case)(struct kunit *test);
	const char *name;
};

struct kunit_suite {
	const char *name;
	int (*suite_init)(struct kunit_suite *suite);
	void (*suite_exit)(struct kunit_suite *suite);
	int (*init)(struct kunit *test);
	void (*exit)(struct kunit *test);
	struct kunit_case *test_cases;
};

#define KUNIT_CASE(function)	{ .run_case = function, .name = #function }
#define KUNIT_CASE_SLOW(function)	KUNIT_CASE(function)

void kunit_add_suites(struct kunit_suite **suites);
#define kunit_test_suites(suites...)					\
	static void __attribute__((constructor)) kunit_add(void)	\
	{								\
		static struct kunit_suite *all[] = { suites, NULL };	\
									\
		kunit_add_suites(all);					\
	}
#define kunit_test_suite(suite)	kunit_test_suites(&(suite))

/* Run all suites, output in KTAP. Returns how many suites failed. */
int kunit_run(void);

void *kunit_kcalloc(struct kunit *test, size_t nr, size_t size, gfp_t gfp);
#define kunit_kzalloc(test, size, gfp)	kunit_kcalloc(test, 1, size, gfp)
#define kunit_kmalloc(test, size, gfp)	kunit_kcalloc(test, 1, size, gfp)

void kunit_fail(struct kunit *test, bool end, const char *file, int line,
		const char *fmt, ...) __attribute__((format(printf, 5, 6)));
#define kunit_skip(test, fmt, ...)					\
do {									\
	snprintf((test)->comment, sizeof((test)->comment), fmt, ##__VA_ARGS__);\
	(test)->status = KUNIT_SKIPPED;					\
	longjmp((test)->end, 1);					\
} while (0)
#define kunit_info(test, fmt, ...)	machine_log(fmt, ##__VA_ARGS__)

#define __KUNIT_TRUE(test, condition, end, text) do {			\
	if (!(condition))						\
		kunit_fail(test, end, __FILE__, __LINE__, "%s", text);	\
} while (0)
#define __KUNIT_COMPARE(test, a, op, b, end) do {			\
	__auto_type __a = (a);						\
	__auto_type __b = (b);						\
									\
	if (!(__a op __b))						\
		kunit_fail(test, end, __FILE__, __LINE__,		\
			   "%s %s %s: %ld, %ld", #a, #op, #b,		\
			   (long)__a, (long)__b);			\
} while (0)
#define KUNIT_EXPECT_TRUE(test, c)	__KUNIT_TRUE(test, c, false, #c)
#define KUNIT_EXPECT_FALSE(test, c)	__KUNIT_TRUE(test, !(c), false, "!" #c)
#define KUNIT_EXPECT_NULL(test, p)	__KUNIT_TRUE(test, !(p), false, "no " #p)
#define KUNIT_EXPECT_NOT_NULL(test, p)	__KUNIT_TRUE(test, p, false, #p)
#define KUNIT_EXPECT_EQ(test, a, b)	__KUNIT_COMPARE(test, a, ==, b, false)
#define KUNIT_EXPECT_NE(test, a, b)	__KUNIT_COMPARE(test, a, !=, b, false)
#define KUNIT_EXPECT_LT(test, a, b)	__KUNIT_COMPARE(test, a, <, b, false)
#define KUNIT_EXPECT_LE(test, a, b)	__KUNIT_COMPARE(test, a, <=, b, false)
#define KUNIT_EXPECT_GT(test, a, b)	__KUNIT_COMPARE(test, a, >, b, false)
#define KUNIT_EXPECT_GE(test, a, b)	__KUNIT_COMPARE(test, a, >=, b, false)
#define KUNIT_EXPECT_PTR_EQ(test, a, b)	__KUNIT_COMPARE(test, a, ==, b, false)
#define KUNIT_EXPECT_PTR_NE(test, a, b)	__KUNIT_COMPARE(test, a, !=, b, false)
#define KUNIT_ASSERT_TRUE(test, c)	__KUNIT_TRUE(test, c, true, #c)
#define KUNIT_ASSERT_FALSE(test, c)	__KUNIT_TRUE(test, !(c), true, "!" #c)
#define KUNIT_ASSERT_NULL(test, p)	__KUNIT_TRUE(test, !(p), true, "no " #p)
#define KUNIT_ASSERT_NOT_NULL(test, p)	__KUNIT_TRUE(test, p, true, #p)
#define KUNIT_ASSERT_EQ(test, a, b)	__KUNIT_COMPARE(test, a, ==, b, true)
#define KUNIT_ASSERT_NE(test, a, b)	__KUNIT_COMPARE(test, a, !=, b, true)

/*
 * Kernel threads: there is one task in a KUnit run, so a thread runs to its end
 * when it is woken. What can come between is a matter for machine_spawn().
 */
struct completion {
	bool done;
};

#define init_completion(c)		((void)((c)->done = false))
#define complete(c)			((void)((c)->done = true))
#define completion_done(c)		((c)->done)

struct task_struct *kthread_create(int (*fn)(void *arg), void *arg,
				   const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int wake_up_process(struct task_struct *task);
int kthread_stop(struct task_struct *task);
#define get_task_struct(task)		((void)(task))
#define put_task_struct(task)		((void)(task))

#endif /* _MODEL_KUNIT_H */
