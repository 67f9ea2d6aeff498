// SPDX-License-Identifier: GPL-2.0
/*
 * Does the model of concurrency see what it is there to see? Each rule is
 * broken once by toy code, and must be reported; and the same code without the
 * mistake must not be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "explore.h"
#include "task.h"

/* What a function reports, in a process of its own */

static char *reported;

void __gcov_dump(void) __attribute__((weak));

static void leave(int status)
{
	if (__gcov_dump)
		__gcov_dump();
	_exit(status);
}

static void note_report(const char *text)
{
	strncpy(reported, text, 8191);
	leave(1);
}

/* The report, "" for none, or "died". */
static const char *report_of(void (*fn)(void))
{
	int status;
	pid_t pid;

	if (!reported)
		reported = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(reported != MAP_FAILED);
	memset(reported, 0, 8192);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		machine_on_violation(note_report);
		sched_boot(4);
		fn();
		sched_shutdown();
		leave(0);
	}
	waitpid(pid, &status, 0);
	if (!reported[0] && (!WIFEXITED(status) || WEXITSTATUS(status)))
		return "died";
	return reported;
}

static void assert_reports(void (*fn)(void), const char *what)
{
	const char *text = report_of(fn);
	char line[256];

	snprintf(line, sizeof(line), "%.*s", (int)strcspn(text, "\n"), text);
	if (!strstr(line, what))
		fail_msg("expected a report of \"%s\", got \"%s\"", what, text);
}

static void assert_quiet(void (*fn)(void))
{
	assert_string_equal(report_of(fn), "");
}

/* Locks */

static DEFINE_SPINLOCK(lock_a);
static DEFINE_SPINLOCK(lock_b);
static DEFINE_MUTEX(mutex_a);
static DEFINE_MUTEX(mutex_b);
static DECLARE_RWSEM(rwsem);

static void order(bool swapped)
{
	spin_lock(&lock_a);
	spin_lock(&lock_b);
	spin_unlock(&lock_b);
	spin_unlock(&lock_a);
	spin_lock(swapped ? &lock_b : &lock_a);
	spin_lock(swapped ? &lock_a : &lock_b);
	spin_unlock(swapped ? &lock_a : &lock_b);
	spin_unlock(swapped ? &lock_b : &lock_a);
}

static void order_wrong(void) { order(true); }
static void order_right(void) { order(false); }

static void order_by_three(void)
{
	static DEFINE_MUTEX(mutex_c);
	struct mutex *chain[] = { &mutex_a, &mutex_b, &mutex_c, &mutex_a };
	int i;

	for (i = 0; i < 3; i++) {
		mutex_lock(chain[i]);
		mutex_lock(chain[i + 1]);
		mutex_unlock(chain[i + 1]);
		mutex_unlock(chain[i]);
	}
}

static void order_by_trylock(void)
{
	mutex_lock(&mutex_a);
	mutex_lock(&mutex_b);
	mutex_unlock(&mutex_b);
	mutex_unlock(&mutex_a);
	mutex_lock(&mutex_b);
	if (mutex_trylock(&mutex_a))
		mutex_unlock(&mutex_a);
	mutex_unlock(&mutex_b);
}

static void lock_two_of_a_class(void)
{
	struct { struct mutex m; } two[2];
	int i;

	for (i = 0; i < 2; i++)
		mutex_init(&two[i].m);
	mutex_lock(&two[0].m);
	mutex_lock(&two[1].m);
}

static void lock_nested_of_a_class(void)
{
	struct { struct mutex m; } two[2];
	int i;

	for (i = 0; i < 2; i++)
		mutex_init(&two[i].m);
	mutex_lock(&two[0].m);
	mutex_lock_nested(&two[1].m, 1);
	mutex_unlock(&two[0].m);
	mutex_unlock(&two[1].m);
}

static void lock_twice(void)
{
	spin_lock(&lock_a);
	spin_lock(&lock_a);
}

static void lock_uninitialised(void)
{
	struct mutex m = {};

	mutex_lock(&m);
}

static void unlock_not_held(void)
{
	spin_unlock(&lock_a);
}

static void unlock_read_of_write(void)
{
	down_write(&rwsem);
	up_read(&rwsem);
}

static void hold_lock(void *arg)
{
	mutex_lock(&mutex_a);
}

static void end_with_lock(void)
{
	machine_spawn(1, "holder", hold_lock, NULL);
	machine_run(NULL);
}

static void assert_held_wrong(void)
{
	down_read(&rwsem);
	lockdep_assert_held_write(&rwsem);
}

static void assert_held_right(void)
{
	unsigned long flags;

	down_write(&rwsem);
	lockdep_assert_held_write(&rwsem);
	up_write(&rwsem);
	lockdep_assert_not_held(&rwsem);
	spin_lock_irqsave(&lock_a, flags);
	lockdep_assert_held(&lock_a);
	lockdep_assert_irqs_disabled();
	spin_unlock_irqrestore(&lock_a, flags);
	lockdep_assert_irqs_enabled();
}

static void test_lock_rules(void **state)
{
	assert_reports(order_wrong, "locks out of order: lock_a under lock_b");
	assert_quiet(order_right);
	assert_reports(order_by_three, "locks out of order: mutex_a under mutex_c");
	assert_quiet(order_by_trylock);
	assert_reports(lock_two_of_a_class, "recursion");
	assert_quiet(lock_nested_of_a_class);
	assert_reports(lock_twice, "taken again by who has it");
	assert_reports(lock_uninitialised, "never initialised");
	assert_reports(unlock_not_held, "not held");
	assert_reports(unlock_read_of_write, "not held");
	assert_reports(end_with_lock, "holder ends with locks held");
	assert_reports(assert_held_wrong, "lockdep_assert_held_write");
	assert_quiet(assert_held_right);
}

