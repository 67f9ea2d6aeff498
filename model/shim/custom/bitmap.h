/* SPDX-License-Identifier: GPL-2.0 */
/* Bitmap functions that tools/include lacks, and faster counting of bits. */
#ifndef _MODEL_BITMAP_H
#define _MODEL_BITMAP_H

#ifndef bitmap_copy
static inline void bitmap_copy(unsigned long *to, const unsigned long *from,
			       unsigned int bits)
{
	memcpy(to, from, BITS_TO_LONGS(bits) * sizeof(long));
}
#endif

static inline void bitmap_set(unsigned long *map, unsigned int start,
			      unsigned int nr)
{
	if (nr == 1) {
		__set_bit(start, map);
		return;
	}
	while (nr) {
		unsigned int bit = start % BITS_PER_LONG;
		unsigned int here = min(nr, (unsigned int)BITS_PER_LONG - bit);

		map[start / BITS_PER_LONG] |= (~0UL >> (BITS_PER_LONG - here)) << bit;
		start += here;
		nr -= here;
	}
}

static inline bool bitmap_subset(const unsigned long *part,
				 const unsigned long *whole, unsigned int bits)
{
	unsigned int i;

	for (i = 0; i < bits / BITS_PER_LONG; i++)
		if (part[i] & ~whole[i])
			return false;
	return !(bits % BITS_PER_LONG) ||
	       !(part[i] & ~whole[i] & BITMAP_LAST_WORD_MASK(bits));
}

#define for_each_set_bitrange(begin, end, map, bits)			\
	for ((begin) = 0;						\
	     (begin) = find_next_bit((map), (bits), (begin)),		\
	     (end) = find_next_zero_bit((map), (bits), (begin)),	\
	     (begin) < (bits);						\
	     (begin) = (end))

#endif /* _MODEL_BITMAP_H */
