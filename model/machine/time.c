// SPDX-License-Identifier: GPL-2.0
/*
 * Time, and what is put off: delayed work and RCU callbacks.
 *
 * Work is in one list, in the order in which it was queued, whichever the
 * workqueue. Two works may run at a time, one work never twice.
 */
#include "task.h"
#include <stdlib.h>

#define SETTLE_TIME	(60 * HZ)
#define MANY_CALLBACKS	1024	/* do not wait for time to pass */

static LIST_HEAD(pending);

/* Work that is being done; on the stack of who does it. */
struct running {
	struct running *next;
	struct work_struct *work;
	const struct task_struct *by;
};

static struct running *running;

static struct workqueue_struct workqueues[] = {
	{ "events" }, { "events_long" }, { "events_unbound" },
	{ "events_freezable" }, { "events_highpri" },
};

struct workqueue_struct *system_wq = &workqueues[0];
struct workqueue_struct *system_long_wq = &workqueues[1];
struct workqueue_struct *system_unbound_wq = &workqueues[2];
struct workqueue_struct *system_freezable_wq = &workqueues[3];
struct workqueue_struct *system_highpri_wq = &workqueues[4];

/* Work */

static const struct running *work_is_running(const struct work_struct *work)
{
	const struct running *r;

	for (r = running; r; r = r->next)
		if (r->work == work)
			return r;
	return NULL;
}

static struct work_struct *first_due(unsigned long now)
{
	struct work_struct *work, *first = NULL;

	list_for_each_entry(work, &pending, entry) {
		if (time_after(work->expires, now) || work_is_running(work))
			continue;
		if (!first || time_before(work->expires, first->expires))
			first = work;
	}
	return first;
}

bool work_due(unsigned long now)
{
	return !list_empty(&pending) && first_due(now);
}

bool work_next_expiry(unsigned long *expires)
{
	struct work_struct *work;
	bool any = false;

	list_for_each_entry(work, &pending, entry) {
		if (work_is_running(work))
			continue;
		if (!any || time_before(work->expires, *expires))
			*expires = work->expires;
		any = true;
	}
	return any;
}

static void work_unlink(struct work_struct *work)
{
	list_del(&work->entry);
	__once_store(&work->pending, false);
}

bool work_run_one(void)
{
	struct task_struct *context = machine_current;
	struct work_struct *work;
	struct running me, **at;
	work_func_t func;
	unsigned int depth;

	model_lock();
	work = first_due(jiffies);
	if (!work) {
		model_unlock();
		return false;
	}
	work_unlink(work);
	func = work->func;
	me = (struct running){ running, work, context };
	running = &me;
	model_unlock();

	lock_map_enter(&work->map, &me, SITE("work"));
	depth = context->depth;
	func(work);
	/* It may be gone by now. */
	if (context->depth != depth || context_is_atomic(context) ||
	    context->rcu)
		machine_violation("work ends with locks held or atomic");
	lock_map_exit(&me, SITE("work"));

	model_lock();
	for (at = &running; *at != &me; at = &(*at)->next)
		;
	*at = me.next;
	sched_wake(work);
	sched_kick();
	model_unlock();
	return true;
}

bool work_queue(struct work_struct *work, unsigned long delay, bool move,
		const char *site)
{
	bool was;

	machine_point(site);
	if (!work->func)
		machine_violation("work that was never initialised: %s", site);
	model_lock();
	was = work->pending;
	if (work->cancelling || (was && !move)) {
		model_unlock();
		return move ? was : false;
	}
	if (was)
		work_unlink(work);
	work->expires = jiffies + delay;
	work->cpu = machine_current->cpu;
	__once_store(&work->pending, true);
	list_add_tail(&work->entry, &pending);
	sched_kick();
	model_unlock();
	return move ? was : true;
}

/* Who waits for work must not hold what it needs, nor be it. */
static void check_wait(struct work_struct *work, const char *site)
{
	const struct running *r;
	bool mine;

	might_sleep_site(site);
	lock_map_enter(&work->map, work, site);
	lock_map_exit(work, site);
	model_lock();
	r = work_is_running(work);
	mine = r && r->by == machine_current;
	model_unlock();
	if (mine)
		machine_violation("deadlock: work waits for itself: %s", site);
}

bool work_cancel(struct work_struct *work, bool sync, const char *site)
{
	bool was;

	if (sync)
		check_wait(work, site);
	machine_point(site);
	model_lock();
	was = work->pending;
	if (was)
		work_unlink(work);
	if (sync) {
		work->cancelling++;
		while (work_is_running(work))
			sched_wait(work, site);
		work->cancelling--;
	}
	model_unlock();
	if (sync)
		machine_point(site);
	return was;
}

bool work_flush(struct work_struct *work, bool hurry, const char *site)
{
	bool was;

	check_wait(work, site);
	machine_point(site);
	model_lock();
	was = work->pending || work_is_running(work);
	if (work->pending && hurry) {
		work->expires = jiffies;
		sched_kick();
	}
	/* What is queued from now on need not be waited for, but it does no harm. */
	while (work->pending || work_is_running(work)) {
		if (sched_running() || work_is_running(work)) {
			sched_wait(work, site);
			continue;
		}
		model_unlock();
		machine_pass_time(work->pending &&
				  time_after(work->expires, jiffies) ?
				  work->expires - jiffies : 0);
		model_lock();
	}
	model_unlock();
	machine_point(site);
	return was;
}

