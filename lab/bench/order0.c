// SPDX-License-Identifier: GPL-2.0
/*
 * What an allocation and a free of an ordinary page cost, in instructions, in
 * a guest that counts them (QEMU -icount shift=0: a nanosecond is one).
 *
 * Interrupts are off, so that nothing else is counted; the pages come from and
 * go to this CPU's list, which is what most allocations do.
 */
#include <linux/gfp.h>
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/module.h>

#define ROUNDS	1000

static u64 cost(unsigned int order)
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
		page = alloc_pages(GFP_NOWAIT, order);
		if (page)
			__free_pages(page, order);
	}
	end = ktime_get_ns();
	local_irq_restore(flags);
	return end - start;
}

static int __init order0_init(void)
{
	unsigned int order;

	for (order = 0; order <= 3; order += 3) {
		u64 sum = cost(order);

		pr_emerg("@lab bench=page_order%u n=%d insns=%llu.%03llu\n",
			 order, ROUNDS, sum / ROUNDS, sum % ROUNDS);
	}
	return 0;
}
module_init(order0_init);

static void __exit order0_exit(void)
{
}
module_exit(order0_exit);

MODULE_DESCRIPTION("Cost of an ordinary page, in counted instructions");
MODULE_LICENSE("GPL");
