/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Time and work that is put off. There are no ticks: time passes in
 * machine_pass_time(), and in an interleaved run when nobody can go on or the
 * schedule says so, to the moment when the next timer is due.
 */
#ifndef _MODEL_WORK_H
#define _MODEL_WORK_H

#include <linux/list.h>
#include "lock.h"

#define HZ	250

extern volatile unsigned long machine_jiffies;
#define jiffies	((unsigned long)__READ_ONCE(machine_jiffies))

#define time_after(a, b)	((long)((unsigned long)(b) - (unsigned long)(a)) < 0)
#define time_before(a, b)	time_after(b, a)
#define time_after_eq(a, b)	(!time_before(a, b))
#define time_before_eq(a, b)	(!time_after(a, b))
#define time_in_range(a, b, c)	(time_after_eq(a, b) && time_before_eq(a, c))
#define time_is_before_jiffies(a)	time_after(jiffies, a)
#define time_is_after_jiffies(a)	time_before(jiffies, a)

static inline unsigned long msecs_to_jiffies(unsigned int ms)
{
	return ((unsigned long)ms * HZ + 999) / 1000;
}

static inline unsigned int jiffies_to_msecs(unsigned long j)
{
	return j * 1000 / HZ;
}

#define MAX_SCHEDULE_TIMEOUT	((long)(~0UL >> 1))

long schedule_timeout_site(long timeout, const char *site);
#define schedule_timeout(t)						\
	schedule_timeout_site(t, SITE("schedule_timeout(" #t ")"))
#define schedule_timeout_uninterruptible(t)	schedule_timeout(t)
#define schedule_timeout_idle(t)		schedule_timeout(t)
#define msleep(ms)						\
	((void)schedule_timeout_site(msecs_to_jiffies(ms) + 1, SITE("msleep(" #ms ")")))

struct work_struct;
typedef void (*work_func_t)(struct work_struct *work);

/**
 * struct work_struct - work
 * @func:	what to do
 * @entry:	in the list of what is pending, if @pending
 * @pending:	is it?
 * @cancelling: how many wait for its end and allow no new beginning
 * @expires:	when it is due
 * @cpu:	where it was queued
 * @map:	the rule: nobody waits for work that may need a lock that he has
 */
struct work_struct {
	work_func_t func;
	struct list_head entry;
	bool pending;
	unsigned int cancelling;
	unsigned long expires;
	unsigned int cpu;
	struct lock_map map;
};

struct delayed_work {
	struct work_struct work;
};

#define __WORK_INITIALIZER(n, f)					\
	{ .func = (f), .map = LOCK_MAP(#n) }
#define __DELAYED_WORK_INITIALIZER(n, f)				\
	{ .work = __WORK_INITIALIZER(n, f) }
#define DECLARE_WORK(n, f)						\
	struct work_struct n = __WORK_INITIALIZER(n, f)
#define DECLARE_DELAYED_WORK(n, f)					\
	struct delayed_work n = __DELAYED_WORK_INITIALIZER(n, f)

#define INIT_WORK(w, f)							\
do {									\
	struct work_struct *__work = (w);				\
									\
	__builtin_memset(__work, 0, sizeof(*__work));			\
	__work->func = (f);						\
	__lock_init(&__work->map, #w);					\
} while (0)
#define INIT_DELAYED_WORK(w, f)		INIT_WORK(&(w)->work, f)

static inline struct delayed_work *to_delayed_work(struct work_struct *work)
{
	return (struct delayed_work *)work;
}

struct workqueue_struct {
	const char *name;
};

extern struct workqueue_struct *system_wq, *system_long_wq, *system_unbound_wq,
			       *system_freezable_wq, *system_highpri_wq;

bool work_queue(struct work_struct *work, unsigned long delay, bool move,
		const char *site);
bool work_cancel(struct work_struct *work, bool sync, const char *site);
bool work_flush(struct work_struct *work, bool hurry, const char *site);

#define queue_work(wq, w)						\
	((void)(wq), work_queue(w, 0, false, SITE("queue_work(" #w ")")))
#define queue_delayed_work(wq, w, delay)				\
	((void)(wq), work_queue(&(w)->work, delay, false,		\
				SITE("queue_delayed_work(" #w ")")))
#define mod_delayed_work(wq, w, delay)					\
	((void)(wq), work_queue(&(w)->work, delay, true,		\
				SITE("mod_delayed_work(" #w ")")))
#define schedule_work(w)		queue_work(system_wq, w)
#define schedule_delayed_work(w, d)	queue_delayed_work(system_wq, w, d)
#define cancel_work(w)							\
	work_cancel(w, false, SITE("cancel_work(" #w ")"))
#define cancel_work_sync(w)						\
	work_cancel(w, true, SITE("cancel_work_sync(" #w ")"))
#define cancel_delayed_work(w)						\
	work_cancel(&(w)->work, false, SITE("cancel_delayed_work(" #w ")"))
#define cancel_delayed_work_sync(w)					\
	work_cancel(&(w)->work, true, SITE("cancel_delayed_work_sync(" #w ")"))
#define flush_work(w)		work_flush(w, false, SITE("flush_work(" #w ")"))
#define flush_delayed_work(w)						\
	work_flush(&(w)->work, true, SITE("flush_delayed_work(" #w ")"))
#define work_pending(w)		__READ_ONCE((w)->pending)
#define delayed_work_pending(w)	work_pending(&(w)->work)

#endif /* _MODEL_WORK_H */
