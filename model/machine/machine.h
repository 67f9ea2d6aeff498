/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The modelled machine, as tests, fuzzers and the scale runs see it.
 *
 * The kernel's own interfaces (alloc_pages() and so on) come from the gate,
 * model/shim/gate.h; here is what a kernel cannot do to itself: boot, switch
 * power off, choose which CPU runs next, make an allocation fail, look at a
 * TLB. One machine at a time in a process.
 */
#ifndef _MODEL_MACHINE_H
#define _MODEL_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct page;

/* Power */

/**
 * struct machine_config - a machine to boot
 * @nr_nodes:	NUMA nodes, 1 to 8
 * @nr_cpus:	CPUs, 1 to 512, spread over the nodes in turn
 * @node_mib:	memory of each node in MiB, even, at least 8
 * @gib_pages:	the direct map may use 1 GiB entries
 * @tlb:	model the TLBs; without it no access is checked
 * @options:	boot options, as on a kernel command line ("dmap_reserve=4M"),
 *		or NULL
 * @seed:	of every choice that the machine makes by itself
 */
struct machine_config {
	unsigned int nr_nodes;
	unsigned int nr_cpus;
	unsigned long node_mib;
	bool gib_pages;
	bool tlb;
	const char *options;
	uint64_t seed;
};

/* A small machine for tests: 1 node, 2 CPUs, 64 MiB, TLBs. */
extern const struct machine_config machine_small;

void machine_boot(const struct machine_config *config);

/*
 * Power off. Gives back what dmap holds and then demands that all is as it was
 * at boot: every page free, the direct map in its large pages, no object left,
 * no timer, no callback. The caller has freed what it allocated. What is left
 * is a violation.
 */
void machine_shutdown(void);

/* The invariants of design section 3, over all of the machine; slow. */
void machine_check(void);

/* Rules */

/*
 * A broken rule: prints what, which task on which CPU in which operation, the
 * locks held, the last operations, the seed and the schedule; then ends the
 * process with abort(), or calls the handler when there is one.
 */
