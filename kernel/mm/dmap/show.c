// SPDX-License-Identifier: GPL-2.0
/*
 * What debugfs shows: dmap/blocks, a line for each block, and dmap/valid, the
 * result of checking the invariants. The first line of dmap/blocks carries the
 * version of its format, which changes when a column does.
 */
#include "dmap.h"

static const char *level_name(unsigned long pfn)
{
	switch (arch_dmap_level(pfn)) {
	case PG_LEVEL_4K:
		return "4K";
	case PG_LEVEL_2M:
		return "2M";
	case PG_LEVEL_1G:
		return "1G";
	}
	return "none";
}

static void class_show(struct seq_file *m, struct dmap_class *class, int life)
{
	struct dmap_block *block;
	unsigned long index;
	unsigned int nr_free;

	mutex_lock(&class->refill);
	rcu_read_lock();
	xa_for_each(&dmap_blocks, index, block) {
		/* Others' blocks may be freed: their memory stays a block's. */
		if (READ_ONCE(block->class) != class ||
		    READ_ONCE(block->place) == DMAP_NOWHERE)
			continue;
		/* Once, without class->lock: the columns of a line agree. */
		nr_free = READ_ONCE(block->nr_free);
		seq_printf(m, "0x%lx %d pte-%s %u %u %u %s %s\n",
			   block->pfn, class->nid,
			   life == DMAP_USER ? "user" : "kernel",
			   block->nr_owned, nr_free,
			   block->nr_owned - nr_free, level_name(block->pfn),
			   list_empty(&block->capture) ? "no" : "yes");
	}
	rcu_read_unlock();
	mutex_unlock(&class->refill);
}

static int blocks_show(struct seq_file *m, void *unused)
{
	struct dmap_class *class;
	int nid, life;

	seq_puts(m, "# dmap blocks v1\n");
	seq_puts(m, "# pfn nid class owned free live level capture\n");
	for_each_node(nid)
		for_each_node_class(class, nid, life)
			class_show(m, class, life);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(blocks);

static int valid_show(struct seq_file *m, void *unused)
{
	struct dmap_class *class;
	int nid, life;

	for_each_node(nid)
		for_each_node_class(class, nid, life)
			seq_printf(m, "node %d %s: %s\n", nid,
				   life == DMAP_USER ? "user" : "kernel",
				   dmap_class_valid(class) ? "valid" : "BROKEN");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(valid);

/**
 * dmap_show_init() - make the debugfs files
 *
 * Context: Process context, once.
 */
void __init dmap_show_init(void)
{
	struct dentry *dir = debugfs_create_dir("dmap", NULL);

	debugfs_create_file("blocks", 0400, dir, NULL, &blocks_fops);
	debugfs_create_file("valid", 0400, dir, NULL, &valid_fops);
}
