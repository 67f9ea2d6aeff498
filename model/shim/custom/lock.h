/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Locks, with the rules that the kernel's lockdep checks: the order between
 * lock classes, what may be taken where, who may release. All that mm/dmap
 * needs to run on more than one CPU comes with this header.
 *
 * A class is the site of the lock's init function, or the lock itself when it
 * is static. The rules are checked before a lock is waited for, so that a
 * report comes without the accident.
 */
#ifndef _MODEL_LOCK_H
#define _MODEL_LOCK_H

#include <linux/list.h>
#include "context.h"
#include "atomic.h"
#ifdef MODEL_THREADS
#include <pthread.h>
#endif

#ifndef __acquires
#define __acquires(x)
#endif
#ifndef __releases
#define __releases(x)
#endif
#ifndef __must_hold
#define __must_hold(x)
#endif
#ifndef __acquire
#define __acquire(x)		((void)0)
#endif
#ifndef __release
#define __release(x)		((void)0)
#endif

/* A class of locks; all zero but for the name until the first is taken. */
struct lock_class {
	const char *name;
	unsigned int id;	/* from 1 */
	unsigned int usage;	/* see lock.c */
};

/* What a lock has of its class; @class NULL: static, found at first use. */
struct lock_map {
	const char *name;
	struct lock_class *class;
};

#define LOCK_MAP(name)		{ name, NULL }

#define __lock_init(map, what)						\
do {									\
	static struct lock_class __class = { .name = what };		\
									\
	(map)->name = what;						\
	(map)->class = &__class;					\
} while (0)

typedef struct spinlock {
	struct task_struct *owner;
	struct lock_map map;
#ifdef MODEL_THREADS
	pthread_mutex_t real;
#endif
} spinlock_t;

struct mutex {
	struct task_struct *owner;
	struct lock_map map;
#ifdef MODEL_THREADS
	pthread_mutex_t real;
#endif
};

struct rw_semaphore {
	struct task_struct *writer;
	unsigned int readers;
	struct lock_map map;
#ifdef MODEL_THREADS
	pthread_rwlock_t real;
#endif
};

#ifdef MODEL_THREADS
#define __LOCK_REAL_MUTEX	.real = PTHREAD_MUTEX_INITIALIZER,
#define __LOCK_REAL_RWLOCK	.real = PTHREAD_RWLOCK_INITIALIZER,
#define __lock_real_mutex(l)	pthread_mutex_init(&(l)->real, NULL)
#define __lock_real_rwlock(l)	pthread_rwlock_init(&(l)->real, NULL)
#else
#define __LOCK_REAL_MUTEX
#define __LOCK_REAL_RWLOCK
#define __lock_real_mutex(l)	((void)0)
#define __lock_real_rwlock(l)	((void)0)
#endif

/* Spinlocks. A raw spinlock is one too: nothing here is PREEMPT_RT. */

