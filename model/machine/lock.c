// SPDX-License-Identifier: GPL-2.0
/*
 * Locks and their rules.
 *
 * Between two classes of locks there is an edge when one was taken with the
 * other held; a cycle of edges is a deadlock that can happen. A class that was
 * taken in an interrupt must never be waited for by an interrupt: neither it
 * nor anything that is taken under it may be taken with interrupts enabled.
 * Both are checked when an edge or a use appears for the first time, so what
 * has been seen before costs a look at a bit.
 */
#include "task.h"
#include <stdlib.h>
#include <string.h>

#define MAX_CLASSES	128
#define CLASS_WORDS	(MAX_CLASSES / 64)

/* lock_class.usage: where locks of the class have been taken. */
#define USED_HARDIRQ	1U	/* in an interrupt handler */
#define USED_SOFTIRQ	2U
#define OPEN_HARDIRQ	4U	/* with interrupts enabled */
#define OPEN_SOFTIRQ	8U	/* with softirqs enabled */
#define NR_USAGES	4

struct edge {
	const char *held_site;
	const char *site;
};

static struct lock_class *classes[MAX_CLASSES];
static unsigned int nr_classes = 1;	/* 0 is none */
static u64 edges[MAX_CLASSES][CLASS_WORDS];
static struct edge edge_sites[MAX_CLASSES][MAX_CLASSES];
static const char *usage_sites[MAX_CLASSES][NR_USAGES];

/* Classes of static locks and of subclasses. */
static struct own_class {
	const void *key;
	unsigned int subclass;
	struct lock_class class;
} own_classes[MAX_CLASSES];
static unsigned int nr_own;

struct rw_semaphore cpu_hotplug_lock = __RWSEM_INITIALIZER(cpu_hotplug_lock);
static struct lock_map reclaim_map = LOCK_MAP("fs_reclaim");

#ifdef MODEL_THREADS
#define lock_count(counter)						\
	__atomic_fetch_add(&machine_stats.counter, 1, __ATOMIC_RELAXED)
#else
#define lock_count(counter)	machine_stats.counter++
#endif

/* Classes */

static void class_register(struct lock_class *class)
{
	if (nr_classes == MAX_CLASSES) {
		machine_violation("too many classes of locks");
		abort();
	}
	classes[nr_classes] = class;
	__once_store(&class->id, nr_classes++);
}

static struct lock_class *own_class(const void *key, unsigned int subclass,
				    const char *name)
{
	struct own_class *own;
	unsigned int i;

	for (i = 0; i < nr_own; i++)
		if (own_classes[i].key == key &&
		    own_classes[i].subclass == subclass)
			return &own_classes[i].class;
	if (nr_own == MAX_CLASSES) {
		machine_violation("too many classes of locks");
		abort();
	}
	own = &own_classes[nr_own++];
	own->key = key;
	own->subclass = subclass;
	own->class.name = name;
	return &own->class;
}

static struct lock_class *class_find(struct lock_map *map, unsigned int subclass,
				     const char *site)
{
	struct lock_class *class;

	if (!map->name) {
		machine_violation("a lock that was never initialised: %s", site);
		abort();
	}
	model_lock();
	class = map->class;
	if (!class) {
		class = own_class(map, 0, map->name);
		__once_store(&map->class, class);
	}
	if (subclass)
		class = own_class(class, subclass, class->name);
	if (!class->id)
		class_register(class);
	model_unlock();
	return class;
}

static inline struct lock_class *class_of(struct lock_map *map,
					  unsigned int subclass,
					  const char *site)
{
	struct lock_class *class = __once_load(&map->class);

	if (likely(class && !subclass && __once_load(&class->id)))
		return class;
	return class_find(map, subclass, site);
}

void lock_forget(void)
{
	unsigned int i;

	memset(edges, 0, sizeof(edges[0]) * nr_classes);
	for (i = 1; i < nr_classes; i++)
		classes[i]->usage = 0;
}

static inline bool has_edge(unsigned int from, unsigned int to)
{
	return __once_load(&edges[from][to / 64]) >> (to % 64) & 1;
}