/* Contexts */

static void sleep_in_spinlock(void)
{
	spin_lock(&lock_a);
	mutex_lock(&mutex_a);
}

static void sleep_with_irqs_off(void)
{
	local_irq_disable();
	might_sleep();
}

static void sleep_in_reader(void)
{
	rcu_read_lock();
	cond_resched();
}

static void sleep_after_all_that(void)
{
	unsigned long flags;

	spin_lock_irqsave(&lock_a, flags);
	rcu_read_lock();
	rcu_read_unlock();
	spin_unlock_irqrestore(&lock_a, flags);
	preempt_disable();
	preempt_enable();
	mutex_lock(&mutex_a);
	might_sleep();
	mutex_unlock(&mutex_a);
}

static void try_mutex(void *arg)
{
	if (mutex_trylock(&mutex_a))
		mutex_unlock(&mutex_a);
}

static void mutex_in_interrupt(void)
{
	machine_interrupt(try_mutex, NULL);
}

static void take_a(void *arg)
{
	spin_lock(&lock_a);
	spin_unlock(&lock_a);
}

static void open_and_in_interrupt(void)
{
	take_a(NULL);
	machine_interrupt(take_a, NULL);
}

static void closed_and_in_interrupt(void)
{
	unsigned long flags;

	spin_lock_irqsave(&lock_a, flags);
	spin_unlock_irqrestore(&lock_a, flags);
	machine_interrupt(take_a, NULL);
}

/* A handler waits for a; who has a waits for b; b's owner is interrupted. */
static void open_under_closed(void)
{
	unsigned long flags;

	machine_interrupt(take_a, NULL);
	spin_lock(&lock_b);
	spin_unlock(&lock_b);
	spin_lock_irqsave(&lock_a, flags);
	spin_lock(&lock_b);
	spin_unlock(&lock_b);
	spin_unlock_irqrestore(&lock_a, flags);
}

static void irqs_on_in_handler(void *arg)
{
	local_irq_enable();
}

static void irqs_on_in_interrupt(void)
{
	machine_interrupt(irqs_on_in_handler, NULL);
}

static void irqs_on_under_closed(void)
{
	machine_interrupt(take_a, NULL);
	spin_lock_irq(&lock_a);
	local_irq_enable();
}

static void cpu_of_preemptible(void)
{
	(void)smp_processor_id();
}

static void softirq(struct rcu_head *head)
{
	if (spin_trylock(&lock_b))	/* nobody waits: no rule */
		spin_unlock(&lock_b);
	spin_lock(&lock_a);
	spin_unlock(&lock_a);
}

/* A softirq takes the lock; so others must keep softirqs out, no more. */
static void softirq_lock(bool closed)
{
	static struct rcu_head head;
	unsigned long flags;

	call_rcu(&head, softirq);
	machine_pass_time(0);
	if (closed)
		spin_lock_bh(&lock_a);
	else
		spin_lock(&lock_a);
	if (closed)
		spin_unlock_bh(&lock_a);
	spin_lock(&lock_b);
	if (spin_trylock_irqsave(&lock_b, flags))
		spin_unlock_irqrestore(&lock_b, flags);
	spin_unlock(&lock_b);
	if (spin_trylock_irqsave(&lock_b, flags)) {
		lockdep_assert_irqs_disabled();
		spin_unlock_irqrestore(&lock_b, flags);
	}
	might_sleep();
}

static void softirq_wrong(void) { softirq_lock(false); }
static void softirq_right(void) { softirq_lock(true); }

static void cpus(void)
{
	machine_set_cpu(3);
	preempt_disable();
	if (smp_processor_id() != 3 || machine_cpu() != 3)
		machine_violation("not as expected");
	preempt_enable();
	machine_set_cpu(4);
}

static void run_with_lock(void)
{
	mutex_lock(&mutex_a);
	machine_run(NULL);
}

static void reader_leaves_twice(void)
{
	rcu_read_lock();
	rcu_read_unlock();
	rcu_read_unlock();
}

static void preempt_enable_twice(void)
{
	preempt_disable();
	preempt_enable();
	preempt_enable();
}

static void reclaim(bool outside)
{
	mutex_lock(&mutex_a);
	if (outside)
		mutex_unlock(&mutex_a);
	lock_reclaim_enter(0);	/* as an allocation does that may reclaim */
	lock_reclaim_exit();
	if (!outside)
		mutex_unlock(&mutex_a);
	lock_reclaim_enter(0);
	mutex_lock(&mutex_a);	/* as a shrinker does */
	lock_reclaim_enter(0);	/* which allocates */
	lock_reclaim_exit();
	mutex_unlock(&mutex_a);
	lock_reclaim_exit();
}

static void reclaim_wrong(void) { reclaim(false); }
static void reclaim_right(void) { reclaim(true); }

static void reclaim_atomic(void)
{
	spin_lock(&lock_a);
	lock_reclaim_enter(0);
}

static void unmodelled(void)
{
	machine_unmodelled("a toy");
}

