// SPDX-License-Identifier: GPL-2.0
/*
 * Tasks as threads, for the thread sanitizer: the same interface as sched.c,
 * without its guarantees. Who goes on is the host's business; nothing can be
 * replayed, and a schedule only gives a seed for who steps aside.
 *
 * Every thread stands for a CPU by itself, wherever machine_spawn() puts it:
 * preemption and interrupts that are off keep nobody else from running. Give
 * each task its own CPU.
 */
#include "task.h"

#ifdef MODEL_THREADS

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TICK_US		500	/* time passes by HZ / 10 in so long */
#define STEP_ASIDE	64	/* one point in so many */

/* Of sched.c's, but not of threads. */
int machine_interleaved;
unsigned int sched_waiting = 1;
unsigned long machine_max_points;
void (*machine_on_switch)(const struct machine_switch *sw, const char *what,
			  bool must, const char *operation,
			  unsigned long argument);

static pthread_mutex_t model_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t model_cond = PTHREAD_COND_INITIALIZER;

static bool running, stopping;
static u64 run_seed;
static __thread u64 thread_random;
static __thread bool in_thread;

void model_lock(void)
{
	pthread_mutex_lock(&model_mutex);
}

void model_unlock(void)
{
	pthread_mutex_unlock(&model_mutex);
}

/*
 * Read sections of all kinds hold this for read, in each thread once; a grace
 * period is to have had it for write.
 */
static pthread_rwlock_t readers = PTHREAD_RWLOCK_INITIALIZER;
static __thread unsigned int read_depth;

void context_count_enter(void)
{
	if (!read_depth++)
		pthread_rwlock_rdlock(&readers);
}

void context_count_leave(void)
{
	if (!--read_depth)
		pthread_rwlock_unlock(&readers);
}

static void wait_for_readers(void)
{
	pthread_rwlock_wrlock(&readers);
	pthread_rwlock_unlock(&readers);
}

/* Points */

static void step_aside(unsigned int one_in)
{
	if (in_thread) {
		thread_random = thread_random * 6364136223846793005UL +
				1442695040888963407UL;
		if ((thread_random >> 33) % one_in == 0)
			sched_yield();
	}
	if (posted_on(machine_current->cpu))
		posted_run(machine_current->cpu);
}

void machine_point_slow(const char *what)
{
	step_aside(STEP_ASIDE);
}

void machine_yield_slow(const char *what)
{
	step_aside(1);
}

void machine_post_interrupt(unsigned int cpu, void (*fn)(void *arg), void *arg)
{
	if (cpu >= sched_nr_cpus)
		machine_violation("no CPU %u to interrupt", cpu);
	posted_add(cpu, fn, arg);
	if (!__atomic_load_n(&running, __ATOMIC_RELAXED))
		machine_interleaved = 1;
}

/* Waiting; the caller has model_lock() */

bool sched_running(void)
{
	return __atomic_load_n(&running, __ATOMIC_RELAXED);
}

void sched_wait(const void *on, const char *what)
{
	if (!sched_running()) {
		model_unlock();
		machine_violation("deadlock: nobody else can go on: %s", what);
		abort();
	}
	pthread_cond_wait(&model_cond, &model_mutex);
}

void sched_wake_slow(const void *on)
{
	pthread_cond_broadcast(&model_cond);
}

void sched_kick(void)
{
}

void sched_sleep(unsigned long until, const char *what)
{
	if (!sched_running()) {
		machine_pass_time(until - __READ_ONCE(machine_jiffies));
		return;
	}
	while (time_before(__READ_ONCE(machine_jiffies), until))
		usleep(TICK_US);
}

/* Running */

static void *worker(void *arg)
{
	struct task_struct context;
	struct callback_head *list;
	bool due;

	context_init(&context, "kworker", sched_nr_cpus - 1);
	machine_current = &context;
	in_thread = true;
	thread_random = run_seed;
	while (!__atomic_load_n(&stopping, __ATOMIC_ACQUIRE)) {
		usleep(TICK_US);
		WRITE_ONCE(machine_jiffies, __READ_ONCE(machine_jiffies) + HZ / 10);
		do {
			model_lock();
			due = work_due(__READ_ONCE(machine_jiffies));
			model_unlock();
		} while (due && work_run_one());

		model_lock();
		list = rcu_take_waiting();
		model_unlock();
		if (list) {
			wait_for_readers();
			sched_nested(COUNT_SOFTIRQ, "rcu",
				     (void (*)(void *))rcu_run, list);
		}
	}
	return NULL;
}

static void *thread(void *arg)
{
	const struct sched_spawned *s = arg;
	struct task_struct context;

	context_init(&context, s->name, s->cpu);
	machine_current = &context;
	in_thread = true;
	thread_random = run_seed + (s - spawned) * 0x9e3779b97f4a7c15UL;
	s->fn(s->arg);
	posted_run(s->cpu);
	context_check_end(&context);
	return NULL;
}

void sched_run(const struct machine_schedule *schedule)
{
	pthread_t threads[MAX_SPAWNED], kworker;
	unsigned int i;

	run_seed = schedule->seed;
	stopping = false;
	running = true;
	machine_interleaved = 1;
	if (pthread_create(&kworker, NULL, worker, NULL))
		abort();
	for (i = 0; i < nr_spawned; i++)
		if (pthread_create(&threads[i], NULL, thread, &spawned[i]))
			abort();
	for (i = 0; i < nr_spawned; i++)
		pthread_join(threads[i], NULL);
	__atomic_store_n(&stopping, true, __ATOMIC_RELEASE);
	pthread_join(kworker, NULL);
	nr_spawned = 0;
	running = false;
	machine_interleaved = 0;
	sched_deliver();
}

struct callback_head *sched_take_batch(void)
{
	return NULL;
}

/* What there is not */

const struct machine_switch *machine_switches(size_t *nr)
{
	*nr = 0;
	return NULL;
}

void machine_note_switches(struct machine_switch *where, size_t max, size_t *nr)
{
	if (nr)
		*nr = 0;
}

unsigned long machine_points(void)
{
	return 0;
}

const char *machine_task_name(unsigned int task)
{
	return task < nr_spawned ? spawned[task].name : "?";
}

void sched_print_tasks(void)
{
}

void sched_print_schedule(void)
{
	if (sched_running())
		report("run: threads, seed %llu\n",
		       (unsigned long long)run_seed);
}

#endif /* MODEL_THREADS */
