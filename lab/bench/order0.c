// SPDX-License-Identifier: GPL-2.0
/*
 * What an allocation and a free of a page cost, in instructions, in a guest
 * that counts them (QEMU -icount shift=0: a nanosecond is one): of an ordinary
 * page, and of one of the cache, where there is a cache and it is on.
 *
 * Interrupts are off, so that nothing else is counted; ordinary pages come from
 * and go to this CPU's list, which is what most allocations do.
 */
#include <linux/gfp.h>
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/module.h>
#if __has_include(<linux/dmap.h>)
#include <linux/dmap.h>
#else
#define dmap_gfp()	0
#endif

#define ROUNDS	1000

static u64 cost(gfp_t gfp, unsigned int order)
{
	unsigned long flags;
	struct page *page;
	u64 start, end;
	int i;

	local_irq_save(flags);
	for (i = 0; i < 2 * ROUNDS; i++) {
		/* The first half warms up. */
		if (i == ROUNDS)
			start = ktime_get_ns();
		page = alloc_pages(gfp, order);
		if (page)
			__free_pages(page, order);
	}
	end = ktime_get_ns();
	local_irq_restore(flags);
	return end - start;
}

static void measure(const char *name, gfp_t gfp, unsigned int order)
{
	u64 sum = cost(gfp, order);

	pr_emerg("@lab bench=%s n=%d insns=%llu.%03llu\n", name, ROUNDS,
		 sum / ROUNDS, sum % ROUNDS);
}

static int __init order0_init(void)
{
	gfp_t cached = GFP_NOWAIT | dmap_gfp();
	struct page *page;

	measure("page_order0", GFP_NOWAIT, 0);
	measure("page_order3", GFP_NOWAIT, 3);
	/* Its block has a live page all the time, as it would under a load. */
	page = alloc_pages(cached, 0);
	measure("page_cached", cached, 0);
	if (page)
		__free_pages(page, 0);
	return 0;
}
module_init(order0_init);

static void __exit order0_exit(void)
{
}
module_exit(order0_exit);

MODULE_DESCRIPTION("Cost of a page, in counted instructions");
MODULE_LICENSE("GPL");