/* Is there a way along edges? Fills @way, from @from to @to; its length or 0. */
static unsigned int find_way(unsigned int from, unsigned int to,
			     unsigned int *way, u64 *seen)
{
	unsigned int i, length;

	way[0] = from;
	if (from == to)
		return 1;
	seen[from / 64] |= 1UL << (from % 64);
	for (i = 1; i < nr_classes; i++) {
		if (!has_edge(from, i) || seen[i / 64] >> (i % 64) & 1)
			continue;
		length = find_way(i, to, way + 1, seen);
		if (length)
			return length + 1;
	}
	return 0;
}

static void report_way(const unsigned int *way, unsigned int length)
{
	unsigned int i;

	for (i = 0; i + 1 < length; i++)
		report("  %s was taken under %s:\n    held:  %s\n    taken: %s\n",
		       classes[way[i + 1]]->name, classes[way[i]]->name,
		       edge_sites[way[i]][way[i + 1]].held_site,
		       edge_sites[way[i]][way[i + 1]].site);
}

static const char * const usage_names[NR_USAGES] = {
	"in an interrupt handler", "in a softirq",
	"with interrupts enabled", "with softirqs enabled",
};

static void report_usage(unsigned int class, unsigned int bit)
{
	report("  %s was taken %s:\n    %s\n", classes[class]->name,
	       usage_names[bit], usage_sites[class][bit]);
}

/* What is taken in an interrupt leads to nothing that is open to interrupts. */
static bool usages_clash(unsigned int *from, unsigned int *to, unsigned int *used)
{
	unsigned int way[MAX_CLASSES], i, j, bit;

	for (i = 1; i < nr_classes; i++) {
		for (bit = 0; bit < 2; bit++) {
			if (!(classes[i]->usage >> bit & 1))
				continue;
			for (j = 1; j < nr_classes; j++) {
				u64 seen[CLASS_WORDS] = {};

				if (!(classes[j]->usage >> (bit + 2) & 1) ||
				    !find_way(i, j, way, seen))
					continue;
				*from = i;
				*to = j;
				*used = bit;
				return true;
			}
		}
	}
	return false;
}

static void check_usages(void)
{
	static bool reported;
	unsigned int way[MAX_CLASSES], from, to, bit;
	u64 seen[CLASS_WORDS] = {};

	if (!usages_clash(&from, &to, &bit) || reported)
		return;
	report_usage(from, bit);
	report_usage(to, bit + 2);
	report_way(way, find_way(from, to, way, seen));
	/* Whoever goes on after this one has seen it. */
	reported = true;
	machine_violation("an interrupt can wait for ever: %s is taken %s, %s %s",
			  classes[from]->name, usage_names[bit],
			  classes[to]->name, usage_names[bit + 2]);
	reported = false;
}

static void add_edge(const struct held_lock *held, struct lock_class *class,
		     const char *site)
{
	unsigned int way[MAX_CLASSES], length;
	unsigned int from = held->class->id, to = class->id;
	u64 seen[CLASS_WORDS] = {};

	model_lock();
	if (has_edge(from, to)) {
		model_unlock();
		return;
	}
	length = find_way(to, from, way, seen);
	edge_sites[from][to] = (struct edge){ held->site, site };
	__once_store(&edges[from][to / 64],
		     edges[from][to / 64] | 1UL << (to % 64));
	if (length) {
		report("  %s is taken under %s:\n    held:  %s\n    taken: %s\n",
		       class->name, held->class->name, held->site, site);
		report_way(way, length);
		model_unlock();
		machine_violation("locks out of order: %s under %s",
				  class->name, held->class->name);
		return;
	}
	check_usages();
	model_unlock();
}

static void add_usage(struct lock_class *class, unsigned int usage,
		      const char *site)
{
	unsigned int bit;

	model_lock();
	for (bit = 0; bit < NR_USAGES; bit++)
		if (usage & ~class->usage & 1U << bit)
			usage_sites[class->id][bit] = site;
	__once_store(&class->usage, class->usage | usage);
	check_usages();
	model_unlock();
}

