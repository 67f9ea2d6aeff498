// SPDX-License-Identifier: GPL-2.0
/*
 * Tasks, and who goes on. Tasks are coroutines: one runs at a time, and at each
 * point (see machine.h) another may go on instead.
 *
 * What belongs to a CPU is kept by three levels: tasks, softirqs, interrupts.
 * A CPU goes on with what is on its highest level. A task that is switched
 * away where it could not be preempted keeps the other tasks of its CPU from
 * running; a handler, once begun, keeps everything below it. Handlers and the
 * kernel's own tasks are coroutines, too, made when there is something for them
 * to do; a switch can name them like any other task.
 *
 * Nothing depends on anything but the seed, or the list of switches: so a run
 * can be had again. All choices that differ from what would happen by default
 * are in the list.
 */
#include "task.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CPUS	512

volatile unsigned long machine_jiffies;
unsigned int sched_nr_cpus = 1;

static struct task_struct main_context = {
	.task = &main_context,
	.name = "main",
};
__model_thread struct task_struct *machine_current = &main_context;

/* Contexts */

void context_init(struct task_struct *context, const char *name,
		  unsigned int cpu)
{
	context->task = context;
	context->count = 0;
	context->irqs_off = 0;
	context->rcu = 0;
	context->cpu = cpu;
	context->depth = 0;
	context->name = name;
	context->operation = NULL;
	context->argument = 0;
	context->under = NULL;
}

static void check_end(struct task_struct *context, unsigned int count,
		      unsigned int irqs_off)
{
	if (context->depth)
		machine_violation("%s ends with locks held", context->name);
	else if (context->count != count || context->irqs_off != irqs_off)
		machine_violation("%s ends with interrupts or preemption off",
				  context->name);
	else if (context->rcu)
		machine_violation("%s ends in an RCU read section",
				  context->name);
}

void context_check_end(struct task_struct *context)
{
	check_end(context, 0, 0);
}

void sched_nested(unsigned int count, const char *name, void (*fn)(void *arg),
		  void *arg)
{
	struct task_struct context, *under = machine_current;
	unsigned int irqs_off = count == COUNT_HARDIRQ;

	context_init(&context, name, under->cpu);
	context.task = under->task;
	context.under = under;
	context.operation = under->operation;
	context.argument = under->argument;
	machine_current = &context;
	context_count_enter();
	context.count = count;
	context.irqs_off = irqs_off;
	fn(arg);
	check_end(&context, count, irqs_off);
	context_count_leave();
	machine_current = under;
}

unsigned int machine_cpu(void)
{
	return machine_current->cpu;
}

/* Interrupts that were posted, in order, for each CPU */

struct posted {
	struct posted *next;
	unsigned int cpu;
	void (*fn)(void *arg);
	void *arg;
};

static struct posted *posted, **posted_last = &posted;

bool posted_on(unsigned int cpu)
{
	struct posted *p;
	bool any = false;

	if (!__once_load(&posted))
		return false;
	model_lock();
	for (p = posted; p && !any; p = p->next)
		any = p->cpu == cpu;
	model_unlock();
	return any;
}

static struct posted *posted_take(unsigned int cpu)
{
	struct posted **at = &posted, *p;

	model_lock();
	while ((p = *at) && p->cpu != cpu)
		at = &p->next;
	if (p) {
		__once_store(at, p->next);
		if (posted_last == &p->next)
			posted_last = at;
	}
	model_unlock();
	return p;
}

void posted_add(unsigned int cpu, void (*fn)(void *arg), void *arg)
{
	struct posted *p = malloc(sizeof(*p));

	if (!p)
		abort();
	*p = (struct posted){ NULL, cpu, fn, arg };
	model_lock();
	__once_store(posted_last, p);
	posted_last = &p->next;
	model_unlock();
}

/* On top of who is there. */
void posted_run(unsigned int cpu)
{
	struct posted *p;

	while (!machine_current->irqs_off && (p = posted_take(cpu))) {
		sched_nested(COUNT_HARDIRQ, "interrupt", p->fn, p->arg);
		free(p);
	}
}

void machine_interrupt(void (*fn)(void *arg), void *arg)
{
	if (machine_current->irqs_off)
		machine_post_interrupt(machine_current->cpu, fn, arg);
	else
		sched_nested(COUNT_HARDIRQ, "interrupt", fn, arg);
}

/* Tasks that wait for machine_run() */

struct sched_spawned spawned[MAX_SPAWNED];
unsigned int nr_spawned;