static void test_context_rules(void **state)
{
	assert_reports(sleep_in_spinlock, "sleep with preemption disabled or a spinlock held");
	assert_reports(sleep_with_irqs_off, "sleep with interrupts disabled");
	assert_reports(sleep_in_reader, "sleep in an RCU read section");
	assert_quiet(sleep_after_all_that);
	assert_reports(mutex_in_interrupt, "mutex in an interrupt");
	assert_reports(open_and_in_interrupt, "an interrupt can wait for ever");
	assert_quiet(closed_and_in_interrupt);
	assert_reports(open_under_closed, "an interrupt can wait for ever");
	assert_reports(irqs_on_in_interrupt, "interrupts enabled in a handler");
	assert_reports(irqs_on_under_closed, "an interrupt can wait for ever");
	assert_reports(cpu_of_preemptible, "smp_processor_id()");
	assert_reports(preempt_enable_twice, "more is enabled");
	assert_reports(softirq_wrong, "an interrupt can wait for ever: lock_a is taken in a softirq");
	assert_quiet(softirq_right);
	assert_reports(cpus, "machine_set_cpu(4) here");
	assert_reports(run_with_lock, "machine_run() with locks held");
	assert_reports(reader_leaves_twice, "not begun");
	assert_reports(reclaim_wrong, "locks out of order");
	assert_quiet(reclaim_right);
	assert_reports(reclaim_atomic, "sleep with");
	assert_reports(unmodelled, "not modelled: a toy");
}

static void report_contents(void)
{
	machine_operation("alloc", 5);
	machine_operation("free", 6);
	mutex_lock(&mutex_a);
	spin_lock(&lock_a);
	might_sleep();
}

/* Who, in which operation, with which locks from where, after what. */
static void test_report_says_it_all(void **state)
{
	const char *text = report_of(report_contents);

	assert_non_null(strstr(text, "main on CPU 0, in free(6), holding:"));
	assert_non_null(strstr(text, "mutex_a: mutex_lock(&mutex_a)"));
	assert_non_null(strstr(text, "lock_a: spin_lock(&lock_a)"));
	assert_non_null(strstr(text, "selftest-sched.c:"));
	assert_non_null(strstr(text, "alloc(5)"));
}

/* Time, sequential */

static unsigned int work_done;

static void count_work(struct work_struct *work)
{
	work_done++;
}

static void work_under_a(struct work_struct *work)
{
	mutex_lock(&mutex_a);
	mutex_unlock(&mutex_a);
}

static void work_keeps_lock(struct work_struct *work)
{
	mutex_lock(&mutex_a);
}

static DECLARE_DELAYED_WORK(counter, count_work);
static DECLARE_DELAYED_WORK(locker, work_under_a);
static DECLARE_DELAYED_WORK(keeper, work_keeps_lock);

static void expect(bool ok)
{
	if (!ok)
		machine_violation("not as expected");
}

static void delayed_work(void)
{
	unsigned long start = jiffies;

	expect(queue_delayed_work(system_unbound_wq, &counter, HZ));
	expect(!queue_delayed_work(system_unbound_wq, &counter, 0));
	machine_pass_time(HZ - 1);
	expect(!work_done && delayed_work_pending(&counter));
	machine_pass_time(1);
	expect(work_done == 1 && jiffies == start + HZ);

	queue_delayed_work(system_unbound_wq, &counter, HZ);
	expect(mod_delayed_work(system_unbound_wq, &counter, 0));
	machine_pass_time(0);
	expect(work_done == 2);

	queue_delayed_work(system_unbound_wq, &counter, HZ);
	expect(cancel_delayed_work_sync(&counter));
	machine_settle();
	expect(work_done == 2);

	queue_delayed_work(system_unbound_wq, &counter, HZ);
	expect(flush_delayed_work(&counter));
	expect(work_done == 3);
	queue_delayed_work(system_unbound_wq, &counter, 3 * HZ);
	machine_settle();
	expect(work_done == 4);
}

static void work_left(void)
{
	queue_delayed_work(system_unbound_wq, &counter, HZ);
}

static void flush_with_its_lock(void)
{
	queue_delayed_work(system_unbound_wq, &locker, 0);
	machine_settle();
	mutex_lock(&mutex_a);
	cancel_delayed_work_sync(&locker);
	mutex_unlock(&mutex_a);
}

static void flush_without_its_lock(void)
{
	queue_delayed_work(system_unbound_wq, &locker, 0);
	machine_settle();
	cancel_delayed_work_sync(&locker);
}

static void work_leaves_lock(void)
{
	queue_delayed_work(system_unbound_wq, &keeper, 0);
	machine_settle();
}

static struct object {
	struct rcu_head head;
	bool freed;
	int value;
} object;

static void object_free(struct rcu_head *head)
{
	expect(in_serving_softirq());
	container_of(head, struct object, head)->freed = true;
}

static void rcu_sequential(void)
{
	call_rcu(&object.head, object_free);
	expect(!object.freed);
	machine_pass_time(0);
	expect(object.freed);
	object.freed = false;
	call_rcu(&object.head, object_free);
	rcu_barrier();
	expect(object.freed);
}

static unsigned int callbacks_run;

static void count_callback(struct rcu_head *head)
{
	callbacks_run++;
	free(head);
}

/* Without end and without time passing they would fill memory. */
static void rcu_many(void)
{
	unsigned int i;

	for (i = 0; i < 10000; i++)
		call_rcu((struct rcu_head *)malloc(sizeof(struct rcu_head)),
			 count_callback);
	expect(callbacks_run > 5000);
	spin_lock(&lock_a);
	callbacks_run = 0;
	for (i = 0; i < 10000; i++)
		call_rcu((struct rcu_head *)malloc(sizeof(struct rcu_head)),
			 count_callback);
	expect(!callbacks_run);
	spin_unlock(&lock_a);
	machine_settle();
	expect(callbacks_run >= 10000);
}

static void rcu_left(void)
{
	call_rcu(&object.head, object_free);
}

static void rcu_no_reader(void)
{
	static int *pointer;

	(void)rcu_dereference(pointer);
}

static unsigned int interrupts_taken;