static inline unsigned int usage_now(const struct task_struct *context,
				     bool sleeps)
{
	unsigned int count = context->count, usage = 0;

	if (unlikely(sleeps))
		return OPEN_HARDIRQ | OPEN_SOFTIRQ;
	if (unlikely(count & COUNT_HARDIRQ_MASK))
		return USED_HARDIRQ;
	if (unlikely(count & COUNT_SOFTIRQ_MASK))
		usage = USED_SOFTIRQ;
	if (!context->irqs_off) {
		usage |= OPEN_HARDIRQ;
		if (!(count & (COUNT_BH_MASK | COUNT_SOFTIRQ_MASK)))
			usage |= OPEN_SOFTIRQ;
	}
	return usage;
}

/* Held locks */

static inline void held_push(struct task_struct *context, const void *lock,
			     struct lock_class *class, unsigned int flags,
			     const char *site)
{
	struct held_lock *held = &context->held[context->depth];

	if (unlikely(context->depth == MAX_HELD)) {
		machine_violation("too many locks held");
		abort();
	}
	context->depth++;
	held->lock = lock;
	held->class = class;
	held->site = site;
	held->flags = flags;
	lock_count(locks);
}

static bool held_remove(struct task_struct *context, const void *lock,
			unsigned int flags, const char *site)
{
	unsigned int i = context->depth;

	while (i--) {
		if (context->held[i].lock != lock)
			continue;
		if (unlikely((context->held[i].flags ^ flags) & HELD_READ))
			break;
		context->depth--;
		if (unlikely(i != context->depth))
			memmove(&context->held[i], &context->held[i + 1],
				(context->depth - i) *
				sizeof(context->held[0]));
		return true;
	}
	machine_violation("release of a lock that is not held: %s", site);
	return false;
}

bool lock_is_held_by_current(const void *lock, unsigned int not_flags)
{
	const struct task_struct *context = machine_current;
	unsigned int i = context->depth;

	while (i--)
		if (context->held[i].lock == lock)
			return !(context->held[i].flags & not_flags);
	return false;
}

void lock_print_held(const struct task_struct *context)
{
	unsigned int i;

	for (i = 0; i < context->depth; i++)
		report("    %s%s: %s\n", context->held[i].class->name,
		       context->held[i].flags & HELD_READ ? " (read)" : "",
		       context->held[i].site);
}

/* May @context take a lock of @class, and wait for it? */
static inline void check_order(struct task_struct *context, const void *lock,
			       struct lock_class *class, bool sleeps,
			       const char *site)
{
	unsigned int usage = usage_now(context, sleeps);
	unsigned int i;

	if (unlikely(usage & ~__once_load(&class->usage)))
		add_usage(class, usage, site);
	for (i = 0; i < context->depth; i++) {
		const struct held_lock *held = &context->held[i];

		if (unlikely(held->class == class)) {
			report("    held:  %s\n    taken: %s\n", held->site,
			       site);
			machine_violation(held->lock == lock ?
				"deadlock: %s is taken again by who has it" :
				"recursion: two locks of the class %s",
				class->name);
		} else if (unlikely(!has_edge(held->class->id, class->id))) {
			add_edge(held, class, site);
		}
	}
}

static void check_try(struct task_struct *context, struct lock_class *class,
		      const char *site)
{
	/* Nobody waits in a handler for a lock that it only tries. */
	unsigned int usage = usage_now(context, false) &
			     (OPEN_HARDIRQ | OPEN_SOFTIRQ);

	if (unlikely(usage & ~__once_load(&class->usage)))
		add_usage(class, usage, site);
}

void lock_assert_failed(const char *what, const char *site)
{
	machine_violation("%s", site);
}

/* Interrupts and sleep */

void context_bad(const char *what, const char *site)
{
	machine_violation("%s: %s", what, site);
}

void might_sleep_bad(const char *site)
{
	const struct task_struct *context = machine_current;

	machine_violation("sleep %s: %s",
			  context->count & COUNT_HARDIRQ_MASK ?
			  "in an interrupt handler" :
			  context->count & COUNT_SOFTIRQ_MASK ?
			  "in a softirq" :
			  context->count & COUNT_BH_MASK ?
			  "with softirqs disabled" :
			  context->count ? "with preemption disabled or a spinlock held" :
			  context->irqs_off ? "with interrupts disabled" :
			  "in an RCU read section", site);
}

