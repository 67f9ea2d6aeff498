/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where code runs: the task, its CPU, and what it may do there (sleep, be
 * preempted, be interrupted). And the accesses that other CPUs see: each is a
 * point where another CPU may come between.
 *
 * A context is a task, or an interrupt handler on top of one; it has its own
 * counts and locks, for what a handler holds is none of the task's business.
 */
#ifndef _MODEL_CONTEXT_H
#define _MODEL_CONTEXT_H

#include <linux/compiler.h>
#include <linux/types.h>
#include <machine.h>

/* Names of places: "spin_lock(&class->lock) kernel/mm/dmap/class.c:187". */
#define __site_string(x)	#x
#define __site_line(line)	__site_string(line)
#define SITE(what)		what " " __FILE__ ":" __site_line(__LINE__)

#ifdef MODEL_THREADS
#define __model_thread		__thread
#else
#define __model_thread
#endif

/* task_struct.count, of which every part makes the context atomic. */
#define COUNT_PREEMPT		0x00000001U	/* also one per spinlock */
#define COUNT_BH		0x00000100U	/* softirqs kept out */
#define COUNT_SOFTIRQ		0x00010000U	/* in one */
#define COUNT_HARDIRQ		0x01000000U
#define COUNT_PREEMPT_MASK	0x000000ffU
#define COUNT_BH_MASK		0x0000ff00U
#define COUNT_SOFTIRQ_MASK	0x00ff0000U
#define COUNT_HARDIRQ_MASK	0xff000000U
#define COUNT_INTERRUPT_MASK	(COUNT_BH_MASK | COUNT_SOFTIRQ_MASK | \
				 COUNT_HARDIRQ_MASK)

struct lock_class;

#define HELD_READ	1	/* shared with other readers */
#define HELD_TRY	2	/* taken by a trylock: nobody waited */

struct held_lock {
	const void *lock;
	struct lock_class *class;
	const char *site;
	unsigned int flags;
};

#define MAX_HELD	32

/**
 * struct task_struct - a context
 * @task:	what `current` is: itself, or the task that is interrupted
 * @count:	COUNT_*
 * @irqs_off:	interrupts are disabled
 * @rcu:	depth of RCU read sections
 * @cpu:	its CPU
 * @depth:	of @held
 * @held:	locks, in the order in which they were taken
 * @name:	for reports
 * @operation:	machine_operation()
 * @argument:	machine_operation()
 * @under:	the context that this one interrupts
 */
struct task_struct {
	struct task_struct *task;
	unsigned int count;
	unsigned int irqs_off;
	unsigned int rcu;
	unsigned int cpu;
	unsigned int depth;
	struct held_lock held[MAX_HELD];
	const char *name;
	const char *operation;
	unsigned long argument;
	struct task_struct *under;
};

extern __model_thread struct task_struct *machine_current;

#define current			(machine_current->task)
#define fatal_signal_pending(t)	((void)(t), 0)
#define signal_pending(t)	((void)(t), 0)

/* Preemption */

static inline bool context_is_atomic(const struct task_struct *context)
{
	return context->count | context->irqs_off;
}

void context_bad(const char *what, const char *site);
void context_count_enter(void);	/* threads: an atomic section is an RCU reader */
void context_count_leave(void);

static inline void context_add(unsigned int offset)
{
#ifdef MODEL_THREADS
	if (!context_is_atomic(machine_current))
		context_count_enter();
#endif
	machine_current->count += offset;
}

static inline void context_sub(unsigned int offset, unsigned int mask,
			       const char *site)
{
	if (unlikely(!(machine_current->count & mask)))
		context_bad("more is enabled than was disabled", site);
	else
		machine_current->count -= offset;
#ifdef MODEL_THREADS
	if (!context_is_atomic(machine_current))
		context_count_leave();
#endif
}

#define preempt_count()		(machine_current->count)
#define preemptible()		(!context_is_atomic(machine_current))
#define in_atomic()		(machine_current->count != 0)
#define in_hardirq()		(machine_current->count & COUNT_HARDIRQ_MASK)
#define in_softirq()		(machine_current->count & \
				 (COUNT_BH_MASK | COUNT_SOFTIRQ_MASK))