static void count_interrupt(void *arg)
{
	expect(in_hardirq() && irqs_disabled() && !in_task());
	expect(raw_smp_processor_id() == (unsigned long)arg);
	interrupts_taken++;
}

static void interrupts_sequential(void)
{
	unsigned long flags;

	local_irq_save(flags);
	machine_post_interrupt(0, count_interrupt, (void *)0UL);
	machine_interrupt(count_interrupt, (void *)0UL);
	machine_point("toy");
	expect(!interrupts_taken);
	local_irq_restore(flags);
	expect(interrupts_taken == 2);
	machine_post_interrupt(3, count_interrupt, (void *)3UL);
	machine_point("toy");
	expect(interrupts_taken == 2);
	machine_pass_time(0);
	expect(interrupts_taken == 3 && machine_cpu() == 0);
}

static void hotplug_sequential(void)
{
	expect(cpus_read_trylock());
	lockdep_assert_cpus_held();
	cpus_read_unlock();
	machine_hotplug_begin();
	expect(!cpus_read_trylock());
	machine_hotplug_end();
}

static void test_time(void **state)
{
	assert_quiet(delayed_work);
	assert_reports(work_left, "work that is still pending: counter");
	assert_reports(flush_with_its_lock, "locks out of order");
	assert_quiet(flush_without_its_lock);
	assert_reports(work_leaves_lock, "work ends with locks held");
	assert_quiet(rcu_sequential);
	assert_quiet(rcu_many);
	assert_reports(rcu_left, "callback that was never run");
	assert_reports(rcu_no_reader, "RCU pointer without protection");
	assert_quiet(interrupts_sequential);
	assert_quiet(hotplug_sequential);
}

#ifndef MODEL_THREADS

/* Interleaved: toy scenarios, each with the mistake and without */

static bool mistake;
static int shared_count;
static bool flag, inside;

static void run_tasks(const struct machine_schedule *schedule,
		      machine_task one, machine_task two, unsigned int cpu_two)
{
	machine_spawn(0, "one", one, NULL);
	machine_spawn(cpu_two, "two", two, NULL);
	machine_run(schedule);
}

static void add_one(void *arg)
{
	unsigned int i;
	int seen;

	for (i = 0; i < 20; i++) {
		machine_operation("add", i);
		if (!mistake)
			spin_lock(&lock_a);
		seen = READ_ONCE(shared_count);
		WRITE_ONCE(shared_count, seen + 1);
		if (!mistake)
			spin_unlock(&lock_a);
	}
}

static void lost_update(uint64_t seed, const struct machine_schedule *schedule)
{
	sched_boot(2);
	shared_count = 0;
	run_tasks(schedule, add_one, add_one, 1);
	if (shared_count != 40)
		machine_violation("lost update: %d", shared_count);
	sched_shutdown();
}

/* Classes say nothing: both are nested in the same way. */
static struct mutex instance[2];

static void lock_instances(unsigned int first)
{
	mutex_lock(&instance[first]);
	mutex_lock_nested(&instance[!first], 1);
	mutex_unlock(&instance[!first]);
	mutex_unlock(&instance[first]);
}

static void instances_01(void *arg) { lock_instances(0); }
static void instances_10(void *arg) { lock_instances(mistake); }

static void real_deadlock(uint64_t seed, const struct machine_schedule *schedule)
{
	unsigned int i;

	sched_boot(2);
	for (i = 0; i < 2; i++)
		mutex_init(&instance[i]);
	run_tasks(schedule, instances_01, instances_10, 1);
	sched_shutdown();
}

static void order_ab(void *arg)
{
	spin_lock(&lock_a);
	spin_lock(&lock_b);
	spin_unlock(&lock_b);
	spin_unlock(&lock_a);
}

static void order_ba(void *arg)
{
	order(mistake);
}

static void order_scenario(uint64_t seed, const struct machine_schedule *schedule)
{
	sched_boot(2);
	run_tasks(schedule, order_ab, order_ba, 1);
	sched_shutdown();
}

/* RCU: the object that a reader sees is not freed while it looks. */
static struct object objects[2], *published;

static void rcu_reader(void *arg)
{
	struct object *seen;

	rcu_read_lock();
	seen = rcu_dereference(published);
	machine_point("reader");
	machine_point("reader");
	if (seen->freed)
		machine_violation("use after free");
	rcu_read_unlock();
}

static void rcu_writer(void *arg)
{
	struct object *old = published;

	rcu_assign_pointer(published, &objects[1]);
	if (mistake) {
		machine_point("writer");
		old->freed = true;
	} else {
		call_rcu(&old->head, object_free);
	}
}

static void rcu_scenario(uint64_t seed, const struct machine_schedule *schedule)
{
	sched_boot(2);
	memset(objects, 0, sizeof(objects));
	published = &objects[0];
	run_tasks(schedule, rcu_reader, rcu_writer, 1);
	machine_settle();
	if (!objects[0].freed)
		machine_violation("never freed");
	sched_shutdown();
}

/* The same with preemption off instead of a read section. */
static void preempt_reader(void *arg)
{
	struct object *seen;

	preempt_disable();
	seen = READ_ONCE(published);
	machine_point("reader");
	if (seen->freed)
		machine_violation("use after free");
	preempt_enable();
}

static void sync_writer(void *arg)
{
	struct object *old = published;

	rcu_assign_pointer(published, &objects[1]);
	if (!mistake)
		synchronize_rcu();
	old->freed = true;
}

static void rcu_sync_scenario(uint64_t seed,
			      const struct machine_schedule *schedule)
{
	sched_boot(2);
	memset(objects, 0, sizeof(objects));
	published = &objects[0];
	run_tasks(schedule, preempt_reader, sync_writer, 1);
	machine_settle();
	sched_shutdown();
}

