/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The reference model: a cache so simple that it is obviously right. Arrays of
 * bytes, linear searches, no lists, no trees, no locks, no counts kept.
 */
#ifndef _MODEL_REFERENCE_H
#define _MODEL_REFERENCE_H

struct page;

/* Forget everything: the machine was just booted. */
void reference_reset(void);

/*
 * Take over which pages dmap owns by now; who gets them is not asked. A block
 * that went away while the reference has live pages in it is a violation.
 */
void reference_absorb(void);

/* Everything equal? Free pages, live pages, gauges. A violation if not. */
void reference_compare(void);

/*
 * The page that a request for a node and lifetime must get without a refill:
 * its number, or -1 when there is none, or -2 when any empty block will do.
 */
long reference_choose(int nid, int life, unsigned int order);

/* The product has handed out, or taken back, these pages: is that right? */
void reference_alloc(struct page *page, unsigned int order);
void reference_free(struct page *page, unsigned int order);

#endif /* _MODEL_REFERENCE_H */
