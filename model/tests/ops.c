// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "ops.h"
#include "reference.h"

/* Pages that one task allocates and another frees. */
#define MAILBOXES	8
static struct ops_live mailboxes[MAILBOXES];
static DEFINE_SPINLOCK(mailbox_lock);

/* Other users' pages, for pressure and fragmentation; one task at a time. */
#define MAX_FOREIGN	4096
static struct page *foreign[MAX_FOREIGN];
static unsigned int nr_foreign;
static DEFINE_SPINLOCK(foreign_lock);

/*
 * Whether a page is somebody's, by its number: no page may be handed out twice,
 * whatever the cache's own books say. Machines here have less than 4 GiB.
 */
static unsigned char taken[1UL << 20];

static void claim(struct page *page, unsigned int order)
{
	unsigned long pfn = page_to_pfn(page), end = pfn + (1UL << order);

	for (; pfn < end; pfn++)
		if (__atomic_exchange_n(&taken[pfn % ARRAY_SIZE(taken)], 1,
					__ATOMIC_RELAXED))
			machine_violation("page 0x%lx was handed out twice", pfn);
}

static void disclaim(struct page *page, unsigned int order)
{
	unsigned long pfn = page_to_pfn(page), end = pfn + (1UL << order);

	for (; pfn < end; pfn++)
		__atomic_store_n(&taken[pfn % ARRAY_SIZE(taken)], 0,
				 __ATOMIC_RELAXED);
}

