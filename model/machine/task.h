/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between the files of machine/ that make tasks, time and locks (sched.c or
 * threads.c, time.c, lock.c, violation.c), and for who boots the machine.
 */
#ifndef _MODEL_TASK_H
#define _MODEL_TASK_H

#include <custom/lock.h>

/* Boot and shutdown of this half of the machine; see machine_boot(). */
void sched_boot(unsigned int nr_cpus);
/* No lock is held, no timer, work or callback is left; else a violation. */
void sched_shutdown(void);

/* The calling context waits until somebody calls sched_wake() for @on. */
void sched_wait(const void *on, const char *what);
void sched_wake_slow(const void *on);
extern unsigned int sched_waiting;	/* how many wait */

static inline void sched_wake(const void *on)
{
	if (unlikely(sched_waiting))
		sched_wake_slow(on);
}

/*
 * A rule without a lock: @who is held from here on. The class must stay when
 * @map goes.
 */
void lock_map_enter(struct lock_map *map, const void *who, const char *site);
void lock_map_exit(const void *who, const char *site);

/* Wait until @until; sequential: let time pass. */
void sched_sleep(unsigned long until, const char *what);

/* Something that may be run has changed (work queued, time has passed). */
void sched_kick(void);

/* Run @fn in an interrupt on top of the calling context: COUNT_HARDIRQ, or
 * COUNT_SOFTIRQ.
 */
void sched_nested(unsigned int count, const char *name, void (*fn)(void *arg),
		  void *arg);

/* A context that starts, and one that ends: holds nothing, is not atomic. */
void context_init(struct task_struct *context, const char *name,
		  unsigned int cpu);
void context_check_end(struct task_struct *context);

/* Tasks that wait for machine_run(). */
struct sched_spawned {
	machine_task fn;
	void *arg;
	const char *name;
	unsigned int cpu;
};

#define MAX_SPAWNED	1024

extern struct sched_spawned spawned[MAX_SPAWNED];
extern unsigned int nr_spawned;
extern unsigned int sched_nr_cpus;

/* Interrupts that were posted: add one, any left, run them here. */
void posted_add(unsigned int cpu, void (*fn)(void *arg), void *arg);
bool posted_on(unsigned int cpu);
void posted_run(unsigned int cpu);
/* Sequential: deliver all of them. */
void sched_deliver(void);

/* Run the tasks of @spawned, interleaved or as threads. */
void sched_run(const struct machine_schedule *schedule);
/* Is the caller one of them? */
bool sched_running(void);
/* Callbacks of a grace period that began in a run that is over. */
struct callback_head *sched_take_batch(void);

/* time.c, called by the scheduler */
bool work_due(unsigned long now);
bool work_next_expiry(unsigned long *expires);
/* Run the first work that is due and is not running already. */
bool work_run_one(void);
bool rcu_callbacks_waiting(void);	/* for a grace period to begin */
struct callback_head *rcu_take_waiting(void);
void rcu_run(struct callback_head *list);
void time_boot(void);
void time_shutdown(void);

/* For reports */
void lock_print_held(const struct task_struct *context);
void sched_print_tasks(void);
void sched_print_schedule(void);
void log_print(void);
void violation_boot(void);

/* Text of a report, gathered. */
void report(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Threads: protects what is not the tasks' own. Else nothing. */
#ifdef MODEL_THREADS
void model_lock(void);
void model_unlock(void);
#else
static inline void model_lock(void) {}
static inline void model_unlock(void) {}
#endif

#endif /* _MODEL_TASK_H */