/* Interrupts are about to be enabled, with locks held or from a handler. */
static void irqs_on_slow(struct task_struct *context, const char *site)
{
	unsigned int i;

	if (context->count & COUNT_HARDIRQ_MASK)
		machine_violation("interrupts enabled in a handler: %s", site);
	for (i = 0; i < context->depth; i++) {
		struct lock_class *class = context->held[i].class;
		unsigned int usage = OPEN_HARDIRQ;

		if (!(context->count & (COUNT_BH_MASK | COUNT_SOFTIRQ_MASK)))
			usage |= OPEN_SOFTIRQ;
		if (usage & ~class->usage)
			add_usage(class, usage, site);
	}
}

static inline void irqs_restore(struct task_struct *context,
				unsigned long flags, const char *site)
{
	if (!flags && context->irqs_off &&
	    unlikely(context->depth || context->count & COUNT_HARDIRQ_MASK))
		irqs_on_slow(context, site);
	context->irqs_off = flags != 0;
}

void local_irq_restore_site(unsigned long flags, const char *site)
{
	struct task_struct *context = machine_current;
#ifdef MODEL_THREADS
	bool was = context_is_atomic(context);
#endif

	irqs_restore(context, flags, site);
#ifdef MODEL_THREADS
	if (was && !context_is_atomic(context))
		context_count_leave();
	else if (!was && context_is_atomic(context))
		context_count_enter();
#endif
	machine_point(site);
}

/* Spinlocks */

#ifndef MODEL_THREADS
/* In the way: a task that can go on, or one that cannot before we do. */
static void lock_wait(const void *lock, const struct task_struct *owner,
		      const char *site)
{
	const struct task_struct *context;

	for (context = machine_current; context; context = context->under) {
		if (owner != context)
			continue;
		machine_violation("deadlock: waits for itself: %s", site);
		abort();
	}
	sched_wait(lock, site);
}
#endif

static inline void spin_get(spinlock_t *lock, const char *site)
{
#ifdef MODEL_THREADS
	pthread_mutex_lock(&lock->real);
	__once_store(&lock->owner, machine_current);
#else
	if (unlikely(lock->owner)) {
		machine_stats.contended++;
		do
			lock_wait(lock, lock->owner, site);
		while (lock->owner);
	}
	lock->owner = machine_current;
#endif
}

static inline bool spin_try(spinlock_t *lock)
{
#ifdef MODEL_THREADS
	if (pthread_mutex_trylock(&lock->real))
		return false;
#else
	if (lock->owner)
		return false;
#endif
	__once_store(&lock->owner, machine_current);
	return true;
}

static inline void spin_put(spinlock_t *lock)
{
	__once_store(&lock->owner, NULL);
#ifdef MODEL_THREADS
	pthread_mutex_unlock(&lock->real);
#else
	sched_wake(lock);
#endif
}

/* The context is atomic already; the lock is got, and the rules are kept. */
static inline void spin_enter(spinlock_t *lock, unsigned int subclass,
			      const char *site)
{
	struct task_struct *context = machine_current;
	struct lock_class *class = class_of(&lock->map, subclass, site);

	check_order(context, lock, class, false, site);
	spin_get(lock, site);
	held_push(context, lock, class, 0, site);
}

static inline bool spin_try_enter(spinlock_t *lock, const char *site)
{
	struct task_struct *context = machine_current;
	struct lock_class *class = class_of(&lock->map, 0, site);

	if (!spin_try(lock))
		return false;
	check_try(context, class, site);
	held_push(context, lock, class, HELD_TRY, site);
	return true;
}

void spin_lock_site(spinlock_t *lock, unsigned int subclass, const char *site)
{
	machine_point(site);
	context_add(COUNT_PREEMPT);
	spin_enter(lock, subclass, site);
}

bool spin_trylock_site(spinlock_t *lock, const char *site)
{
	machine_point(site);
	context_add(COUNT_PREEMPT);
	if (spin_try_enter(lock, site))
		return true;
	context_sub(COUNT_PREEMPT, COUNT_PREEMPT_MASK, site);
	return false;
}

void spin_unlock_site(spinlock_t *lock, const char *site)
{
	if (held_remove(machine_current, lock, 0, site)) {
		spin_put(lock);
		context_sub(COUNT_PREEMPT, COUNT_PREEMPT_MASK, site);
	}
	machine_point(site);
}