uint64_t ops_rand(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;	/* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/*
 * The page that a request must get, by the reference. Who may sleep has the
 * first node refilled before the next one is asked; who may not takes what is
 * idle anywhere.
 */
static long expected(gfp_t gfp, unsigned int order, int nid)
{
	struct zonelist *zonelist = node_zonelist(nid, gfp);
	struct zoneref *z;
	struct zone *zone;
	long pfn;

	for_each_zone_zonelist_nodemask(zone, z, zonelist, ZONE_NORMAL, NULL) {
		pfn = reference_choose(zone_to_nid(zone), dmap_life_of(gfp), order);
		if (pfn != -1 || gfpflags_allow_blocking(gfp))
			return pfn;
	}
	return -1;
}

/* @failed: an allocation was made to fail meanwhile; it may have been this. */
static void check_allocated(struct page *page, gfp_t gfp, unsigned int order,
			    long want, bool failed)
{
	struct dmap_block *block;
	unsigned long pfn;
	long chosen;

	reference_absorb();
	if (!page) {
		if (want != -1 && !failed)
			machine_violation("request of order %u not served, though page 0x%lx is idle",
					  order, want);
		return;
	}
	pfn = page_to_pfn(page);
	block = dmap_block_of(pfn);
	if (!block)
		machine_violation("page 0x%lx is of no block", pfn);
	if (want >= 0 && pfn != want)
		machine_violation("page 0x%lx handed out, 0x%lx expected", pfn, want);
	/* After a refill the same rule holds for the blocks there are now. */
	chosen = reference_choose(block->class->nid,
				  block->class == dmap_classes[block->class->nid][DMAP_USER] ?
				  DMAP_USER : DMAP_KERNEL, order);
	if (want == -1 && chosen != -2 && chosen != pfn)
		machine_violation("page 0x%lx handed out after a refill, 0x%lx expected",
				  pfn, chosen);
	if (gfp & __GFP_THISNODE && !gfpflags_allow_blocking(gfp) && want == -1)
		machine_violation("atomic request served, though nothing was idle");
	reference_alloc(page, order);
}

static void alloc(struct ops *ops, gfp_t gfp, unsigned int order, int nid)
{
	bool check = ops->checks == OPS_CHECKS;
	struct ops_live *live;
	unsigned long failed = machine_failed();
	struct page *page;
	long want = -1;

	if (ops->nr_live == OPS_MAX_LIVE)
		return;
	if (check)
		want = expected(gfp, order, nid == NUMA_NO_NODE ?
				numa_mem_id() : nid);
	page = dmap_alloc(DMAP_PTE, gfp, order, nid);
	if (check)
		check_allocated(page, gfp, order, want,
				machine_failed() != failed);
	if (!page)
		return;
	claim(page, order);
	if (!machine_write(page_to_pfn(page)))
		machine_violation("page 0x%lx handed out, not writable",
				  page_to_pfn(page));
	live = &ops->live[ops->nr_live++];
	*live = (struct ops_live){ .page = page, .order = order };
}

/* The user's side of the contract: as it was when it was handed out. */
static void restore(struct ops_live *live)
{
	unsigned long pfn = page_to_pfn(live->page);

	if (!live->narrowed)
		return;
	machine_set_mapping(pfn, MAP_READ | MAP_WRITE);
	machine_flush_page(pfn);
	live->narrowed = false;
}

static void give_back(struct ops *ops, struct ops_live live)
{
	restore(&live);
	disclaim(live.page, live.order);
	dmap_free(live.page, live.order);
	if (ops->checks == OPS_CHECKS)
		reference_free(live.page, live.order);
}

static struct ops_live take(struct ops *ops, unsigned int arg)
{
	struct ops_live *slot = &ops->live[arg % ops->nr_live];
	struct ops_live live = *slot;

	*slot = ops->live[--ops->nr_live];
	return live;
}

static int some_node(unsigned int arg)
{
	return arg % num_online_nodes();
}

/* Operations. @arg is the second byte. */

static void op_alloc_user(struct ops *ops, unsigned int arg)
{
	alloc(ops, GFP_USER, 0, some_node(arg));
}

static void op_alloc_kernel(struct ops *ops, unsigned int arg)
{
	alloc(ops, GFP_KERNEL, 0, some_node(arg));
}

static void op_alloc_order(struct ops *ops, unsigned int arg)
{
	/* Small orders are what users want; each order comes up. */
	unsigned int order = arg & 0x80 ? arg % (DMAP_BLOCK_ORDER + 1) : arg % 3;

	alloc(ops, arg & 0x40 ? GFP_USER : GFP_KERNEL, order, NUMA_NO_NODE);
}

static void op_alloc_atomic(struct ops *ops, unsigned int arg)
{
	alloc(ops, GFP_ATOMIC | (arg & 1 ? __GFP_HARDWALL : 0) |
	      (arg & 2 ? __GFP_THISNODE : 0), arg & 4 ? 1 : 0,
	      some_node(arg >> 3));
}

static void op_alloc_thisnode(struct ops *ops, unsigned int arg)
{
	alloc(ops, GFP_USER | __GFP_THISNODE | __GFP_NOWARN | __GFP_NORETRY,
	      arg & 0x80 ? 1 : 0, some_node(arg));
}

static void op_free(struct ops *ops, unsigned int arg)
{
	if (ops->nr_live)
		give_back(ops, take(ops, arg));
}

/* As a group of processes that ends: many at once. */
static void op_free_many(struct ops *ops, unsigned int arg)
{
	unsigned int nr = arg >= 0xf8 ? ops->nr_live : arg % 8;

	while (ops->nr_live && nr--)
		give_back(ops, take(ops, arg * 7 + nr));
}

struct in_interrupt_free {
	struct ops *ops;
	struct ops_live live;
};

static void free_handler(void *arg)
{
	struct in_interrupt_free *f = arg;

	disclaim(f->live.page, f->live.order);
	dmap_free(f->live.page, f->live.order);
	if (f->ops->checks == OPS_CHECKS)
		reference_free(f->live.page, f->live.order);
}

/* As mmu_gather does: tables are freed by RCU, in interrupt context. */
static void op_free_interrupt(struct ops *ops, unsigned int arg)
{
	struct in_interrupt_free f = { .ops = ops };

	if (!ops->nr_live)
		return;
	f.live = take(ops, arg);
	restore(&f.live);
	machine_interrupt(free_handler, &f);
}

/* Free a run page by page, in another order than it came. */
static void op_free_split(struct ops *ops, unsigned int arg)
{
	struct ops_live live, one = {};
	unsigned int i, nr;

	if (!ops->nr_live)
		return;
	live = take(ops, arg);
	restore(&live);
	if (live.order)
		split_page(live.page, live.order);
	nr = 1U << live.order;
	for (i = 0; i < nr; i++) {
		one.page = live.page + (i * 5 + arg) % nr;
		give_back(ops, one);
	}
}

/* Leave a page to another task, and take what lies there. */
static void op_exchange(struct ops *ops, unsigned int arg)
{
	struct ops_live mine = {}, theirs;

	if (ops->nr_live)
		mine = take(ops, arg);
	if (mine.page)
		restore(&mine);
	spin_lock(&mailbox_lock);
	theirs = mailboxes[arg % MAILBOXES];
	mailboxes[arg % MAILBOXES] = mine;
	spin_unlock(&mailbox_lock);
	if (theirs.page)
		ops->live[ops->nr_live++] = theirs;
}

/* Take the page's permission away, as who protects it would. */
static void op_narrow(struct ops *ops, unsigned int arg)
{
	struct ops_live *live;
	unsigned long pfn;

	if (!ops->nr_live)
		return;
	live = &ops->live[arg % ops->nr_live];
	if (live->narrowed)
		return;
	pfn = page_to_pfn(live->page);
	machine_set_mapping(pfn, arg & 0x80 ? 0 : MAP_READ);
	live->narrowed = true;
	machine_flush_page(pfn);
	if (machine_write(pfn))
		machine_violation("a write to page 0x%lx went through", pfn);
}

static void op_restore(struct ops *ops, unsigned int arg)
{
	if (ops->nr_live)
		restore(&ops->live[arg % ops->nr_live]);
}

static void op_write(struct ops *ops, unsigned int arg)
{
	struct ops_live *live;
	unsigned long pfn;

	if (!ops->nr_live)
		return;
	live = &ops->live[arg % ops->nr_live];
	pfn = page_to_pfn(live->page) + (arg & ((1U << live->order) - 1));
	if (live->narrowed)
		pfn = page_to_pfn(live->page);
	if (machine_write(pfn) == live->narrowed)
		machine_violation("write to page 0x%lx: %s", pfn,
				  live->narrowed ? "allowed" : "fault");
}

static void op_foreign_alloc(struct ops *ops, unsigned int arg)
{
	unsigned int nr = (arg & 0x60) == 0x60 ? 32 : 1;
	struct page *page;

	while (nr--) {
		/* No lock over an allocation: the slot is taken afterwards. */
		page = machine_foreign_alloc(0, some_node(arg), arg & 0x80);
		if (!page)
			return;
		if (arg & 0x80)
			continue;	/* page cache: reclaim knows it */
		spin_lock(&foreign_lock);
		if (nr_foreign < MAX_FOREIGN) {
			foreign[nr_foreign++] = page;
			page = NULL;
		}
		spin_unlock(&foreign_lock);
		if (page)
			machine_foreign_free(page, 0);
	}
}

static void op_foreign_free(struct ops *ops, unsigned int arg)
{
	unsigned int nr = (arg & 0x60) == 0x60 ? 32 : 1, slot;
	struct page *page;

	while (nr--) {
		page = NULL;
		spin_lock(&foreign_lock);
		if (nr_foreign) {
			slot = arg * 31 % nr_foreign;
			page = foreign[slot];
			foreign[slot] = foreign[--nr_foreign];
		}
		spin_unlock(&foreign_lock);
		if (!page)
			return;
		machine_foreign_free(page, 0);
		arg++;
	}
}

/* Take large pages until there are none: what is left must come from reclaim. */
static void op_pressure(struct ops *ops, unsigned int arg)
{
	struct page *page, *taken[64];
	unsigned int nr = 0;
	int nid = some_node(arg);

	while (nr < ARRAY_SIZE(taken) &&
	       (page = machine_foreign_alloc(DMAP_BLOCK_ORDER, nid, false)))
		taken[nr++] = page;
	if (arg & 0x80)
		alloc(ops, GFP_USER, 0, nid);
	while (nr)
		machine_foreign_free(taken[--nr], DMAP_BLOCK_ORDER);
}

static void op_drain(struct ops *ops, unsigned int arg)
{
	dmap_drain_all();
}

static void op_time(struct ops *ops, unsigned int arg)
{
	if (ops->alone)
		machine_pass_time(1 + arg);
}

static void op_cpu(struct ops *ops, unsigned int arg)
{
	if (ops->alone)
		machine_set_cpu(arg % num_online_cpus());
}

static void op_fail(struct ops *ops, unsigned int arg)
{
	machine_fail_nth(arg % 8);
}

/* Frees that must be refused: nothing may change but the counter. */
static void op_bad_free(struct ops *ops, unsigned int arg)
{
	struct ops_live *live = NULL;
	unsigned long bad = event(DMAP_BAD_FREE);
	struct page *page;

	if (!ops->alone)
		return;
	if (arg & 1 && ops->nr_live) {
		/* Longer than it is: the pages after it are idle or foreign. */
		live = &ops->live[(arg >> 1) % ops->nr_live];
		page = live->page;
		if (live->narrowed || page_to_pfn(page) % DMAP_BLOCK_PAGES +
		    (2U << live->order) <= DMAP_BLOCK_PAGES)
			return;
		__free_pages(page, live->order + 1);
		set_page_refcounted(page);	/* it was set aside: have it back */
	} else {
		page = machine_foreign_alloc(0, some_node(arg), false);
		if (!page)
			return;
		dmap_free(page, 0);
		machine_foreign_free(page, 0);
	}
	if (event(DMAP_BAD_FREE) != bad + 1)
		machine_violation("a bad free was not refused");
}

static void op_nothing(struct ops *ops, unsigned int arg)
{
}

static const struct op {
	const char *name;
	void (*run)(struct ops *ops, unsigned int arg);
	unsigned int weight;	/* of 256 */
} table[] = {
	{ "alloc user",		op_alloc_user,		74 },
	{ "alloc kernel",	op_alloc_kernel,	16 },
	{ "alloc order",	op_alloc_order,		7 },
	{ "alloc atomic",	op_alloc_atomic,	10 },
	{ "alloc thisnode",	op_alloc_thisnode,	6 },
	{ "free",		op_free,		64 },
	{ "free many",		op_free_many,		1 },
	{ "free in interrupt",	op_free_interrupt,	16 },
	{ "free split",		op_free_split,		4 },
	{ "exchange",		op_exchange,		8 },
	{ "narrow",		op_narrow,		8 },
	{ "restore",		op_restore,		4 },
	{ "write",		op_write,		12 },
	{ "foreign alloc",	op_foreign_alloc,	9 },
	{ "foreign free",	op_foreign_free,	7 },
	{ "bad free",		op_bad_free,		2 },
	{ "fail",		op_fail,		1 },
	{ "cpu",		op_cpu,			3 },
	{ "time",		op_time,		1 },
	{ "drain",		op_drain,		1 },
	{ "pressure",		op_pressure,		1 },
	{ "nothing",		op_nothing,		1 },
};

static const struct op *op_of(uint8_t byte)
{
	unsigned int i, sum = 0;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		sum += table[i].weight;
		if (byte < sum)
			return &table[i];
	}
	return &table[ARRAY_SIZE(table) - 1];
}