#define in_serving_softirq()	(machine_current->count & COUNT_SOFTIRQ_MASK)
#define in_interrupt()		(machine_current->count & COUNT_INTERRUPT_MASK)
#define in_task()		(!(machine_current->count & \
				   (COUNT_SOFTIRQ_MASK | COUNT_HARDIRQ_MASK)))
#define in_nmi()		0
#define irqs_disabled()		(machine_current->irqs_off != 0)

#define preempt_disable()	context_add(COUNT_PREEMPT)
#define preempt_enable()						\
do {									\
	context_sub(COUNT_PREEMPT, COUNT_PREEMPT_MASK,			\
		    SITE("preempt_enable()"));				\
	machine_point(SITE("preempt_enable()"));			\
} while (0)
#define local_bh_disable()	context_add(COUNT_BH)
#define local_bh_enable()						\
do {									\
	context_sub(COUNT_BH, COUNT_BH_MASK, SITE("local_bh_enable()"));\
	machine_point(SITE("local_bh_enable()"));			\
} while (0)

void local_irq_restore_site(unsigned long flags, const char *site);

static inline unsigned long context_irq_save(void)
{
	unsigned long flags = machine_current->irqs_off;

#ifdef MODEL_THREADS
	if (!context_is_atomic(machine_current))
		context_count_enter();
#endif
	machine_current->irqs_off = 1;
	return flags;
}

#define __check_flags(flags)						\
	((void)sizeof(char[__same_type(flags, unsigned long) ? 1 : -1]))
#define local_irq_save(flags)						\
do {									\
	__check_flags(flags);						\
	(flags) = context_irq_save();					\
} while (0)
#define local_irq_restore(flags)					\
do {									\
	__check_flags(flags);						\
	local_irq_restore_site(flags, SITE("local_irq_restore()"));	\
} while (0)
#define local_irq_disable()	((void)context_irq_save())
#define local_irq_enable()						\
	local_irq_restore_site(0, SITE("local_irq_enable()"))
#define local_save_flags(flags)						\
	((flags) = machine_current->irqs_off)

#define raw_smp_processor_id()	(machine_current->cpu)
#define smp_processor_id()						\
({									\
	if (unlikely(!context_is_atomic(machine_current)))		\
		context_bad("the CPU number of a task that may be moved",\
			    SITE("smp_processor_id()"));		\
	machine_current->cpu;						\
})
#define get_cpu()		({ preempt_disable(); machine_current->cpu; })
#define put_cpu()		preempt_enable()

/* Sleeping */

void might_sleep_bad(const char *site);

static inline void might_sleep_site(const char *site)
{
	if (unlikely(context_is_atomic(machine_current) | machine_current->rcu))
		might_sleep_bad(site);
}

#define might_sleep()		might_sleep_site(SITE("might_sleep()"))
#define might_sleep_if(cond)	do { if (cond) might_sleep(); } while (0)
#define cond_resched()							\
({									\
	might_sleep_site(SITE("cond_resched()"));			\
	machine_yield(SITE("cond_resched()"));				\
	0;								\
})
#define cpu_relax()		machine_yield(SITE("cpu_relax()"))
#define schedule()							\
do {									\
	might_sleep_site(SITE("schedule()"));				\
	machine_yield(SITE("schedule()"));				\
} while (0)

/* Accesses that others see */

#undef READ_ONCE
#undef WRITE_ONCE

/* For threads; and in the variant "access", where plain accesses are points. */
#if defined(MODEL_THREADS) || defined(MODEL_ACCESS)
#define __once_load(p)		__atomic_load_n(p, __ATOMIC_RELAXED)
#define __once_store(p, v)	__atomic_store_n(p, v, __ATOMIC_RELAXED)
#else
#define __once_load(p)		(*(p))
#define __once_store(p, v)	(*(p) = (v))
#endif