static void run_sequential(void)
{
	struct task_struct context, *under = machine_current;
	unsigned int i;

	for (i = 0; i < nr_spawned; i++) {
		context_init(&context, spawned[i].name, spawned[i].cpu);
		machine_current = &context;
		spawned[i].fn(spawned[i].arg);
		context_check_end(&context);
		machine_current = under;
	}
	nr_spawned = 0;
}

void machine_set_cpu(unsigned int cpu)
{
	if (machine_current != &main_context ||
	    context_is_atomic(&main_context) || cpu >= sched_nr_cpus)
		machine_violation("machine_set_cpu(%u) here", cpu);
	main_context.cpu = cpu;
}

#ifndef MODEL_THREADS

static const char *task_name(unsigned int number)
{
	static char names[2][32];
	static unsigned int turn;
	char *name = names[turn++ % 2];

	if (number == MACHINE_TIME)
		return "time";
	if (number == MACHINE_RCU)
		return "rcu";
	if (number >= MACHINE_KWORKER(0))
		snprintf(name, sizeof(names[0]), "kworker/%u",
			 number - MACHINE_KWORKER(0));
	else if (number >= MACHINE_IRQ(0))
		snprintf(name, sizeof(names[0]), "irq/%u",
			 number - MACHINE_IRQ(0));
	else
		snprintf(name, sizeof(names[0]), "task %u", number);
	return name;
}

/* What threads.c has of its own. */

unsigned long machine_max_points = 1UL << 20;
void (*machine_on_switch)(const struct machine_switch *sw, const char *what,
			  bool must, const char *operation,
			  unsigned long argument);
int machine_interleaved;
unsigned int sched_waiting;

/* Only threads need to be told. */
void context_count_enter(void) {}
void context_count_leave(void) {}

/* Coroutines */

#include <sys/mman.h>
#ifndef __x86_64__
#include <ucontext.h>
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COROUTINE_ASAN
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define COROUTINE_ASAN
#endif

#ifdef COROUTINE_ASAN
void __sanitizer_start_switch_fiber(void **fake_stack, const void *bottom,
				    size_t size);
void __sanitizer_finish_switch_fiber(void *fake_stack, const void **bottom,
				     size_t *size);
void __asan_unpoison_memory_region(const volatile void *addr, size_t size);
#else
#define __sanitizer_start_switch_fiber(fake, bottom, size)	((void)(fake))
#define __sanitizer_finish_switch_fiber(fake, bottom, size)	((void)(fake))
#define __asan_unpoison_memory_region(addr, size)		((void)0)
#endif

#define STACK_SIZE	(256UL << 10)
#define GUARD_SIZE	4096UL
#define NR_KWORKERS	2
#define MAX_SWITCHES	65536
#define FAIR		20000	/* points in a row, if others can go on */
#define YIELD		200	/* a yield counts for so many */
#define MAIN_NUMBER	0xfffe

enum level { TASK, SOFTIRQ, HARDIRQ, NR_LEVELS };

enum state {
	NOTHING,	/* nothing to do: ended, or not made yet */
	NEW,		/* to be started */
	BEGUN,
};

struct coroutine {
	struct task_struct context;
	struct task_struct *running;	/* machine_current, while away */
	u16 number;
	u8 level;
	u8 state;
	const void *wait;		/* for sched_wake() */
	const char *wait_what;
	bool sleeping;			/* until */
	unsigned long until;
	machine_task fn;
	void *arg;
	u32 point;
	u32 priority;
	size_t cursor;			/* its next switch in the replay */
	bool keeps_rcu;			/* the grace period waits for it */
#ifdef __x86_64__
	void *sp;
#else
	ucontext_t uc;
#endif
	char *stack;
	void *fake_stack;
	const void *bottom;		/* for the sanitizer */
	size_t size;
};

static struct coroutine main_co = { .number = MAIN_NUMBER, .state = BEGUN };

/* In order: tasks, kworkers, rcu, interrupts. */
static struct coroutine *all[MAX_SPAWNED + NR_KWORKERS + 1 + MAX_CPUS];
static unsigned int nr_all, nr_pool;
static struct coroutine *pool[MAX_SPAWNED + NR_KWORKERS + 1 + MAX_CPUS];
static struct coroutine *irq_of[MAX_CPUS];
static struct coroutine *kworkers[NR_KWORKERS], *rcu_co;

static struct {
	struct coroutine *holder[NR_LEVELS];
	struct coroutine *last;
} cpus[MAX_CPUS];

static struct {
	bool active;
	struct machine_schedule schedule;
	bool pct;
	struct coroutine *self;
	unsigned int nr_tasks, nr_left;
	unsigned long points;
	unsigned long streak;		/* without a switch */
	unsigned long countdown;	/* to the next switch */
	u64 random;
	unsigned int nr_changes;	/* PCT */
	unsigned long changes[3];
	u32 lowest;
	bool look;			/* PCT: somebody can go on now */
} run;