unsigned long spin_lock_irqsave_site(spinlock_t *lock, unsigned int subclass,
				     const char *site)
{
	unsigned long flags;

	machine_point(site);
	flags = context_irq_save();
	machine_current->count += COUNT_PREEMPT;
	spin_enter(lock, subclass, site);
	return flags;
}

bool spin_trylock_irqsave_site(spinlock_t *lock, unsigned long *flags,
			       const char *site)
{
	machine_point(site);
	*flags = context_irq_save();
	machine_current->count += COUNT_PREEMPT;
	if (spin_try_enter(lock, site))
		return true;
	machine_current->count -= COUNT_PREEMPT;
	local_irq_restore_site(*flags, site);
	return false;
}

void spin_unlock_irqrestore_site(spinlock_t *lock, unsigned long flags,
				 const char *site)
{
	struct task_struct *context = machine_current;

	if (likely(held_remove(context, lock, 0, site))) {
		spin_put(lock);
		irqs_restore(context, flags, site);
		context_sub(COUNT_PREEMPT, COUNT_PREEMPT_MASK, site);
	}
	machine_point(site);
}

void spin_lock_bh_site(spinlock_t *lock, unsigned int subclass,
		       const char *site)
{
	machine_point(site);
	context_add(COUNT_BH + COUNT_PREEMPT);
	spin_enter(lock, subclass, site);
}

void spin_unlock_bh_site(spinlock_t *lock, const char *site)
{
	if (held_remove(machine_current, lock, 0, site)) {
		spin_put(lock);
		machine_current->count -= COUNT_PREEMPT;
		context_sub(COUNT_BH, COUNT_BH_MASK, site);
	}
	machine_point(site);
}

/* Mutexes */

void mutex_lock_site(struct mutex *lock, unsigned int subclass,
		     const char *site)
{
	struct task_struct *context = machine_current;
	struct lock_class *class;

	might_sleep_site(site);
	machine_point(site);
	class = class_of(&lock->map, subclass, site);
	check_order(context, lock, class, true, site);
#ifdef MODEL_THREADS
	pthread_mutex_lock(&lock->real);
#else
	if (lock->owner) {
		machine_stats.contended++;
		do
			lock_wait(lock, lock->owner, site);
		while (lock->owner);
	}
#endif
	__once_store(&lock->owner, context);
	held_push(context, lock, class, 0, site);
}

static void check_no_interrupt(const char *site)
{
	if (unlikely(!in_task()))
		machine_violation("a mutex in an interrupt: %s", site);
}

bool mutex_trylock_site(struct mutex *lock, const char *site)
{
	struct task_struct *context = machine_current;

	check_no_interrupt(site);
	machine_point(site);
#ifdef MODEL_THREADS
	if (pthread_mutex_trylock(&lock->real))
		return false;
#else
	if (lock->owner)
		return false;
#endif
	__once_store(&lock->owner, context);
	held_push(context, lock, class_of(&lock->map, 0, site), HELD_TRY, site);
	return true;
}

void mutex_unlock_site(struct mutex *lock, const char *site)
{
	check_no_interrupt(site);
	if (held_remove(machine_current, lock, 0, site)) {
		__once_store(&lock->owner, NULL);
#ifdef MODEL_THREADS
		pthread_mutex_unlock(&lock->real);
#else
		sched_wake(lock);
#endif
	}
	machine_point(site);
}

/* Semaphores for readers and writers; a waiting writer keeps nobody out. */

static inline bool rwsem_try_read(struct rw_semaphore *lock)
{
#ifdef MODEL_THREADS
	if (pthread_rwlock_tryrdlock(&lock->real))
		return false;
	__atomic_fetch_add(&lock->readers, 1, __ATOMIC_RELAXED);
#else
	if (lock->writer)
		return false;
	lock->readers++;
#endif
	return true;
}

static inline bool rwsem_try_write(struct rw_semaphore *lock)
{
#ifdef MODEL_THREADS
	if (pthread_rwlock_trywrlock(&lock->real))
		return false;
#else
	if (lock->writer || lock->readers)
		return false;
#endif
	__once_store(&lock->writer, machine_current);
	return true;
}