/* Read-copy-update */

static struct callback_head *waiting, **waiting_last = &waiting;
static unsigned int nr_waiting;

void rcu_read_unlock_bad(const char *site)
{
	machine_violation("end of an RCU read section that was not begun: %s",
			  site);
}

void rcu_deref_bad(const char *site)
{
	machine_violation("RCU pointer without protection: %s", site);
}

bool rcu_callbacks_waiting(void)
{
	return waiting;
}

struct callback_head *rcu_take_waiting(void)
{
	struct callback_head *list = waiting;

	waiting = NULL;
	waiting_last = &waiting;
	nr_waiting = 0;
	return list;
}

void rcu_run(struct callback_head *list)
{
	struct callback_head *next;

	for (; list; list = next) {
		next = list->next;
		machine_point("RCU callback");
		list->func(list);
	}
}

static void rcu_run_nested(void *list)
{
	rcu_run(list);
}

/* Sequential, and outside of all readers. */
static bool rcu_run_all(void)
{
	struct callback_head *list;
	bool any = false;

	for (;;) {
		model_lock();
		list = sched_take_batch();
		if (!list)
			list = rcu_take_waiting();
		model_unlock();
		if (!list)
			return any;
		any = true;
		sched_nested(COUNT_SOFTIRQ, "rcu", rcu_run_nested, list);
	}
}

void call_rcu_site(struct rcu_head *head, rcu_callback_t func, const char *site)
{
	bool many;

	machine_point(site);
	model_lock();
	head->func = func;
	head->next = NULL;
	*waiting_last = head;
	waiting_last = &head->next;
	many = ++nr_waiting >= MANY_CALLBACKS;
	sched_kick();
	model_unlock();
	/* A softirq could come right here. */
	if (many && !sched_running() && !machine_current->under &&
	    !machine_current->rcu && !context_is_atomic(machine_current))
		rcu_run_all();
}

struct rcu_waiter {
	struct rcu_head head;
	bool done;
};

static void rcu_waiter_done(struct rcu_head *head)
{
	struct rcu_waiter *waiter = container_of(head, struct rcu_waiter, head);

	model_lock();
	waiter->done = true;
	sched_wake(waiter);
	model_unlock();
}

/* Callbacks run in order: this one is after all that were there before. */
void rcu_barrier_site(const char *site)
{
	struct rcu_waiter waiter = {};

	might_sleep_site(site);
	if (!sched_running()) {
		rcu_run_all();
		return;
	}
	call_rcu_site(&waiter.head, rcu_waiter_done, site);
	model_lock();
	while (!waiter.done)
		sched_wait(&waiter, site);
	model_unlock();
}

void synchronize_rcu_site(const char *site)
{
	might_sleep_site(site);
	/* Alone there is no reader to wait for. */
	if (sched_running())
		rcu_barrier_site(site);
}

/* Time */

static struct task_struct *worker_context(void)
{
	/* Work that lets time pass may have other work done. */
	static struct task_struct workers[4];
	static unsigned int nr;

	return &workers[nr++ % ARRAY_SIZE(workers)];
}

static void run_due(void)
{
	struct task_struct *under = machine_current, *context;

	sched_deliver();
	rcu_run_all();
	while (work_due(jiffies)) {
		context = worker_context();
		context_init(context, "kworker", under->cpu);
		machine_current = context;
		work_run_one();
		machine_current = under;
		rcu_run_all();
	}
}

void machine_pass_time(unsigned long delta)
{
	unsigned long until = jiffies + delta, expires;

	might_sleep_site(SITE("machine_pass_time()"));
	if (sched_running()) {
		sched_sleep(until, SITE("machine_pass_time()"));
		return;
	}
	run_due();
	while (work_next_expiry(&expires) && !time_after(expires, until)) {
		if (time_after(expires, jiffies))
			machine_jiffies = expires;
		run_due();
	}
	if (time_after(until, jiffies))
		machine_jiffies = until;
}

void machine_settle(void)
{
	unsigned long until = jiffies + SETTLE_TIME, expires;

	machine_pass_time(0);
	while (work_next_expiry(&expires) && time_before(expires, until)) {
		if (time_before(expires, jiffies))
			expires = jiffies;
		machine_pass_time(expires - jiffies + sched_running());
	}
}

long schedule_timeout_site(long timeout, const char *site)
{
	might_sleep_site(site);
	if (timeout == MAX_SCHEDULE_TIMEOUT)
		machine_unmodelled("schedule_timeout() until somebody wakes");
	sched_sleep(jiffies + timeout, site);
	return 0;
}

void time_boot(void)
{
	machine_jiffies = (unsigned int)(-300 * HZ);	/* as in the kernel */
	INIT_LIST_HEAD(&pending);
	running = NULL;
	sched_take_batch();
	rcu_take_waiting();
}

void time_shutdown(void)
{
	struct work_struct *work;

	list_for_each_entry(work, &pending, entry)
		machine_violation("work that is still pending: %s",
				  work->map.name);
	if (waiting)
		machine_violation("an RCU callback that was never run");
}