/* The work is over when cancel_delayed_work_sync() returns. */
static void slow_work(struct work_struct *work)
{
	WRITE_ONCE(inside, true);
	machine_point("work");
	WRITE_ONCE(inside, false);
}

static DECLARE_DELAYED_WORK(slow, slow_work);

static void canceller(void *arg)
{
	queue_delayed_work(system_unbound_wq, &slow, arg ? 10 : 0);
	machine_point("queued");
	if (mistake)
		cancel_delayed_work(&slow);
	else
		cancel_delayed_work_sync(&slow);
	if (READ_ONCE(inside))
		machine_violation("work goes on after it was cancelled");
}

static void idle(void *arg)
{
	machine_point("idle");
}

static void cancel_scenario(uint64_t seed,
			    const struct machine_schedule *schedule)
{
	sched_boot(2);
	inside = false;
	machine_spawn(0, "one", canceller, (void *)(seed & 1));
	machine_spawn(1, "two", idle, NULL);
	machine_run(schedule);
	machine_settle();
	sched_shutdown();
}

/* Delayed work is not early, and time jumps when nobody else can go on. */
static unsigned long work_time;

static void note_time(struct work_struct *work)
{
	work_time = jiffies;
}

static DECLARE_DELAYED_WORK(timed, note_time);

static void sleeper(void *arg)
{
	unsigned long start = jiffies;

	queue_delayed_work(system_unbound_wq, &timed, 100);
	schedule_timeout(200);
	if (time_before(jiffies, start + 200) || !work_time ||
	    time_before(work_time, start + (mistake ? 300 : 100)))
		machine_violation("early");
}

static void sleep_scenario(uint64_t seed,
			   const struct machine_schedule *schedule)
{
	sched_boot(1);
	work_time = 0;
	machine_spawn(0, "one", sleeper, NULL);
	machine_run(schedule);
	machine_settle();
	sched_shutdown();
}

/* A task that cannot be preempted has its CPU for itself. */
static void on_one_cpu(void *arg)
{
	int seen;

	if (!mistake)
		preempt_disable();
	seen = READ_ONCE(shared_count);
	WRITE_ONCE(shared_count, seen + 1);
	if (!mistake)
		preempt_enable();
}

static void preempt_scenario(uint64_t seed,
			     const struct machine_schedule *schedule)
{
	sched_boot(2);
	shared_count = 0;
	run_tasks(schedule, on_one_cpu, on_one_cpu, 0);
	if (shared_count != 2)
		machine_violation("lost update");
	sched_shutdown();
}

/* Interrupts come where they are enabled, and nowhere else. */
static void interrupt_adds(void *arg)
{
	if (!in_hardirq() || machine_cpu() != 0)
		machine_violation("not an interrupt");
	WRITE_ONCE(shared_count, shared_count + 1);
}

static void interrupted(void *arg)
{
	unsigned long flags = 0;
	int seen;

	machine_post_interrupt(0, interrupt_adds, NULL);
	if (!mistake)
		local_irq_save(flags);
	else
		preempt_disable();	/* is not enough */
	seen = READ_ONCE(shared_count);
	WRITE_ONCE(shared_count, seen + 1);
	if (!mistake)
		local_irq_restore(flags);
	else
		preempt_enable();
}

static void interrupt_scenario(uint64_t seed,
			       const struct machine_schedule *schedule)
{
	sched_boot(2);
	shared_count = 0;
	machine_spawn(0, "one", interrupted, NULL);
	machine_run(schedule);
	if (shared_count != 2)
		machine_violation("lost update: %d", shared_count);
	sched_shutdown();
}

/* Two readers at a time, a writer alone. */
static void reading(void *arg)
{
	down_read(&rwsem);
	machine_point("reading");
	if (READ_ONCE(inside))
		machine_violation("reader and writer");
	up_read(&rwsem);
}

static void writing(void *arg)
{
	if (mistake)
		down_read(&rwsem);
	else
		down_write(&rwsem);
	WRITE_ONCE(inside, true);
	machine_point("writing");
	WRITE_ONCE(inside, false);
	if (mistake)
		up_read(&rwsem);
	else
		up_write(&rwsem);
}

static void rwsem_scenario(uint64_t seed,
			   const struct machine_schedule *schedule)
{
	sched_boot(3);
	inside = false;
	machine_spawn(0, "reader", reading, NULL);
	machine_spawn(1, "reader", reading, NULL);
	machine_spawn(2, "writer", writing, NULL);
	machine_run(schedule);
	sched_shutdown();
}

/* Three at one lock: who is woken finds it taken again. */
static bool by_mutex;

static void alone(void *arg)
{
	if (by_mutex)
		mutex_lock(&mutex_a);
	else
		spin_lock(&lock_a);
	if (READ_ONCE(inside))
		machine_violation("two at a time");
	WRITE_ONCE(inside, true);
	if (mistake && by_mutex)
		mutex_unlock(&mutex_a);
	else if (mistake)
		spin_unlock(&lock_a);
	machine_point("alone");
	WRITE_ONCE(inside, false);
	if (!mistake && by_mutex)
		mutex_unlock(&mutex_a);
	else if (!mistake)
		spin_unlock(&lock_a);
}

static void three_scenario(uint64_t seed,
			   const struct machine_schedule *schedule)
{
	unsigned int i;

	sched_boot(3);
	inside = false;
	by_mutex = seed & 1;
	for (i = 0; i < 3; i++)
		machine_spawn(i, "alone", alone, NULL);
	machine_run(schedule);
	sched_shutdown();
}

