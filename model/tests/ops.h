/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Operations on the cache, encoded as bytes: one engine for the property
 * tests, the fuzzer, the explorer and the threads.
 *
 * Every byte string is a valid program, so that a fuzzer can cut and join them
 * and a shrinker can leave parts out. An operation is two bytes: what to do,
 * and an argument that is taken modulo what there is.
 */
#ifndef _MODEL_OPS_H
#define _MODEL_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPS_MAX_LIVE	2048	/* allocations that one task holds at most */
#define OPS_SIZE	2	/* bytes of an operation */

/* How much is checked. */
enum ops_checks {
	OPS_NO_CHECKS,	/* what the machine itself does not let pass */
	OPS_CHECKS,	/* after each operation: invariants, reference model */
};

struct ops_live {
	struct page *page;
	unsigned int order;
	bool narrowed;		/* its direct-map permission was taken away */
};

/**
 * struct ops - a task that runs operations
 * @checks:	how much is checked; %OPS_NO_CHECKS where tasks run side by side,
 *		for then only the machine's own rules can be checked
 * @alone:	no other task runs: CPU changes and time are this one's
 * @live:	what it has allocated and not freed
 * @nr_live:	how many
 * @done:	operations done
 * @skips:	says whether an operation is left out (for shrinking), or NULL
 * @first:	the number that @skips knows the first operation by
 */
struct ops {
	enum ops_checks checks;
	bool alone;
	struct ops_live live[OPS_MAX_LIVE];
	unsigned int nr_live;
	unsigned long done;
	bool (*skips)(size_t op);
	size_t first;
};

void ops_init(struct ops *ops, enum ops_checks checks, bool alone);
void ops_run(struct ops *ops, const uint8_t *bytes, size_t size);
/* Give everything back: allocations, mailboxes, foreign pages, faults. */
void ops_end(struct ops *ops);
void ops_end_shared(void);

/* Random programs: bytes of operations with the weights of the table. */
void ops_random(uint64_t *state, uint8_t *bytes, size_t size);
uint64_t ops_rand(uint64_t *state);
const char *ops_name(uint8_t byte);
uint8_t ops_byte(const char *name);	/* one that stands for this operation */

#endif /* _MODEL_OPS_H */
