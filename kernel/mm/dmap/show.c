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

static int blocks_show(struct seq_file *m, void *unused)
{
	struct dmap_block *block;
	unsigned long index;
	int nid;

	seq_puts(m, "# dmap blocks v1\n");
	seq_puts(m, "# pfn nid class owned free live level capture\n");
	for_each_node(nid) {
		mutex_lock(&dmap_classes[nid]->refill);
		xa_for_each(&dmap_blocks, index, block) {
			if (block->class->nid != nid ||
			    block->place == DMAP_NOWHERE)
				continue;
			seq_printf(m, "0x%lx %d pte %u %u %u %s %s\n",
				   block->pfn, nid, block->nr_owned,
				   block->nr_free, dmap_block_live(block),
				   level_name(block->pfn),
				   list_empty(&block->capture) ? "no" : "yes");
		}
		mutex_unlock(&dmap_classes[nid]->refill);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(blocks);

static int valid_show(struct seq_file *m, void *unused)
{
	int nid;

	for_each_node(nid)
		seq_printf(m, "node %d: %s\n", nid,
			   dmap_class_valid(dmap_classes[nid]) ?
			   "valid" : "BROKEN");
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