/* Who waits in a loop lets others go on; what never comes is a livelock. */
static void spinner(void *arg)
{
	while (!READ_ONCE(flag))
		cpu_relax();
}

static void setter(void *arg)
{
	if (!mistake)
		WRITE_ONCE(flag, true);
}

static void spin_scenario(uint64_t seed,
			  const struct machine_schedule *schedule)
{
	sched_boot(2);
	machine_max_points = 20000;
	flag = false;
	run_tasks(schedule, spinner, setter, 1);
	machine_max_points = 1UL << 20;
	sched_shutdown();
}

/* CPU hotplug keeps readers out while it lasts. */
static void plugging(void *arg)
{
	machine_hotplug_begin();
	WRITE_ONCE(inside, true);
	machine_point("hotplug");
	WRITE_ONCE(inside, false);
	machine_hotplug_end();
}

static void trying(void *arg)
{
	bool got = cpus_read_trylock();

	machine_point("trying");
	if ((got || mistake) && READ_ONCE(inside))
		machine_violation("in the middle of hotplug");
	if (got)
		cpus_read_unlock();
}

static void hotplug_scenario(uint64_t seed,
			     const struct machine_schedule *schedule)
{
	sched_boot(2);
	inside = false;
	run_tasks(schedule, plugging, trying, 1);
	sched_shutdown();
}

/* A crash is a find like others. */
static void crashing(void *arg)
{
	bool before = READ_ONCE(flag);

	machine_point("between");
	if (mistake && before != READ_ONCE(flag))
		raise(SIGKILL);
}

static void flagging(void *arg)
{
	WRITE_ONCE(flag, true);
}

static void crash_scenario(uint64_t seed,
			   const struct machine_schedule *schedule)
{
	sched_boot(2);
	flag = false;
	run_tasks(schedule, crashing, flagging, 1);
	sched_shutdown();
}

#ifdef MODEL_ACCESS

/* What the compiler makes of shared_count++. */
void __tsan_read4(void *addr);
void __tsan_write4(void *addr);

static void torn(void *arg)
{
	int seen;

	if (!mistake)
		spin_lock(&lock_a);
	__tsan_read4(&shared_count);
	seen = shared_count;
	__tsan_write4(&shared_count);
	shared_count = seen + 1;
	if (!mistake)
		spin_unlock(&lock_a);
}

static void access_scenario(uint64_t seed,
			    const struct machine_schedule *schedule)
{
	sched_boot(2);
	shared_count = 0;
	run_tasks(schedule, torn, torn, 1);
	if (shared_count != 2)
		machine_violation("lost update");
	sched_shutdown();
}

#endif

/* Of 40 operations two matter. */
static void some_ops(void *arg)
{
	unsigned int op, seen;

	for (op = (long)arg; op < 40; op += 2) {
		if (explore_skips(op))
			continue;
		machine_operation("op", op);
		if (op != 12 && op != 27) {
			machine_point("harmless");
			continue;
		}
		if (!mistake)
			spin_lock(&lock_a);
		seen = READ_ONCE(shared_count);
		WRITE_ONCE(shared_count, seen + 1);
		if (!mistake)
			spin_unlock(&lock_a);
		WRITE_ONCE(flag, true);
	}
}

static void ops_scenario(uint64_t seed, const struct machine_schedule *schedule)
{
	int expected = !explore_skips(12) + !explore_skips(27);

	sched_boot(2);
	shared_count = 0;
	machine_spawn(0, "even", some_ops, (void *)0);
	machine_spawn(1, "odd", some_ops, (void *)1);
	machine_run(schedule);
	if (shared_count != expected)
		machine_violation("lost update");
	sched_shutdown();
}

static struct explore_result result;

static void assert_explored(const struct explore_scenario *scenario,
			    const char *what, size_t max_switches)
{
	struct explore_options options = explore_defaults;

	options.save = NULL;
	options.quiet = true;
	options.seconds = 20;
	mistake = true;
	explore(scenario, &options, &result);
	if (!result.found)
		fail_msg("%s: not found in %lu runs", scenario->name,
			 result.runs);
	if (strncmp(result.text, what, strlen(what)) || !result.repeats ||
	    result.nr_switches > max_switches)
		fail_msg("%s: %zu switches, repeats %d\n%s%s", scenario->name,
			 result.nr_switches, result.repeats, result.trace,
			 result.text);

	options.seconds = 0;
	options.runs = 2000;
	mistake = false;
	explore(scenario, &options, &result);
	if (result.found)
		fail_msg("%s without the mistake:\n%s%s", scenario->name,
			 result.trace, result.text);
	assert_int_equal(result.runs, options.runs);
}