void down_read_site(struct rw_semaphore *lock, const char *site)
{
	struct lock_class *class;

	might_sleep_site(site);
	machine_point(site);
	class = class_of(&lock->map, 0, site);
	check_order(machine_current, lock, class, true, site);
#ifdef MODEL_THREADS
	pthread_rwlock_rdlock(&lock->real);
	__atomic_fetch_add(&lock->readers, 1, __ATOMIC_RELAXED);
#else
	if (!rwsem_try_read(lock)) {
		machine_stats.contended++;
		do
			lock_wait(lock, lock->writer, site);
		while (!rwsem_try_read(lock));
	}
#endif
	held_push(machine_current, lock, class, HELD_READ, site);
}

bool down_read_trylock_site(struct rw_semaphore *lock, const char *site)
{
	machine_point(site);
	if (!rwsem_try_read(lock))
		return false;
	held_push(machine_current, lock, class_of(&lock->map, 0, site),
		  HELD_READ | HELD_TRY, site);
	return true;
}

void up_read_site(struct rw_semaphore *lock, const char *site)
{
	if (held_remove(machine_current, lock, HELD_READ, site)) {
#ifdef MODEL_THREADS
		__atomic_fetch_sub(&lock->readers, 1, __ATOMIC_RELAXED);
		pthread_rwlock_unlock(&lock->real);
#else
		if (!--lock->readers)
			sched_wake(lock);
#endif
	}
	machine_point(site);
}

void down_write_site(struct rw_semaphore *lock, const char *site)
{
	struct lock_class *class;

	might_sleep_site(site);
	machine_point(site);
	class = class_of(&lock->map, 0, site);
	check_order(machine_current, lock, class, true, site);
#ifdef MODEL_THREADS
	pthread_rwlock_wrlock(&lock->real);
	__once_store(&lock->writer, machine_current);
#else
	if (!rwsem_try_write(lock)) {
		machine_stats.contended++;
		do
			lock_wait(lock, lock->writer, site);
		while (!rwsem_try_write(lock));
	}
#endif
	held_push(machine_current, lock, class, 0, site);
}

bool down_write_trylock_site(struct rw_semaphore *lock, const char *site)
{
	machine_point(site);
	if (!rwsem_try_write(lock))
		return false;
	held_push(machine_current, lock, class_of(&lock->map, 0, site),
		  HELD_TRY, site);
	return true;
}

void up_write_site(struct rw_semaphore *lock, const char *site)
{
	if (held_remove(machine_current, lock, 0, site)) {
		__once_store(&lock->writer, NULL);
#ifdef MODEL_THREADS
		pthread_rwlock_unlock(&lock->real);
#else
		sched_wake(lock);
#endif
	}
	machine_point(site);
}

void machine_hotplug_begin(void)
{
	down_write(&cpu_hotplug_lock);
}

void machine_hotplug_end(void)
{
	up_write(&cpu_hotplug_lock);
}

/* Rules without a lock: reclaim, and waiting for work */

#define RECLAIM_NESTED	0x100	/* held_lock.flags counts in these */

void lock_reclaim_enter_site(unsigned int gfp, const char *site)
{
	struct task_struct *context = machine_current;
	struct lock_class *class;
	unsigned int i;

	might_sleep_site(site);
	/* Reclaim that allocates does not enter again. */
	for (i = 0; i < context->depth; i++) {
		if (context->held[i].lock == &reclaim_map) {
			context->held[i].flags += RECLAIM_NESTED;
			return;
		}
	}
	class = class_of(&reclaim_map, 0, site);
	check_order(context, &reclaim_map, class, true, site);
	held_push(context, &reclaim_map, class, 0, site);
}

void lock_reclaim_exit(void)
{
	struct task_struct *context = machine_current;
	unsigned int i;

	for (i = 0; i < context->depth; i++) {
		if (context->held[i].lock == &reclaim_map &&
		    context->held[i].flags >= RECLAIM_NESTED) {
			context->held[i].flags -= RECLAIM_NESTED;
			return;
		}
	}
	held_remove(context, &reclaim_map, 0, SITE("lock_reclaim_exit()"));
}

void lock_map_enter(struct lock_map *map, const void *who, const char *site)
{
	struct lock_class *class = class_of(map, 0, site);

	check_order(machine_current, who, class, true, site);
	held_push(machine_current, who, class, 0, site);
}

void lock_map_exit(const void *who, const char *site)
{
	held_remove(machine_current, who, 0, site);
}