static const struct op *decoded[256];

static void __attribute__((constructor)) decode(void)
{
	unsigned int i;

	for (i = 0; i < 256; i++)
		decoded[i] = op_of(i);
}

const char *ops_name(uint8_t byte)
{
	return decoded[byte]->name;
}

uint8_t ops_byte(const char *name)
{
	unsigned int i;

	for (i = 0; i < 256; i++)
		if (!strcmp(decoded[i]->name, name))
			return i;
	machine_unmodelled(name);
}

void ops_random(uint64_t *state, uint8_t *bytes, size_t size)
{
	while (size--)
		*bytes++ = ops_rand(state) >> 24;
}

void ops_init(struct ops *ops, enum ops_checks checks, bool alone)
{
	ops->checks = checks;
	ops->alone = alone;
	ops->nr_live = 0;
	ops->done = 0;
	ops->skips = NULL;
	if (checks == OPS_CHECKS) {
		reference_reset();
		reference_absorb();
	}
}

static void check(void)
{
	struct dmap_class *class;
	int nid, life;

	reference_absorb();
	reference_compare();
	for_each_node(nid)
		for_each_node_class(class, nid, life)
			if (!dmap_class_valid(class))
				machine_violation("class of node %d, lifetime %d is not valid",
						  nid, life);
}

void ops_run(struct ops *ops, const uint8_t *bytes, size_t size)
{
	const struct op *op;
	size_t i;

	for (i = 0; i + OPS_SIZE <= size; i += OPS_SIZE, ops->done++) {
		if (ops->skips && ops->skips(ops->first + i / OPS_SIZE))
			continue;
		op = decoded[bytes[i]];
		machine_operation(op->name, bytes[i + 1]);
		op->run(ops, bytes[i + 1]);
		if (ops->checks == OPS_CHECKS)
			check();
	}
}

void ops_end(struct ops *ops)
{
	machine_operation("end", 0);
	while (ops->nr_live)
		give_back(ops, take(ops, 0));
	if (ops->checks == OPS_CHECKS)
		check();
}

void ops_end_shared(void)
{
	unsigned int i;

	machine_operation("end", 0);
	machine_fail_nth(0);
	for (i = 0; i < MAILBOXES; i++) {
		if (!mailboxes[i].page)
			continue;
		disclaim(mailboxes[i].page, mailboxes[i].order);
		dmap_free(mailboxes[i].page, mailboxes[i].order);
		mailboxes[i].page = NULL;
	}
	while (nr_foreign)
		machine_foreign_free(foreign[--nr_foreign], 0);
}