static struct machine_switch own_switches[MAX_SWITCHES];
static struct machine_switch *switches = own_switches;
static size_t max_switches = MAX_SWITCHES;
static size_t own_nr_switches, *nr_switches = &own_nr_switches;

void machine_note_switches(struct machine_switch *where, size_t max, size_t *nr)
{
	switches = where ? where : own_switches;
	max_switches = where ? max : MAX_SWITCHES;
	nr_switches = where ? nr : &own_nr_switches;
	*nr_switches = 0;
}

const struct machine_switch *machine_switches(size_t *nr)
{
	*nr = *nr_switches;
	return switches;
}

unsigned long machine_points(void)
{
	return run.points;
}

/*
 * The switch itself. swapcontext() would do, but for a system call each time,
 * and the address sanitizer forgets about all frames of a stack with it.
 */
#ifdef __x86_64__
void model_swap(void **from, void *to);
asm(".text\n"
    ".type model_swap, @function\n"
    "model_swap:\n"
    "	pushq %rbp\n"
    "	pushq %rbx\n"
    "	pushq %r12\n"
    "	pushq %r13\n"
    "	pushq %r14\n"
    "	pushq %r15\n"
    "	movq %rsp, (%rdi)\n"
    "	movq %rsi, %rsp\n"
    "	popq %r15\n"
    "	popq %r14\n"
    "	popq %r13\n"
    "	popq %r12\n"
    "	popq %rbx\n"
    "	popq %rbp\n"
    "	ret\n"
    ".size model_swap, . - model_swap\n");

static void co_swap(struct coroutine *from, struct coroutine *to)
{
	model_swap(&from->sp, to->sp);
}

/* As if @entry had been called on the stack, and six registers pushed. */
static void co_stack(struct coroutine *co, void (*entry)(void))
{
	void **top = (void **)(co->stack + STACK_SIZE);

	top[-1] = NULL;
	top[-2] = entry;
	memset(top - 8, 0, 6 * sizeof(*top));
	co->sp = top - 8;
}
#else
static void co_swap(struct coroutine *from, struct coroutine *to)
{
	if (swapcontext(&from->uc, &to->uc))
		abort();
}

static void co_stack(struct coroutine *co, void (*entry)(void))
{
	if (getcontext(&co->uc))
		abort();
	co->uc.uc_stack.ss_sp = co->stack;
	co->uc.uc_stack.ss_size = STACK_SIZE;
	co->uc.uc_link = NULL;
	makecontext(&co->uc, entry, 0);
}
#endif

static u64 random_next(void)
{
	u64 z = run.random += 0x9e3779b97f4a7c15UL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9UL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebUL;
	return z ^ z >> 31;
}

static u64 random_below(u64 n)
{
	return (unsigned __int128)random_next() * n >> 64;
}

/* Uniform: each point with the probability 1/mean, by way of the gaps. */
static unsigned long random_gap(void)
{
	unsigned int rate = run.schedule.switches;
	unsigned long gap = 1;

	if (!rate)
		return ~0UL;
	while (gap < 65536 && random_below(1024) >= rate)
		gap++;
	return gap;
}

const char *machine_task_name(unsigned int number)
{
	static char name[64];

	if (number < run.nr_tasks) {
		snprintf(name, sizeof(name), "%s/%u",
			 all[number]->context.name, number);
		return name;
	}
	if (number == MAIN_NUMBER)
		return "main";
	return task_name(number);
}

static struct coroutine *co_make(unsigned int number, enum level level,
				 const char *name, unsigned int cpu)
{
	struct coroutine *co;

	if (nr_all == ARRAY_SIZE(all))
		abort();
	if (nr_all == nr_pool) {
		pool[nr_pool] = calloc(1, sizeof(*co));
		if (!pool[nr_pool])
			abort();
		nr_pool++;
	}
	co = pool[nr_all];
	context_init(&co->context, name, cpu);
	co->running = &co->context;
	co->number = number;
	co->level = level;
	co->state = NOTHING;
	co->wait = NULL;
	co->sleeping = false;
	co->point = 0;
	co->cursor = 0;
	co->keeps_rcu = false;
	co->priority = random_next() >> 33 | 1U << 16;
	all[nr_all++] = co;
	return co;
}

static bool context_is_quiet(const struct task_struct *context)
{
	for (; context; context = context->under)
		if (context->rcu || context_is_atomic(context))
			return false;
	return true;
}