#define SCENARIO(function)	\
	(&(struct explore_scenario){ .name = #function, .run = function })

static void test_lost_update_is_found(void **state)
{
	assert_explored(SCENARIO(lost_update), "violation: lost update", 2);
}

static void test_deadlock_is_found(void **state)
{
	assert_explored(SCENARIO(real_deadlock), "violation: deadlock", 2);
}

static void test_order_is_found_without_a_switch(void **state)
{
	assert_explored(SCENARIO(order_scenario), "violation: locks out of order", 0);
}

static void test_grace_period_waits_for_readers(void **state)
{
	assert_explored(SCENARIO(rcu_scenario), "violation: use after free", 2);
	assert_explored(SCENARIO(rcu_sync_scenario), "violation: use after free", 2);
}

static void test_cancel_sync_waits(void **state)
{
	assert_explored(SCENARIO(cancel_scenario), "violation: work goes on", 4);
}

static void test_delayed_work_is_not_early(void **state)
{
	assert_explored(SCENARIO(sleep_scenario), "violation: early", 0);
}

static void test_preemption(void **state)
{
	assert_explored(SCENARIO(preempt_scenario), "violation: lost update", 2);
}

static void test_interrupts(void **state)
{
	assert_explored(SCENARIO(interrupt_scenario), "violation: lost update", 1);
}

static void test_rwsem_excludes(void **state)
{
	assert_explored(SCENARIO(rwsem_scenario), "violation: reader and writer", 3);
}

static void test_locks_exclude(void **state)
{
	assert_explored(SCENARIO(three_scenario), "violation: two at a time", 2);
}

static void test_livelock_is_found(void **state)
{
	assert_explored(SCENARIO(spin_scenario), "violation: livelock", 0);
}

static void test_hotplug_excludes(void **state)
{
	assert_explored(SCENARIO(hotplug_scenario), "violation: in the middle", 3);
}

static void test_crash_is_found(void **state)
{
	assert_explored(SCENARIO(crash_scenario), "crash: signal 9", 2);
}

#ifdef MODEL_ACCESS
static void test_accesses_are_points(void **state)
{
	assert_explored(SCENARIO(access_scenario), "violation: lost update", 2);
}
#endif

static void test_operations_are_left_out(void **state)
{
	struct explore_scenario scenario = {
		.name = "ops", .run = ops_scenario, .nr_ops = 40,
	};
	struct explore_options options = explore_defaults;

	options.save = NULL;
	options.quiet = true;
	mistake = true;
	assert_true(explore(&scenario, &options, &result));
	assert_true(result.repeats);
	assert_int_equal(result.nr_skipped, 38);
	assert_in_range(result.nr_switches, 1, 2);
}

/* What was saved happens again; a file that is none is told from it. */
static void test_saved_schedule_replays(void **state)
{
	struct explore_scenario scenario = {
		.name = "lost_update", .run = lost_update,
	};
	struct explore_options options = explore_defaults;
	char dir[] = "/tmp/selftest-sched-XXXXXX", bad[64];
	FILE *f;

	assert_non_null(mkdtemp(dir));
	options.save = dir;
	options.quiet = true;
	mistake = true;
	assert_true(explore(&scenario, &options, &result));
	fflush(stdout);
	assert_int_equal(explore_replay(&scenario, 1, result.file, true), 1);
	mistake = false;
	assert_int_equal(explore_replay(&scenario, 1, result.file, true), 0);
	snprintf(bad, sizeof(bad), "%s/bad", dir);
	f = fopen(bad, "w");
	assert_non_null(f);
	fputs("switch 1\n", f);
	fclose(f);
	assert_int_equal(explore_replay(&scenario, 1, bad, true), 2);
	unlink(bad);
	unlink(result.file);
	rmdir(dir);
}

/* All that there is, at once; what happened is noted in a hash. */
static uint64_t story;

static void note(unsigned int what)
{
	story = (story ^ (what << 8 | machine_cpu())) * 0x100000001b3UL;
	story += jiffies;
}

static void noted_work(struct work_struct *work)
{
	note(1);
	mutex_lock(&mutex_b);
	schedule_timeout(3);
	mutex_unlock(&mutex_b);
	note(2);
}

static void again_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(noted, noted_work);
static DECLARE_DELAYED_WORK(again, again_work);
static unsigned int agains;

static void again_work(struct work_struct *work)
{
	note(3);
	synchronize_rcu();
	if (agains && agains--)
		queue_delayed_work(system_unbound_wq, &again, agains % 3);
}

static void noted_interrupt(void *arg)
{
	unsigned long flags;

	note(4);
	spin_lock_irqsave(&lock_b, flags);
	spin_unlock_irqrestore(&lock_b, flags);
	queue_delayed_work(system_unbound_wq, &noted, (long)arg);
}

static void noted_callback(struct rcu_head *head)
{
	note(5);
	spin_lock_bh(&lock_a);
	spin_unlock_bh(&lock_a);
	free(head);
}

static void busy(void *arg)
{
	unsigned long flags;
	unsigned int i;

	for (i = 0; i < 12; i++) {
		machine_operation("busy", i);
		note(6 + i);
		switch ((i + (long)arg) % 6) {
		case 0:
			machine_post_interrupt(i % 3, noted_interrupt,
					       (void *)(long)(i % 4));
			break;
		case 1:
			spin_lock_bh(&lock_a);
			spin_lock_irqsave(&lock_b, flags);
			spin_unlock_irqrestore(&lock_b, flags);
			spin_unlock_bh(&lock_a);
			break;
		case 2:
			rcu_read_lock();
			machine_point("reader");
			rcu_read_unlock();
			call_rcu((struct rcu_head *)malloc(sizeof(struct rcu_head)),
				 noted_callback);
			break;
		case 3:
			mutex_lock(&mutex_b);
			cond_resched();
			mutex_unlock(&mutex_b);
			agains = 4;
			queue_delayed_work(system_unbound_wq, &again, 1);
			break;
		case 4:
			if (i % 2)
				synchronize_rcu();
			else
				flush_delayed_work(&noted);
			break;
		case 5:
			cancel_delayed_work_sync(&again);
			machine_pass_time(2);
			break;
		}
	}
	note(99);
}

static void everything(uint64_t seed, const struct machine_schedule *schedule)
{
	unsigned long i;

	sched_boot(3);
	lock_forget();
	story = seed;
	for (i = 0; i < 4; i++)
		machine_spawn(i % 3, "busy", busy, (void *)i);
	machine_run(schedule);
	agains = 0;
	machine_settle();
	sched_shutdown();
}

static void assert_same_again(uint64_t seed, struct machine_schedule *schedule,
			      const struct machine_switch *first, size_t nr_first,
			      unsigned long points, uint64_t story_first)
{
	const struct machine_switch *list;
	size_t nr;

	everything(seed, schedule);
	list = machine_switches(&nr);
	assert_int_equal(nr, nr_first);
	assert_memory_equal(first, list, nr * sizeof(*list));
	assert_int_equal(machine_points(), points);
	assert_int_equal(story, story_first);
}

/* The seed alone says what happens, and so does the list of switches. */
static void test_seed_repeats(void **state)
{
	static struct machine_switch first[65536];
	const struct machine_switch *list;
	unsigned long points;
	uint64_t seed, was, differ = 0, last = 0;
	size_t nr;

	for (seed = 0; seed < 1000; seed++) {
		struct machine_schedule schedule = { .seed = seed };

		everything(0, &schedule);
		list = machine_switches(&nr);
		points = machine_points();
		memcpy(first, list, nr * sizeof(*list));
		was = story;
		assert_same_again(0, &schedule, first, nr, points, was);

		schedule.seed = 0;
		schedule.replay = first;
		schedule.nr_replay = nr;
		assert_same_again(0, &schedule, first, nr, points, was);
		differ += was != last;
		last = was;
	}
	/* And seeds make a difference. */
	assert_in_range(differ, 900, 1000);
}

static void test_everything_is_allowed(void **state)
{
	struct explore_scenario scenario = {
		.name = "everything", .run = everything,
	};
	struct explore_options options = explore_defaults;

	options.save = NULL;
	options.quiet = true;
	options.seconds = 0;
	options.runs = 2000;
	explore(&scenario, &options, &result);
	if (result.found)
		fail_msg("%s%s", result.trace, result.text);
}

#else

/* Threads: nothing to be found, and the thread sanitizer agrees. */

#define NR_THREADS	4

static int shared_count;
static struct object *published;

static void thread_work(struct work_struct *work)
{
	spin_lock(&lock_a);
	shared_count++;
	spin_unlock(&lock_a);
}

static DECLARE_DELAYED_WORK(thread_dwork, thread_work);

static void thread_object_free(struct rcu_head *head)
{
	free(container_of(head, struct object, head));
}

static void thread_interrupt(void *arg)
{
	spin_lock(&lock_b);
	spin_unlock(&lock_b);
}

static void thread_task(void *arg)
{
	unsigned int i;

	for (i = 0; i < 500; i++) {
		struct object *new = calloc(1, sizeof(*new)), *seen;

		new->value = i;
		queue_delayed_work(system_unbound_wq, &thread_dwork, 1);
		rcu_read_lock();
		seen = rcu_dereference(published);
		if (seen && seen->value > 500)
			machine_violation("not as expected");
		rcu_read_unlock();
		mutex_lock(&mutex_a);
		seen = published;
		rcu_assign_pointer(published, new);
		mutex_unlock(&mutex_a);
		if (seen)
			call_rcu(&seen->head, thread_object_free);
		spin_lock(&lock_a);
		shared_count++;
		spin_unlock(&lock_a);
		machine_post_interrupt((machine_cpu() + 1) % NR_THREADS,
				       thread_interrupt, NULL);
		if (i % 100 == 99)
			cancel_delayed_work_sync(&thread_dwork);
		down_read(&rwsem);
		up_read(&rwsem);
	}
	down_write(&rwsem);
	up_write(&rwsem);
	synchronize_rcu();
}

static void threads(void)
{
	unsigned int i;

	for (i = 0; i < NR_THREADS; i++)
		machine_spawn(i, "thread", thread_task, NULL);
	machine_run(&(struct machine_schedule){ .seed = 1 });
	machine_settle();
	free(published);
	if (shared_count < NR_THREADS * 500)
		machine_violation("lost update");
}

static void racy_task(void *arg)
{
	unsigned int i;

	for (i = 0; i < 100; i++) {
		shared_count++;
		machine_point("racy");
	}
}

static void racy_threads(void)
{
	/* The report is expected, and long. */
	if (!freopen("/dev/null", "w", stderr))
		abort();
	machine_spawn(0, "thread", racy_task, NULL);
	machine_spawn(1, "thread", racy_task, NULL);
	machine_run(&(struct machine_schedule){ .seed = 1 });
}

static void test_threads(void **state)
{
	assert_quiet(threads);
#ifdef __SANITIZE_THREAD__
	assert_string_equal(report_of(racy_threads), "died");
#else
	(void)racy_threads;
#endif
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lock_rules),
		cmocka_unit_test(test_context_rules),
		cmocka_unit_test(test_report_says_it_all),
		cmocka_unit_test(test_time),
#ifndef MODEL_THREADS
		cmocka_unit_test(test_everything_is_allowed),
		cmocka_unit_test(test_seed_repeats),
		cmocka_unit_test(test_lost_update_is_found),
		cmocka_unit_test(test_deadlock_is_found),
		cmocka_unit_test(test_order_is_found_without_a_switch),
		cmocka_unit_test(test_grace_period_waits_for_readers),
		cmocka_unit_test(test_cancel_sync_waits),
		cmocka_unit_test(test_delayed_work_is_not_early),
		cmocka_unit_test(test_preemption),
		cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_rwsem_excludes),
		cmocka_unit_test(test_locks_exclude),
		cmocka_unit_test(test_livelock_is_found),
		cmocka_unit_test(test_hotplug_excludes),
		cmocka_unit_test(test_crash_is_found),
#ifdef MODEL_ACCESS
		cmocka_unit_test(test_accesses_are_points),
#endif
		cmocka_unit_test(test_operations_are_left_out),
		cmocka_unit_test(test_saved_schedule_replays),
#else
		cmocka_unit_test(test_threads),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