void machine_violation(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
void machine_on_violation(void (*handler)(const char *text));

/* Shorten the file names in a text to what is below kernel/, model/, tools/. */
void machine_short_names(char *text);

/* A kernel call that the model does not have. Never returns. */
void machine_unmodelled(const char *what) __attribute__((noreturn));

/* Name what this task is doing, for reports; a string constant and a number. */
void machine_operation(const char *name, unsigned long argument);

/* Counters of the machine, since boot. */
struct machine_stats {
	unsigned long splits_2m, splits_1g;
	unsigned long collapses_2m, collapses_1g;
	unsigned long flushes;		/* flush_tlb_all() and its kind */
	unsigned long shootdowns;	/* flushes times the CPUs they reach */
	unsigned long locks;		/* acquired */
	unsigned long contended;	/* that had to wait */
	unsigned long online_lookups;	/* pfn_to_online_page(): ranges scanned */
	unsigned long allocations;	/* of the machine's allocators */
	unsigned long reclaims;		/* direct reclaim entered */
};
extern struct machine_stats machine_stats;

/* CPUs and time */

unsigned int machine_cpu(void);
/* Sequential runs only: go on as @cpu. */
void machine_set_cpu(unsigned int cpu);

/* Let time pass: timers, delayed work and RCU callbacks that are due run. */
void machine_pass_time(unsigned long jiffies_);
/* Until nothing is due any more, at most a minute of the machine's time. */
void machine_settle(void);

/* Run @fn as an interrupt handler on this CPU, interrupts off. */
void machine_interrupt(void (*fn)(void *arg), void *arg);

/*
 * Have @fn run as an interrupt handler on @cpu: in an interleaved run at some
 * point where interrupts are enabled there, else at the next point of the task
 * that is on @cpu, or in machine_pass_time().
 */
void machine_post_interrupt(unsigned int cpu, void (*fn)(void *arg), void *arg);

/* A CPU comes or goes: keeps out cpus_read_lock(); waits, so may sleep. */
void machine_hotplug_begin(void);
void machine_hotplug_end(void);

/* Tasks, interleaved or threaded */

typedef void (*machine_task)(void *arg);

/* A task on a CPU, to be run by machine_run(). */
void machine_spawn(unsigned int cpu, const char *name, machine_task fn,
		   void *arg);

/*
 * How machine_run() chooses who goes on at each point (lock, atomic, ...). The
 * seed alone says what happens; with @replay the list of switches alone does.
 */
struct machine_schedule {
	uint64_t seed;
	/*
	 * Of 1024 points, how many switch, on average. 0: the seed chooses the
	 * rate, or one to three switches in the whole run.
	 */
	unsigned int switches;
	/* To replay: the switches, or NULL; with none, all goes by default. */
	const struct machine_switch *replay;
	size_t nr_replay;
};

/*
 * When task @from is at its own point @point, @task goes on. Points are counted
 * for each task by itself, so that a switch means the same when others are left
 * out. Where a task cannot go on, the next one in order does by default, and
 * only another choice is a switch.
 */
struct machine_switch {
	uint32_t point;		/* from 0, at machine_run() */
	uint16_t from;
	uint16_t task;		/* in the order of machine_spawn(), or: */
};

#define MACHINE_IRQ(cpu)	(0x8000 + (cpu))	/* posted interrupts */
#define MACHINE_KWORKER(nr)	(0xff00 + (nr))
#define MACHINE_RCU		0xfff0	/* callbacks after a grace period */
#define MACHINE_TIME		0xffff	/* time jumps to the next timer */

/* Run all tasks until they end. NULL: one after the other, no switches. */
void machine_run(const struct machine_schedule *schedule);

/* What the last (or current) machine_run() did: for replay and shrinking. */
const struct machine_switch *machine_switches(size_t *nr);

/*
 * Where the switches are noted from now on, as they happen, and how many: so
 * that another process can see what one that died was doing. NULL: by itself.
 */
void machine_note_switches(struct machine_switch *where, size_t max, size_t *nr);

/* Points of the last (or current) machine_run(), all tasks together. */
unsigned long machine_points(void);

/* The name of a task number in a switch; valid until the next call. */
const char *machine_task_name(unsigned int task);

/* More points than this in one run are a livelock. */
extern unsigned long machine_max_points;

/*
 * To be told of each switch before it happens, or NULL: at what, whether the
 * task must wait (or has ended), and in which operation it is.
 */
extern void (*machine_on_switch)(const struct machine_switch *sw,
				 const char *what, bool must,
				 const char *operation, unsigned long argument);

/*
 * A place where another CPU may come between. The shim has one at each lock,
 * unlock, atomic operation and barrier; tests may add theirs.
 */
extern int machine_interleaved;		/* points do something now */
void machine_point_slow(const char *what);

static inline void machine_point(const char *what)
{
	if (__builtin_expect(machine_interleaved, 0))
		machine_point_slow(what);
}

/*
 * In the variant "access" each load and store of the kernel's code is a point,
 * too. @what is one of these then, and this the place in the program.
 */
#define MACHINE_LOAD	"load"
#define MACHINE_STORE	"store"
extern const void *machine_access_pc;

/* The same, where the task itself wants others to go on. */
void machine_yield_slow(const char *what);

static inline void machine_yield(const char *what)
{
	if (__builtin_expect(machine_interleaved, 0))
		machine_yield_slow(what);
}

/* Memory */

/* Fail the @nth allocation from now (1 is the next), or none with 0. */
void machine_fail_nth(unsigned long nth);
/* Fail one in @n allocations at random, none with 0. */
void machine_fail_random(unsigned int n);
/* How many allocations were made to fail since the last call of either. */
unsigned long machine_failed(void);

/* Free pages of a node, and how many runs of an order the free lists have. */
unsigned long machine_free_pages(int nid);
unsigned long machine_free_runs(int nid, unsigned int order);

/*
 * Other users' memory. A movable page is page cache: reclaim may take it, and
 * tells nobody, so it is only ever named by its number. It takes what is free.
 * A page that is not reclaimable enters reclaim when a node is full, as for
 * everybody: page cache goes, and what dmap holds idle.
 */
struct page *machine_foreign_alloc(unsigned int order, int nid, bool reclaimable);
void machine_foreign_free(struct page *page, unsigned int order);
/*
 * Fill a node with single foreign pages, then free one page in @one_in at
 * random: no large run is left. machine_unfragment() frees the rest.
 */
void machine_fragment(int nid, unsigned int one_in);
void machine_unfragment(void);

/* Memory hotplug and bad memory, as far as dmap has to do with them. */
int machine_offline(unsigned long pfn, unsigned long nr_pages);
void machine_poison(unsigned long pfn);

/* The text of a debugfs file ("dmap/blocks"); good until it is read again. */
const char *machine_debugfs_read(const char *path);

/*
 * A warning of the kernel (WARN_ON() and so on) is a violation, but for those
 * of dmap_report() and dmap_alloc(), which are about their callers; and while
 * a test allows others. Counted since boot, all of them.
 */
unsigned long machine_warnings(void);
void machine_allow_warnings(bool allow);

/* The direct map */

/*
 * What is odd about the machine. Set it before machine_boot(); parts of it may
 * change while the machine runs. machine_shutdown() makes all normal again.
 */
struct machine_quirks {
	unsigned long kfence_pfn, kfence_pages;	/* KFENCE's pool */
	unsigned long mtrr_pfn;		/* memory types differ from here on */
	unsigned long reserved_pfn, reserved_pages;	/* by the firmware */
	bool no_pse, xen_pv, sev_snp, debug_pagealloc;
	bool pti;			/* no global entries by default */
};
extern struct machine_quirks machine_quirks;


#define MAP_READ	1
#define MAP_WRITE	2

/* What the tables say now: MAP_READ | MAP_WRITE, or 0 for not present. */
unsigned int machine_mapping(unsigned long pfn);
/* Change the 4 KiB entry of a page (it must have one); no flush. */
void machine_set_mapping(unsigned long pfn, unsigned int rights);
void machine_flush_page(unsigned long pfn);	/* on all CPUs */

/*
 * Read or write a page through the direct map as this CPU, by way of its TLB,
 * which may hold an old translation. Returns false for a fault. A write that
 * only a stale entry allows, or that goes through a freed table, is a
 * violation that names the operation that narrowed the permission.
 */
bool machine_read(unsigned long pfn);
bool machine_write(unsigned long pfn);

/* 2 MiB and 1 GiB entries now, and at boot. */
void machine_direct_map(unsigned long *mapped_2m, unsigned long *mapped_1g);
unsigned long machine_lost_2m(void);	/* 2 MiB ranges mapped by 4 KiB now */

/* Bytes that dmap itself holds: descriptors, tree nodes; not page tables. */
unsigned long machine_metadata(void);

#endif /* _MODEL_MACHINE_H */