static __always_inline void model_read_once(const volatile void *p, void *to,
					    unsigned long size)
{
	switch (size) {
	case 1: *(u8 *)to = __once_load((const volatile u8 *)p); break;
	case 2: *(u16 *)to = __once_load((const volatile u16 *)p); break;
	case 4: *(u32 *)to = __once_load((const volatile u32 *)p); break;
	case 8: *(u64 *)to = __once_load((const volatile u64 *)p); break;
	default: machine_unmodelled("READ_ONCE() of this size");
	}
}

static __always_inline void model_write_once(volatile void *p, const void *from,
					     unsigned long size)
{
	switch (size) {
	case 1: __once_store((volatile u8 *)p, *(const u8 *)from); break;
	case 2: __once_store((volatile u16 *)p, *(const u16 *)from); break;
	case 4: __once_store((volatile u32 *)p, *(const u32 *)from); break;
	case 8: __once_store((volatile u64 *)p, *(const u64 *)from); break;
	default: machine_unmodelled("WRITE_ONCE() of this size");
	}
}

/* Without a point: for what is no access to shared memory of the kernel's. */
#define __READ_ONCE(x)							\
({									\
	union { typeof(x) __val; char __c[sizeof(x)]; } __once;		\
	model_read_once(&(x), __once.__c, sizeof(x));			\
	__once.__val;							\
})
#define READ_ONCE(x)							\
({									\
	machine_point(SITE("READ_ONCE(" #x ")"));			\
	__READ_ONCE(x);							\
})
#define WRITE_ONCE(x, val)						\
do {									\
	union { typeof(x) __val; char __c[sizeof(x)]; } __once =	\
		{ .__val = (val) };					\
	machine_point(SITE("WRITE_ONCE(" #x ")"));			\
	model_write_once(&(x), __once.__c, sizeof(x));			\
} while (0)

/* A race that is meant to be: the thread sanitizer looks away. */
#ifdef MODEL_THREADS
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);
#define __race_begin()							\
	(AnnotateIgnoreReadsBegin(__FILE__, __LINE__),			\
	 AnnotateIgnoreWritesBegin(__FILE__, __LINE__))
#define __race_end()							\
	(AnnotateIgnoreWritesEnd(__FILE__, __LINE__),			\
	 AnnotateIgnoreReadsEnd(__FILE__, __LINE__))
#else
#define __race_begin()		((void)0)
#define __race_end()		((void)0)
#endif

#define data_race(expr)							\
({									\
	__auto_type __raced = ({ __race_begin(); expr; });		\
	__race_end();							\
	__raced;							\
})

/*
 * Barriers. A point where another CPU may come between; CPUs see each other's
 * stores in program order, so a barrier that is missing is not noticed.
 */
#undef smp_mb
#undef smp_rmb
#undef smp_wmb
#undef smp_load_acquire
#undef smp_store_release
#undef mb
#undef rmb
#undef wmb

#if defined(MODEL_THREADS) && defined(__x86_64__)
#define __model_mb()	asm volatile("lock; addl $0,-4(%%rsp)" ::: "memory", "cc")
#elif defined(MODEL_THREADS)
#define __model_mb()	__sync_synchronize()
#else
#define __model_mb()	barrier()
#endif

#define smp_mb()	do { machine_point(SITE("smp_mb()")); __model_mb(); } while (0)
#define smp_rmb()	do { machine_point(SITE("smp_rmb()")); __model_mb(); } while (0)
#define smp_wmb()	do { machine_point(SITE("smp_wmb()")); __model_mb(); } while (0)
#define mb()		smp_mb()
#define rmb()		smp_rmb()
#define wmb()		smp_wmb()
#define smp_mb__before_atomic()	smp_mb()
#define smp_mb__after_atomic()	smp_mb()

#define smp_load_acquire(p)						\
({									\
	machine_point(SITE("smp_load_acquire(" #p ")"));		\
	__atomic_load_n(p, __ATOMIC_ACQUIRE);				\
})
#define smp_store_release(p, v)						\
do {									\
	machine_point(SITE("smp_store_release(" #p ")"));		\
	__atomic_store_n(p, v, __ATOMIC_RELEASE);			\
} while (0)

#endif /* _MODEL_CONTEXT_H */
