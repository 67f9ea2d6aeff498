// SPDX-License-Identifier: GPL-2.0
/*
 * Power on, power off; options, initcalls, the log and the machine's dice.
 */
#include "memory.h"
#include "dmap/dmap.h"
#include <stdio.h>

const struct machine_config machine_small = {
	.nr_nodes = 1,
	.nr_cpus = 2,
	.node_mib = 64,
	.gib_pages = true,
	.tlb = true,
	.seed = 1,
};

struct machine_config machine_config;

static struct machine_param *params;
static struct machine_initcall *initcalls;
static char *options;	/* values of options point into it */
static bool running;

/* Dice */

static uint64_t dice;

uint64_t machine_random(void)
{
	uint64_t z = __atomic_add_fetch(&dice, 0x9e3779b97f4a7c15,
					__ATOMIC_RELAXED);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* The log */

#define LOG_LINES	8	/* that are kept */
#define LOG_LINE	160

static char lines[LOG_LINES][LOG_LINE];
static unsigned int nr_lines;
static unsigned long warnings;

void machine_log(const char *fmt, ...)
{
	static int at_once = -1;
	va_list args;
	char *line;

	if (at_once < 0)
		at_once = getenv("MODEL_LOG") != NULL;
	model_lock();
	line = lines[nr_lines++ % LOG_LINES];
	va_start(args, fmt);
	vsnprintf(line, LOG_LINE, fmt, args);
	va_end(args);
	if (at_once)
		fputs(line, stderr);
	model_unlock();
}

void log_print(void)
{
	unsigned int i = nr_lines > LOG_LINES ? nr_lines - LOG_LINES : 0;

	if (i < nr_lines)
		report("log:\n");
	for (; i < nr_lines; i++)
		report("  %s", lines[i % LOG_LINES]);
}

/* Their business is to warn of what callers do wrong, and tests do that. */
static const char * const may_warn[] = { "dmap_report", "dmap_alloc" };
static bool all_may_warn;

void machine_allow_warnings(bool allow)
{
	all_may_warn = allow;
}

void machine_warn(const char *what, const char *function, const char *file,
		  int line)
{
	bool allowed = all_may_warn;
	int i;

	machine_count(warnings, 1);
	for (i = 0; i < (int)ARRAY_SIZE(may_warn); i++)
		allowed = allowed || !strcmp(function, may_warn[i]);
	if (!allowed)
		machine_violation("warning: %s in %s() at %s:%d", what, function,
				  file, line);
}

unsigned long machine_warnings(void)
{
	return machine_counted(warnings);
}

/* Options and initcalls */

void machine_add_param(struct machine_param *param)
{
	param->next = params;
	params = param;
}

void machine_add_initcall(struct machine_initcall *call)
{
	call->next = initcalls;
	initcalls = call;
}

static void set_param(const char *name, char *value)
{
	struct machine_param *param;

	for (param = params; param; param = param->next)
		if (!strcmp(param->name, name))
			param->set(value);
}

/* What an earlier machine in this process was told is not to be remembered. */
static char defaults[] = "dmap=on dmap_reserve=0";

static void parse_options(const char *text)
{
	char *word, *value, *rest = NULL;
	size_t size = sizeof(defaults) + 1 + (text ? strlen(text) : 0) + 1;

	free(options);
	options = malloc(size);
	BUG_ON(!options);
	snprintf(options, size, "%s %s", defaults, text ?: "");
	for (word = strtok_r(options, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest)) {
		value = strchr(word, '=');
		if (value)
			*value++ = 0;
		set_param(word, value);
	}
}

static int set_debug_pagealloc(char *value)
{
	machine_quirks.debug_pagealloc = value && !strcmp(value, "on");
	return 0;
}
early_param("debug_pagealloc", set_debug_pagealloc);

/* Power */

void machine_boot(const struct machine_config *config)
{
	struct machine_initcall *call;
	unsigned long first_table;

	if (running) {
		fputs("a machine is running already\n", stderr);
		abort();
	}
	if (config->nr_nodes < 1 || config->nr_nodes > MAX_NUMNODES ||
	    config->nr_cpus < 1 || config->nr_cpus > 512 ||
	    config->node_mib < 8 || config->node_mib & 1) {
		fputs("no such machine\n", stderr);
		abort();
	}
	machine_config = *config;
	machine_nr_nodes = config->nr_nodes;
	machine_nr_cpus = config->nr_cpus;
	machine_node_pfns = config->node_mib << (20 - PAGE_SHIFT);
	machine_nr_pfns = machine_node_pfns * config->nr_nodes;
	dice = config->seed;
	nr_lines = 0;
	warnings = 0;
	all_may_warn = false;
	memset(&machine_stats, 0, sizeof(machine_stats));

	sched_boot(config->nr_cpus);
	foreign_boot();
	/* The boot tables come after the kernel image. */
	first_table = PFN_DOWN(IMAGE_END);
	buddy_boot(first_table + directmap_tables());
	directmap_boot(first_table);
	tlb_boot();
	slab_boot();
	running = true;

	parse_options(config->options);
	for (call = initcalls; call; call = call->next)
		if (call->fn())
			machine_violation("initcall %s failed", call->name);
}

/* Pages that are not free though nobody should have them. */
static void check_all_free(void)
{
	struct zone *zone;
	int nid, type;

	for_each_node(nid)
		for (type = 0; type < MAX_NR_ZONES; type++) {
			zone = &NODE_DATA(nid)->node_zones[type];
			if (!buddy_valid(zone))
				machine_violation("the free lists of zone %s, node %d, are broken",
						  zone->name, nid);
			if (zone->nr_isolate_pageblock)
				machine_violation("%lu pageblocks of node %d are isolated for ever",
						  zone->nr_isolate_pageblock, nid);
		}
	if (global_zone_page_state(NR_FREE_PAGES) + machine_nr_poisoned !=
	    totalram_pages())
		machine_violation("%lu pages are left, %lu of them bad",
				  totalram_pages() -
				  global_zone_page_state(NR_FREE_PAGES),
				  machine_nr_poisoned);
}

/* Blocks that hold bad pages can never go: what is live there is nobody's. */
static bool bad_pages_only(const struct dmap_block *block)
{
	unsigned int i;

	for (i = 0; i < DMAP_BLOCK_PAGES; i++)
		if (test_bit(i, block->owned) && !test_bit(i, block->free) &&
		    !PageHWPoison(pfn_to_page(block->pfn + i)))
			return false;
	return true;
}

static void check_dmap_is_empty(void)
{
	struct dmap_block *block;
	unsigned long index;

	xa_for_each(&dmap_blocks, index, block)
		if (!bad_pages_only(block))
			machine_violation("block 0x%lx is left, with %u live pages",
					  block->pfn, dmap_block_live(block));
	if (!xa_empty(&dmap_blocks))
		return;
	if (global_node_page_state(NR_DMAP_LIVE) ||
	    global_node_page_state(NR_DMAP_IDLE) ||
	    global_node_page_state(NR_DMAP_BLOCKS))
		machine_violation("dmap is empty, but its gauges say %lu live, %lu idle, %lu blocks",
				  global_node_page_state(NR_DMAP_LIVE),
				  global_node_page_state(NR_DMAP_IDLE),
				  global_node_page_state(NR_DMAP_BLOCKS));
}

/* What cannot go because of bad pages is taken away behind dmap's back. */
static bool abandon_bad_blocks(void)
{
	struct dmap_block *block;
	unsigned long index;
	bool any = false;

	xa_for_each(&dmap_blocks, index, block) {
		any = true;
		xa_erase(&dmap_blocks, index);
		kmem_cache_free(dmap_block_cache, block);
	}
	return any;
}

void machine_shutdown(void)
{
	bool abandoned;
	int nid, life;

	if (!running)
		return;
	machine_operation("shutdown", 0);
	machine_fail_nth(0);
	machine_fail_random(0);
	foreign_shutdown();
	if (dmap_enabled())
		dmap_drain_all();
	machine_settle();
	check_dmap_is_empty();
	abandoned = abandon_bad_blocks();
	static_branch_disable(&dmap_key);
	for (nid = 0; nid < MAX_NUMNODES; nid++)
		for (life = 0; life < DMAP_NR_LIFETIMES; life++) {
			kfree(dmap_classes[nid][life]);
			dmap_classes[nid][life] = NULL;
		}
	machine_settle();
	if (!abandoned) {
		check_all_free();
		directmap_shutdown();
	} else {
		directmap_forget();
	}
	dmap_block_cache = NULL;	/* all caches go */
	dmap_reserve_pages = 0;
	slab_shutdown();
	alloc_shutdown();
	show_shutdown();
	machine_settle();
	sched_shutdown();
	tlb_shutdown();
	buddy_shutdown();
	memset(&machine_quirks, 0, sizeof(machine_quirks));
	free(options);
	options = NULL;
	running = false;
}