#define __SPIN_LOCK_INITIALIZER(x)					\
	{ __LOCK_REAL_MUTEX .map = LOCK_MAP(#x) }
#define __SPIN_LOCK_UNLOCKED(x)	((spinlock_t)__SPIN_LOCK_INITIALIZER(x))
#define DEFINE_SPINLOCK(x)	spinlock_t x = __SPIN_LOCK_INITIALIZER(x)

#define spin_lock_init(l)						\
do {									\
	spinlock_t *__new = (l);					\
									\
	__new->owner = NULL;						\
	__lock_real_mutex(__new);					\
	__lock_init(&__new->map, #l);					\
} while (0)

void spin_lock_site(spinlock_t *lock, unsigned int subclass, const char *site);
bool spin_trylock_site(spinlock_t *lock, const char *site);
void spin_unlock_site(spinlock_t *lock, const char *site);
unsigned long spin_lock_irqsave_site(spinlock_t *lock, unsigned int subclass,
				     const char *site);
bool spin_trylock_irqsave_site(spinlock_t *lock, unsigned long *flags,
			       const char *site);
void spin_unlock_irqrestore_site(spinlock_t *lock, unsigned long flags,
				 const char *site);
void spin_lock_bh_site(spinlock_t *lock, unsigned int subclass,
		       const char *site);
void spin_unlock_bh_site(spinlock_t *lock, const char *site);

#define spin_lock(l)		spin_lock_site(l, 0, SITE("spin_lock(" #l ")"))
#define spin_lock_nested(l, sub)					\
	spin_lock_site(l, sub, SITE("spin_lock_nested(" #l ")"))
#define spin_trylock(l)		spin_trylock_site(l, SITE("spin_trylock(" #l ")"))
#define spin_unlock(l)		spin_unlock_site(l, SITE("spin_unlock(" #l ")"))

#define spin_lock_irqsave(l, flags)					\
do {									\
	__check_flags(flags);						\
	(flags) = spin_lock_irqsave_site(l, 0,				\
				SITE("spin_lock_irqsave(" #l ")"));	\
} while (0)
#define spin_lock_irqsave_nested(l, flags, sub)				\
do {									\
	__check_flags(flags);						\
	(flags) = spin_lock_irqsave_site(l, sub,			\
				SITE("spin_lock_irqsave_nested(" #l ")"));\
} while (0)
#define spin_trylock_irqsave(l, flags)					\
	spin_trylock_irqsave_site(l, &(flags),				\
				SITE("spin_trylock_irqsave(" #l ")"))
#define spin_unlock_irqrestore(l, flags)				\
do {									\
	__check_flags(flags);						\
	spin_unlock_irqrestore_site(l, flags,				\
				SITE("spin_unlock_irqrestore(" #l ")"));\
} while (0)
#define spin_lock_irq(l)						\
	((void)spin_lock_irqsave_site(l, 0, SITE("spin_lock_irq(" #l ")")))
#define spin_lock_irq_nested(l, sub)					\
	((void)spin_lock_irqsave_site(l, sub,				\
				SITE("spin_lock_irq_nested(" #l ")")))
#define spin_unlock_irq(l)						\
	spin_unlock_irqrestore_site(l, 0, SITE("spin_unlock_irq(" #l ")"))
#define spin_lock_bh(l)		spin_lock_bh_site(l, 0, SITE("spin_lock_bh(" #l ")"))
#define spin_lock_bh_nested(l, sub)					\
	spin_lock_bh_site(l, sub, SITE("spin_lock_bh_nested(" #l ")"))
#define spin_unlock_bh(l)	spin_unlock_bh_site(l, SITE("spin_unlock_bh(" #l ")"))
#define spin_is_locked(l)	(__READ_ONCE((l)->owner) != NULL)
#define assert_spin_locked(l)	lockdep_assert_held(l)

typedef spinlock_t raw_spinlock_t;
#define DEFINE_RAW_SPINLOCK(x)		DEFINE_SPINLOCK(x)
#define __RAW_SPIN_LOCK_UNLOCKED(x)	__SPIN_LOCK_UNLOCKED(x)
#define raw_spin_lock_init(l)		spin_lock_init(l)
#define raw_spin_lock(l)		spin_lock(l)
#define raw_spin_trylock(l)		spin_trylock(l)
#define raw_spin_unlock(l)		spin_unlock(l)
#define raw_spin_lock_irqsave(l, f)	spin_lock_irqsave(l, f)
#define raw_spin_unlock_irqrestore(l, f) spin_unlock_irqrestore(l, f)
#define raw_spin_lock_irq(l)		spin_lock_irq(l)
#define raw_spin_unlock_irq(l)		spin_unlock_irq(l)

/* Mutexes */

#define __MUTEX_INITIALIZER(x)	{ __LOCK_REAL_MUTEX .map = LOCK_MAP(#x) }
#define DEFINE_MUTEX(x)		struct mutex x = __MUTEX_INITIALIZER(x)

#define mutex_init(l)							\
do {									\
	struct mutex *__new = (l);					\
									\
	__new->owner = NULL;						\
	__lock_real_mutex(__new);					\
	__lock_init(&__new->map, #l);					\
} while (0)
#define mutex_destroy(l)	((void)(l))

void mutex_lock_site(struct mutex *lock, unsigned int subclass,
		     const char *site);
bool mutex_trylock_site(struct mutex *lock, const char *site);
void mutex_unlock_site(struct mutex *lock, const char *site);

#define mutex_lock(l)		mutex_lock_site(l, 0, SITE("mutex_lock(" #l ")"))
#define mutex_lock_nested(l, sub)					\
	mutex_lock_site(l, sub, SITE("mutex_lock_nested(" #l ")"))
#define mutex_lock_killable(l)						\
	({ mutex_lock_site(l, 0, SITE("mutex_lock_killable(" #l ")")); 0; })
#define mutex_lock_interruptible(l)					\
	({ mutex_lock_site(l, 0, SITE("mutex_lock_interruptible(" #l ")")); 0; })
#define mutex_trylock(l)	mutex_trylock_site(l, SITE("mutex_trylock(" #l ")"))
#define mutex_unlock(l)		mutex_unlock_site(l, SITE("mutex_unlock(" #l ")"))
#define mutex_is_locked(l)	(__READ_ONCE((l)->owner) != NULL)

/* Semaphores for readers and writers */

#define __RWSEM_INITIALIZER(x)	{ __LOCK_REAL_RWLOCK .map = LOCK_MAP(#x) }
#define DECLARE_RWSEM(x)	struct rw_semaphore x = __RWSEM_INITIALIZER(x)

#define init_rwsem(l)							\
do {									\
	struct rw_semaphore *__new = (l);				\
									\
	__new->writer = NULL;						\
	__new->readers = 0;						\
	__lock_real_rwlock(__new);					\
	__lock_init(&__new->map, #l);					\
} while (0)

void down_read_site(struct rw_semaphore *lock, const char *site);
bool down_read_trylock_site(struct rw_semaphore *lock, const char *site);
void up_read_site(struct rw_semaphore *lock, const char *site);
void down_write_site(struct rw_semaphore *lock, const char *site);
bool down_write_trylock_site(struct rw_semaphore *lock, const char *site);
void up_write_site(struct rw_semaphore *lock, const char *site);

#define down_read(l)		down_read_site(l, SITE("down_read(" #l ")"))
#define down_read_trylock(l)						\
	down_read_trylock_site(l, SITE("down_read_trylock(" #l ")"))
#define up_read(l)		up_read_site(l, SITE("up_read(" #l ")"))
#define down_write(l)		down_write_site(l, SITE("down_write(" #l ")"))
#define down_write_killable(l)						\
	({ down_write_site(l, SITE("down_write_killable(" #l ")")); 0; })
#define down_write_trylock(l)						\
	down_write_trylock_site(l, SITE("down_write_trylock(" #l ")"))
#define up_write(l)		up_write_site(l, SITE("up_write(" #l ")"))
#define rwsem_is_locked(l)						\
	(__READ_ONCE((l)->writer) || __READ_ONCE((l)->readers))

/* CPU hotplug: machine_hotplug_begin() has it for write. */
extern struct rw_semaphore cpu_hotplug_lock;

#define cpus_read_lock()						\
	down_read_site(&cpu_hotplug_lock, SITE("cpus_read_lock()"))
#define cpus_read_trylock()						\
	down_read_trylock_site(&cpu_hotplug_lock, SITE("cpus_read_trylock()"))
#define cpus_read_unlock()						\
	up_read_site(&cpu_hotplug_lock, SITE("cpus_read_unlock()"))

/* What lockdep is asked */

bool lock_is_held_by_current(const void *lock, unsigned int not_flags);
void lock_assert_failed(const char *what, const char *site);

#define __lock_assert(cond, what)					\
do {									\
	if (unlikely(!(cond)))						\
		lock_assert_failed(what, SITE(what));			\
} while (0)

#define lockdep_is_held(l)	lock_is_held_by_current(l, 0)
#define lockdep_assert(cond)	__lock_assert(cond, "lockdep_assert(" #cond ")")
#define lockdep_assert_held(l)						\
	__lock_assert(lock_is_held_by_current(l, 0),			\
		      "lockdep_assert_held(" #l ")")
#define lockdep_assert_held_once(l)	lockdep_assert_held(l)
#define lockdep_assert_held_write(l)					\
	__lock_assert(lock_is_held_by_current(l, HELD_READ),		\
		      "lockdep_assert_held_write(" #l ")")
#define lockdep_assert_held_read(l)					\
	__lock_assert(lock_is_held_by_current(l, 0),			\
		      "lockdep_assert_held_read(" #l ")")
#define lockdep_assert_not_held(l)					\
	__lock_assert(!lock_is_held_by_current(l, 0),			\
		      "lockdep_assert_not_held(" #l ")")
#define lockdep_assert_none_held_once()					\
	__lock_assert(!machine_current->depth,				\
		      "lockdep_assert_none_held_once()")
#define lockdep_assert_cpus_held()					\
	__lock_assert(lock_is_held_by_current(&cpu_hotplug_lock, 0),	\
		      "lockdep_assert_cpus_held()")
#define lockdep_assert_irqs_enabled()					\
	__lock_assert(!irqs_disabled(), "lockdep_assert_irqs_enabled()")
#define lockdep_assert_irqs_disabled()					\
	__lock_assert(irqs_disabled(), "lockdep_assert_irqs_disabled()")
#define lockdep_assert_preemption_disabled()				\
	__lock_assert(!preemptible(), "lockdep_assert_preemption_disabled()")
#define lockdep_assert_preemption_enabled()				\
	__lock_assert(preemptible(), "lockdep_assert_preemption_enabled()")

/*
 * For the memory allocator: direct reclaim is entered, or could be, under these
 * flags (@gfp is only shown). Who holds a lock that reclaim takes is caught,
 * and who may not sleep. Enter and leave in the same context.
 */
void lock_reclaim_enter_site(unsigned int gfp, const char *site);
void lock_reclaim_exit(void);
#define lock_reclaim_enter(gfp)						\
	lock_reclaim_enter_site(gfp, SITE("lock_reclaim_enter(" #gfp ")"))

/*
 * Forget the order and the uses that were seen: a run that is to be repeated
 * must not depend on earlier ones. No lock is held.
 */
void lock_forget(void);

#include "rcu.h"
#include "work.h"

#endif /* _MODEL_LOCK_H */
