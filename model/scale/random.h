/* SPDX-License-Identifier: GPL-2.0 */
/* xorshift64*: the same choices from the same seed on any libc. */
#ifndef _SCALE_RANDOM_H
#define _SCALE_RANDOM_H

#include <stdint.h>

static inline uint64_t random_seed(uint64_t seed)
{
	/* splitmix64's finish: neighbouring seeds must not look alike. */
	seed += 0x9e3779b97f4a7c15ULL;
	seed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9ULL;
	seed = (seed ^ (seed >> 27)) * 0x94d049bb133111ebULL;
	return (seed ^ (seed >> 31)) | 1;
}

static inline uint64_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

/* 0 .. n - 1 */
static inline uint32_t random_below(uint64_t *state, uint32_t n)
{
	return (random_next(state) >> 32) * n >> 32;
}

#endif /* _SCALE_RANDOM_H */
