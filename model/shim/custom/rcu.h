/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Read-copy-update. A grace period ends when each context that was in a read
 * section when it began, or had preemption or interrupts off, has been outside.
 * Callbacks run as a softirq: in an interleaved run at some point after the
 * grace period, else in machine_pass_time().
 */
#ifndef _MODEL_RCU_H
#define _MODEL_RCU_H

#include "context.h"

struct callback_head {
	struct callback_head *next;
	void (*func)(struct callback_head *head);
} __attribute__((aligned(sizeof(void *))));
#define rcu_head callback_head

typedef void (*rcu_callback_t)(struct rcu_head *head);

#undef synchronize_rcu	/* tools/include has one that does nothing */

void rcu_read_unlock_bad(const char *site);
void rcu_deref_bad(const char *site);
void call_rcu_site(struct rcu_head *head, rcu_callback_t func,
		   const char *site);
void synchronize_rcu_site(const char *site);
void rcu_barrier_site(const char *site);

static inline void rcu_read_lock(void)
{
#ifdef MODEL_THREADS
	if (!machine_current->rcu)
		context_count_enter();
#endif
	machine_current->rcu++;
}

#define rcu_read_unlock()						\
do {									\
	if (unlikely(!machine_current->rcu))				\
		rcu_read_unlock_bad(SITE("rcu_read_unlock()"));		\
	else if (!--machine_current->rcu)				\
		rcu_reader_left();					\
	machine_point(SITE("rcu_read_unlock()"));			\
} while (0)

#ifdef MODEL_THREADS
#define rcu_reader_left()	context_count_leave()
#else
#define rcu_reader_left()	((void)0)
#endif

#define rcu_read_lock_held()	(machine_current->rcu != 0)
#define rcu_read_lock_any_held()					\
	(machine_current->rcu || context_is_atomic(machine_current))

#define call_rcu(head, func)						\
	call_rcu_site(head, func, SITE("call_rcu(" #head ", " #func ")"))
#define call_rcu_hurry(head, func)	call_rcu(head, func)
#define synchronize_rcu()						\
	synchronize_rcu_site(SITE("synchronize_rcu()"))
#define rcu_barrier()		rcu_barrier_site(SITE("rcu_barrier()"))

/* The thread sanitizer wants to see that publishing orders. */
#ifdef MODEL_THREADS
#define __rcu_load(p)		__atomic_load_n(&(p), __ATOMIC_ACQUIRE)
#else
#define __rcu_load(p)		(*(volatile typeof(p) *)&(p))
#endif

#define __rcu_deref(p, ok, what)					\
({									\
	machine_point(SITE(what));					\
	if (unlikely(!(ok)))						\
		rcu_deref_bad(SITE(what));				\
	__rcu_load(p);							\
})
#define rcu_dereference_check(p, c)					\
	__rcu_deref(p, rcu_read_lock_held() || (c),			\
		    "rcu_dereference_check(" #p ")")
#define rcu_dereference(p)						\
	__rcu_deref(p, rcu_read_lock_held(), "rcu_dereference(" #p ")")
#define rcu_dereference_protected(p, c)					\
({									\
	if (unlikely(!(c)))						\
		rcu_deref_bad(SITE("rcu_dereference_protected(" #p ")"));\
	(p);								\
})
#define rcu_dereference_raw(p)						\
	__rcu_deref(p, true, "rcu_dereference_raw(" #p ")")
#define rcu_access_pointer(p)						\
	__rcu_deref(p, true, "rcu_access_pointer(" #p ")")

#define rcu_assign_pointer(p, v)					\
do {									\
	machine_point(SITE("rcu_assign_pointer(" #p ")"));		\
	__atomic_store_n(&(p), (typeof(p))(v), __ATOMIC_RELEASE);	\
} while (0)
#define RCU_INIT_POINTER(p, v)						\
	__atomic_store_n(&(p), (typeof(p))(v), __ATOMIC_RELAXED)
#define RCU_INITIALIZER(v)	(v)

#endif /* _MODEL_RCU_H */