/* Grace periods */

static struct {
	bool active;
	unsigned int nr_keep;		/* coroutines that it waits for */
	struct callback_head *batch, *ready;
} gp;

static void gp_poll(void)
{
	struct coroutine *co;
	unsigned int i;

	if (gp.active && !gp.nr_keep && !gp.ready) {
		gp.ready = gp.batch;
		gp.active = false;
	}
	if (gp.active || gp.ready || !rcu_callbacks_waiting())
		return;
	gp.batch = rcu_take_waiting();
	gp.active = true;
	for (i = 0; i < nr_all; i++) {
		co = all[i];
		if (co->state != BEGUN ||
		    context_is_quiet(co == run.self ? machine_current :
				     co->running))
			continue;
		co->keeps_rcu = true;
		gp.nr_keep++;
	}
	if (!gp.nr_keep) {
		gp.ready = gp.batch;
		gp.active = false;
	}
}

static void gp_leave(struct coroutine *co)
{
	co->keeps_rcu = false;
	gp.nr_keep--;
	gp_poll();
	run.look = true;
}

/* Who can go on? */

static void note_holder(struct coroutine *co)
{
	struct coroutine **holder = &cpus[co->context.cpu].holder[co->level];

	if (co->state != BEGUN || co == &main_co)
		return;
	if (co->level != TASK || context_is_atomic(co->running))
		*holder = co;
	else if (*holder == co)
		*holder = NULL;
}

static bool cpu_lets(const struct coroutine *co, unsigned int cpu)
{
	struct coroutine *const *holder = cpus[cpu].holder;
	const struct task_struct *below;
	int level;

	for (level = HARDIRQ; level >= 0; level--) {
		if (!holder[level] || holder[level] == co)
			continue;
		if (level >= co->level)
			return false;
		below = holder[level]->running;
		if (below->irqs_off)
			return false;
		if (co->level == SOFTIRQ &&
		    below->count & (COUNT_BH_MASK | COUNT_SOFTIRQ_MASK))
			return false;
	}
	return true;
}

static bool can_run(struct coroutine *co, bool begin)
{
	unsigned int cpu;

	if (co->state == BEGUN || co->state == NEW) {
		if (co->wait || (co->sleeping &&
				 time_before(machine_jiffies, co->until)))
			return false;
		return cpu_lets(co, co->context.cpu);
	}
	if (co->level == HARDIRQ)
		return posted && posted_on(co->context.cpu) &&
		       cpu_lets(co, co->context.cpu);
	if (!begin)
		return false;
	if (co == rcu_co)
		return gp.ready && cpu_lets(co, co->context.cpu);
	if (co->number < MACHINE_KWORKER(0) || !work_due(machine_jiffies))
		return false;
	/* On a CPU that is free for it, from the last on. */
	for (cpu = sched_nr_cpus; cpu--; ) {
		if (cpu_lets(co, cpu)) {
			co->context.cpu = cpu;
			return true;
		}
	}
	return false;
}

static bool next_expiry(unsigned long *expires)
{
	bool any = work_next_expiry(expires);
	unsigned int i;

	for (i = 0; i < nr_all; i++) {
		if (all[i]->state != BEGUN || !all[i]->sleeping)
			continue;
		if (!any || time_before(all[i]->until, *expires))
			*expires = all[i]->until;
		any = true;
	}
	return any;
}

/* Time jumps to the next timer that is not due yet. */
static bool time_jump(void)
{
	unsigned long expires;

	if (!next_expiry(&expires) || !time_after(expires, machine_jiffies))
		return false;
	machine_jiffies = expires;
	run.look = true;
	return true;
}

/* Switching */

static void co_begin(struct coroutine *co);
/* Returns when the same coroutine is to begin once more. */
static void co_end(struct coroutine *co);

static void co_entry(void)
{
	struct coroutine *co = run.self;

	/* The first one comes from the main program, whose stack this is. */
	if (main_co.size)
		__sanitizer_finish_switch_fiber(NULL, NULL, NULL);
	else
		__sanitizer_finish_switch_fiber(NULL, &main_co.bottom,
						&main_co.size);
	for (;;) {
		co->fn(co->arg);
		co_end(co);
		co_begin(co);
	}
}

static void rcu_entry(void *arg)
{
	struct callback_head *list = gp.ready;

	gp.ready = NULL;
	gp_poll();
	rcu_run(list);
}

static void irq_entry(void *arg)
{
	struct coroutine *co = run.self;
	struct posted *p = posted_take(co->context.cpu);

	p->fn(p->arg);
	free(p);
}

static void kworker_entry(void *arg)
{
	work_run_one();
}

static void co_start(struct coroutine *co)
{
	void *stack;

	if (!co->stack) {
		stack = mmap(NULL, STACK_SIZE + GUARD_SIZE,
			     PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (stack == MAP_FAILED ||
		    mprotect(stack, GUARD_SIZE, PROT_NONE))
			abort();
		co->stack = (char *)stack + GUARD_SIZE;
	}
	/* Frames of a coroutine that ended here, whose functions did not return. */
	__asan_unpoison_memory_region(co->stack, STACK_SIZE);
	co->bottom = co->stack;
	co->size = STACK_SIZE;
	co_stack(co, co_entry);
	co_begin(co);
}

static void co_begin(struct coroutine *co)
{
	struct coroutine *last = cpus[co->context.cpu].last;

	co->context.operation = NULL;
	co->running = &co->context;
	co->context.depth = 0;
	co->context.rcu = 0;
	switch (co->level) {
	case TASK:
		co->context.count = 0;
		co->context.irqs_off = 0;
		break;
	case SOFTIRQ:
		co->context.count = COUNT_SOFTIRQ;
		co->context.irqs_off = 0;
		break;
	case HARDIRQ:
		co->context.count = COUNT_HARDIRQ;
		co->context.irqs_off = 1;
		break;
	}
	if (co->level != TASK)
		co->context.task = last && last->state == BEGUN ?
				   last->running->task : &co->context;
	co->state = BEGUN;
}

static void switch_to(struct coroutine *to)
{
	struct coroutine *from = run.self;
	bool ended = from->state == NOTHING;

	if (to == from)
		return;
	if (to != &main_co && to->state != BEGUN)
		co_start(to);
	if (to->level == TASK && to != &main_co)
		cpus[to->context.cpu].last = to;
	to->sleeping = false;
	run.streak = 0;
	run.self = to;
	machine_current = to->running;
	__sanitizer_start_switch_fiber(ended ? NULL : &from->fake_stack,
				       to->bottom, to->size);
	co_swap(from, to);
	__sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
}

static void note_switch(u32 point, unsigned int from, unsigned int to)
{
	struct machine_switch sw = { point, from, to };

	if (*nr_switches < max_switches)
		switches[(*nr_switches)++] = sw;
}

static void tell_switch(u32 point, unsigned int to, const char *what, bool must)
{
	struct machine_switch sw = { point, run.self->number, to };

	if (machine_on_switch)
		machine_on_switch(&sw, what, must, run.self->running->operation,
				  run.self->running->argument);
}

static struct coroutine *by_number(unsigned int number)
{
	unsigned int i;

	for (i = 0; i < nr_all; i++)
		if (all[i]->number == number)
			return all[i];
	return NULL;
}

/* The next switch of this task in the replay, if it is at this point. */
static const struct machine_switch *replay_next(struct coroutine *co, u32 point)
{
	const struct machine_switch *list = run.schedule.replay;
	size_t nr = run.schedule.nr_replay;

	for (; co->cursor < nr; co->cursor++) {
		if (list[co->cursor].from != co->number ||
		    list[co->cursor].point < point)
			continue;
		return list[co->cursor].point == point ?
		       &list[co->cursor++] : NULL;
	}
	return NULL;
}

static unsigned int candidates(struct coroutine **list, bool begin)
{
	unsigned int i, nr = 0;

	for (i = 0; i < nr_all; i++)
		if ((all[i] != run.self || all[i]->state == NOTHING) &&
		    can_run(all[i], begin))
			list[nr++] = all[i];
	return nr;
}

static struct coroutine *next_in_order(struct coroutine **list, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (list[i]->number > run.self->number)
			return list[i];
	return list[0];
}

static struct coroutine *highest(struct coroutine **list, unsigned int nr)
{
	struct coroutine *best = list[0];
	unsigned int i;

	for (i = 1; i < nr; i++)
		if (list[i]->priority > best->priority)
			best = list[i];
	return best;
}

static void sched_deadlock(void)
{
	machine_violation("deadlock: nobody can go on");
	abort();
}

/* This one cannot go on: who does? @what says why. */
static void switch_away(const char *what)
{
	static struct coroutine *list[ARRAY_SIZE(all)];
	struct coroutine *self = run.self, *to, *usual;
	const struct machine_switch *sw;
	u32 point = self->point++;
	unsigned int nr;
	bool begin = true;

	self->running = machine_current;
	note_holder(self);
	for (;;) {
		gp_poll();
		/* When the last task has ended, what has begun is ended. */
		begin = run.nr_left || self->wait || self->sleeping;
		nr = candidates(list, begin);
		if (!begin && !nr) {
			unsigned int i;

			for (i = 0; i < nr_all; i++)
				if (all[i]->state == BEGUN)
					begin = true;
			if (!begin) {
				switch_to(&main_co);
				return;
			}
			nr = candidates(list, true);
		}
		if (nr)
			break;
		/* Who slept may be the one to go on. */
		if (self->state == BEGUN && self != &main_co &&
		    can_run(self, false))
			return;
		if (!time_jump())
			sched_deadlock();
	}

	usual = to = next_in_order(list, nr);
	if (run.schedule.replay) {
		sw = replay_next(self, point);
		if (sw) {
			to = by_number(sw->task);
			if (!to || (to == self && self->state != NOTHING) ||
			    !can_run(to, true))
				to = usual;
		}
	} else if (run.pct) {
		to = highest(list, nr);
	} else {
		to = list[random_below(nr)];
	}
	if (to != usual)
		note_switch(point, self->number, to->number);
	tell_switch(point, to->number, what, true);
	switch_to(to);
}

static void try_switch(u32 point, struct coroutine *to, bool note,
		       const char *what)
{
	if (note) {
		/* One that cannot be noted cannot be had again. */
		if (*nr_switches == max_switches)
			return;
		note_switch(point, run.self->number, to->number);
	}
	tell_switch(point, to->number, what, false);
	switch_to(to);
}

static void replay_point(u32 point, const char *what)
{
	struct coroutine *self = run.self, *to;
	const struct machine_switch *sw;

	while ((sw = replay_next(self, point))) {
		if (sw->task == MACHINE_TIME) {
			if (time_jump()) {
				note_switch(point, self->number, MACHINE_TIME);
				tell_switch(point, MACHINE_TIME, what, false);
			}
			continue;
		}
		gp_poll();
		to = by_number(sw->task);
		if (to && to != self && can_run(to, true)) {
			try_switch(point, to, true, what);
			return;
		}
	}
}

static void random_point(u32 point, const char *what)
{
	static struct coroutine *list[ARRAY_SIZE(all) + 1];
	struct coroutine *self = run.self;
	unsigned long expires;
	unsigned int nr, pick;
	bool time;

	gp_poll();
	nr = candidates(list, true);
	time = next_expiry(&expires) && time_after(expires, machine_jiffies);
	pick = random_below(nr + time);
	if (nr + time == 0)
		return;
	if (pick < nr) {
		try_switch(point, list[pick], true, what);
	} else if (*nr_switches < max_switches) {
		time_jump();
		note_switch(point, self->number, MACHINE_TIME);
		tell_switch(point, MACHINE_TIME, what, false);
	}
}

static void pct_point(u32 point, const char *what)
{
	static struct coroutine *list[ARRAY_SIZE(all) + 1];
	struct coroutine *self = run.self, *to;
	unsigned int i, nr;

	for (i = 0; i < run.nr_changes; i++) {
		if (run.changes[i] != run.points)
			continue;
		self->priority = --run.lowest;
		run.look = true;
		if (!random_below(4) && *nr_switches < max_switches &&
		    time_jump()) {
			note_switch(point, self->number, MACHINE_TIME);
			tell_switch(point, MACHINE_TIME, what, false);
		}
	}
	if (!run.look)
		return;
	run.look = false;
	gp_poll();
	nr = candidates(list, true);
	if (!nr)
		return;
	to = highest(list, nr);
	if (to->priority > self->priority)
		try_switch(point, to, true, what);
}

static void fair_point(u32 point, const char *what)
{
	static struct coroutine *list[ARRAY_SIZE(all)];
	unsigned int nr;

	run.streak = 0;
	gp_poll();
	nr = candidates(list, true);
	if (nr) {
		run.self->priority = --run.lowest;
		try_switch(point, next_in_order(list, nr), false, what);
	} else if (time_jump()) {
		tell_switch(point, MACHINE_TIME, what, false);
	}
}

static void point(const char *what, unsigned int weight)
{
	struct coroutine *self = run.self;
	u32 nr;

	if (unlikely(!run.active)) {
		/* Not interleaved: an interrupt was posted. */
		machine_interleaved = 0;
		posted_run(machine_current->cpu);
		machine_interleaved = posted != NULL;
		return;
	}
	if (unlikely(self == &main_co))
		return;

	nr = self->point++;
	run.points++;
	run.streak += weight;
	if (unlikely(run.points >= machine_max_points)) {
		machine_violation("livelock: %lu points in one run, now at %s",
				  run.points, what);
		abort();
	}
	if (unlikely(self->keeps_rcu) && context_is_quiet(machine_current))
		gp_leave(self);
	self->running = machine_current;
	if (unlikely(run.streak >= FAIR)) {
		note_holder(self);
		fair_point(nr, what);
	} else if (run.schedule.replay) {
		if (self->cursor < run.schedule.nr_replay) {
			note_holder(self);
			replay_point(nr, what);
		}
	} else if (run.pct) {
		note_holder(self);
		pct_point(nr, what);
	} else if (!--run.countdown) {
		run.countdown = random_gap();
		note_holder(self);
		random_point(nr, what);
	}
}

void machine_point_slow(const char *what)
{
	point(what, 1);
}

void machine_yield_slow(const char *what)
{
	point(what, YIELD);
}

/* Waiting */

void sched_wait(const void *on, const char *what)
{
	struct coroutine *self = run.self;

	if (!run.active || self == &main_co) {
		machine_violation("deadlock: nobody else can go on: %s", what);
		abort();
	}
	self->wait = on;
	self->wait_what = what;
	sched_waiting++;
	switch_away(what);
}

void sched_wake_slow(const void *on)
{
	unsigned int i;

	for (i = 0; i < nr_all; i++) {
		if (all[i]->wait != on)
			continue;
		all[i]->wait = NULL;
		sched_waiting--;
		run.look = true;
	}
}

void sched_sleep(unsigned long until, const char *what)
{
	struct coroutine *self = run.self;

	if (!run.active || self == &main_co) {
		machine_pass_time(until - machine_jiffies);
		return;
	}
	while (time_before(machine_jiffies, until)) {
		self->sleeping = true;
		self->until = until;
		switch_away(what);
	}
	self->sleeping = false;
}

bool sched_running(void)
{
	return run.active && run.self != &main_co;
}

void sched_kick(void)
{
	run.look = true;
	if (run.active)
		gp_poll();
}

/* The main program and the tasks of machine_run() */

static void co_end(struct coroutine *co)
{
	switch (co->level) {
	case TASK:
		context_check_end(&co->context);
		break;
	case SOFTIRQ:
		check_end(&co->context, COUNT_SOFTIRQ, 0);
		break;
	case HARDIRQ:
		check_end(&co->context, COUNT_HARDIRQ, 1);
		break;
	}
	if (co->number < run.nr_tasks)
		run.nr_left--;
	co->state = NOTHING;
	co->context.count = 0;
	co->context.irqs_off = 0;
	cpus[co->context.cpu].holder[co->level] = NULL;
	if (co->keeps_rcu)
		gp_leave(co);
	switch_away("ended");
}

void machine_post_interrupt(unsigned int cpu, void (*fn)(void *arg), void *arg)
{
	if (cpu >= sched_nr_cpus)
		machine_violation("no CPU %u to interrupt", cpu);
	posted_add(cpu, fn, arg);
	if (!run.active) {
		machine_interleaved = 1;
		return;
	}
	run.look = true;
	if (!irq_of[cpu]) {
		irq_of[cpu] = co_make(MACHINE_IRQ(cpu), HARDIRQ, "interrupt",
				      cpu);
		irq_of[cpu]->fn = irq_entry;
	}
}

/* How often, or at which points, if the schedule leaves it to the seed. */
static void choose_policy(void)
{
	static const unsigned int rates[] = { 8, 32, 128, 512 };
	unsigned long length;
	unsigned int i;

	run.pct = false;
	if (run.schedule.replay || run.schedule.switches)
		return;
	if (random_below(2)) {
		run.schedule.switches = rates[random_below(ARRAY_SIZE(rates))];
		return;
	}
	run.pct = true;
	run.nr_changes = 1 + random_below(ARRAY_SIZE(run.changes));
	length = 16UL << random_below(11);
	for (i = 0; i < run.nr_changes; i++)
		run.changes[i] = 1 + random_below(length);
}

void sched_run(const struct machine_schedule *schedule)
{
	static const char * const kworker_names[NR_KWORKERS] = {
		"kworker/0", "kworker/1",
	};
	struct task_struct *under = machine_current;
	unsigned int i;

	memset(&run, 0, sizeof(run));
	memset(cpus, 0, sizeof(cpus[0]) * sched_nr_cpus);
	memset(irq_of, 0, sizeof(irq_of[0]) * sched_nr_cpus);
	run.schedule = *schedule;
	run.random = schedule->seed;
	run.lowest = 1U << 16;
	*nr_switches = 0;
	nr_all = 0;
	choose_policy();
	run.countdown = random_gap();

	for (i = 0; i < nr_spawned; i++) {
		struct coroutine *co = co_make(i, TASK, spawned[i].name,
					       spawned[i].cpu);

		co->fn = spawned[i].fn;
		co->arg = spawned[i].arg;
		co->state = NEW;
	}
	run.nr_tasks = run.nr_left = nr_spawned;
	nr_spawned = 0;
	for (i = 0; i < NR_KWORKERS; i++) {
		kworkers[i] = co_make(MACHINE_KWORKER(i), TASK,
				      kworker_names[i], 0);
		kworkers[i]->fn = kworker_entry;
	}
	rcu_co = co_make(MACHINE_RCU, SOFTIRQ, "rcu", 0);
	rcu_co->fn = rcu_entry;

	main_co.state = BEGUN;
	main_co.wait = NULL;
	main_co.point = 0;
	main_co.cursor = 0;
	run.self = &main_co;
	run.active = true;
	machine_interleaved = 1;
	if (run.nr_left)
		switch_away("start");
	run.active = false;
	gp.nr_keep = 0;
	machine_interleaved = posted != NULL;
	machine_current = under;
	sched_waiting = 0;
}

/* Callbacks whose grace period has begun in a run that is over. */
struct callback_head *sched_take_batch(void)
{
	struct callback_head *list = gp.ready;

	gp.ready = NULL;
	if (!list && gp.active) {
		list = gp.batch;
		gp.active = false;
	}
	gp.nr_keep = 0;
	return list;
}

/* For reports */

void sched_print_tasks(void)
{
	unsigned int i;

	if (!run.active)
		return;
	if (run.self->wait)
		report("  it waits: %s\n", run.self->wait_what);
	for (i = 0; i < nr_all; i++) {
		const struct coroutine *co = all[i];

		if (co == run.self || (co->state != BEGUN && !co->wait))
			continue;
		report("  also %s on CPU %u%s%s%s%s%s", co->running->name,
		       co->running->cpu,
		       co->wait ? ", waits: " : co->sleeping ? ", sleeps" : "",
		       co->wait ? co->wait_what : "",
		       co->running->operation ? ", in " : "",
		       co->running->operation ? co->running->operation : "",
		       co->running->depth ? ", holding:\n" : "\n");
		lock_print_held(co->running);
	}
}

void sched_print_schedule(void)
{
	size_t i;

	if (!run.active)
		return;
	report("run: seed %llu, %lu points, %zu switches\n",
	       (unsigned long long)run.schedule.seed, run.points, *nr_switches);
	if (*nr_switches > 1000)
		return;
	report("schedule:");
	for (i = 0; i < *nr_switches; i++)
		report(" %u:%u:%u", switches[i].from, switches[i].point,
		       switches[i].task);
	report("\n");
}

#endif /* !MODEL_THREADS */

/* The main program */

void machine_spawn(unsigned int cpu, const char *name, machine_task fn,
		   void *arg)
{
	if (cpu >= sched_nr_cpus || nr_spawned == MAX_SPAWNED || sched_running()) {
		machine_violation("machine_spawn(%u, \"%s\") here", cpu, name);
		abort();
	}
	spawned[nr_spawned++] = (struct sched_spawned){ fn, arg, name, cpu };
}

void machine_run(const struct machine_schedule *schedule)
{
	if (machine_current != &main_context) {
		machine_violation("machine_run() in a task");
		abort();
	}
	if (context_is_atomic(&main_context) || main_context.rcu ||
	    main_context.depth) {
		machine_violation("machine_run() with locks held or interrupts off");
		abort();
	}
	if (schedule)
		sched_run(schedule);
	else
		run_sequential();
}

void sched_deliver(void)
{
	unsigned int cpu = main_context.cpu, i;

	if (!posted)
		return;
	for (i = 0; i < sched_nr_cpus; i++) {
		machine_current->cpu = i;
		posted_run(i);
	}
	machine_current->cpu = cpu;
	machine_interleaved = 0;
}

/* Boot */

void sched_boot(unsigned int nr_cpus)
{
	if (nr_cpus > MAX_CPUS || !nr_cpus)
		abort();
	sched_nr_cpus = nr_cpus;
	nr_spawned = 0;
	machine_current = &main_context;
	context_init(&main_context, "main", 0);
	while (posted)
		free(posted_take(posted->cpu));
	machine_interleaved = 0;
	violation_boot();
	time_boot();
}

void sched_shutdown(void)
{
	if (machine_current != &main_context)
		machine_violation("shutdown in a task");
	context_check_end(&main_context);
	if (nr_spawned)
		machine_violation("tasks that were never run");
	if (posted)
		machine_violation("an interrupt that was never delivered");
	time_shutdown();
}
