/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Atomic operations, each with a point before it. The types are those of
 * tools/include/linux/types.h.
 */
#ifndef _MODEL_ATOMIC_H
#define _MODEL_ATOMIC_H

#include "context.h"

#define ATOMIC_INIT(i)		{ (i) }
#define ATOMIC_LONG_INIT(i)	{ (i) }

#define __atomic_point(name, v)	machine_point(SITE(name "(" #v ")"))
#define __atomic_rmw(name, v, expr)					\
	({ __atomic_point(name, v); expr; })

#define __counter_read(name, v)						\
	__atomic_rmw(name, v, __atomic_load_n(&(v)->counter, __ATOMIC_RELAXED))
#define __counter_set(name, v, i)					\
	__atomic_rmw(name, v,						\
		     __atomic_store_n(&(v)->counter, i, __ATOMIC_RELAXED))
#define __counter_add(name, v, i)					\
	__atomic_rmw(name, v,						\
		     __atomic_add_fetch(&(v)->counter, i, __ATOMIC_SEQ_CST))
#define __counter_fetch_add(name, v, i)					\
	__atomic_rmw(name, v,						\
		     __atomic_fetch_add(&(v)->counter, i, __ATOMIC_SEQ_CST))
#define __counter_xchg(name, v, n)					\
	__atomic_rmw(name, v,						\
		     __atomic_exchange_n(&(v)->counter, n, __ATOMIC_SEQ_CST))
/* The value that was there: @old when it was replaced. */
#define __counter_cmpxchg(name, v, old, new)				\
	__atomic_rmw(name, v, ({					\
		typeof((v)->counter) __was = (old);			\
		__atomic_compare_exchange_n(&(v)->counter, &__was, new,	\
				0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);	\
		__was;							\
	}))
#define __counter_try_cmpxchg(name, v, old, new)			\
	__atomic_rmw(name, v,						\
		__atomic_compare_exchange_n(&(v)->counter, old, new, 0,	\
				__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
#define __counter_add_unless(name, v, a, u)				\
	__atomic_rmw(name, v, ({					\
		typeof((v)->counter) __seen =				\
			__atomic_load_n(&(v)->counter, __ATOMIC_RELAXED);\
		while (__seen != (u) &&					\
		       !__atomic_compare_exchange_n(&(v)->counter,	\
				&__seen, __seen + (a), 0,		\
				__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))	\
			;						\
		__seen != (u);						\
	}))

#define atomic_read(v)			__counter_read("atomic_read", v)
#define atomic_read_acquire(v)						\
	__atomic_rmw("atomic_read_acquire", v,				\
		     __atomic_load_n(&(v)->counter, __ATOMIC_ACQUIRE))
#define atomic_set(v, i)		__counter_set("atomic_set", v, i)
#define atomic_set_release(v, i)					\
	__atomic_rmw("atomic_set_release", v,				\
		     __atomic_store_n(&(v)->counter, i, __ATOMIC_RELEASE))
#define atomic_add(i, v)		((void)__counter_add("atomic_add", v, i))
#define atomic_sub(i, v)		((void)__counter_add("atomic_sub", v, -(i)))
#define atomic_inc(v)			((void)__counter_add("atomic_inc", v, 1))
#define atomic_dec(v)			((void)__counter_add("atomic_dec", v, -1))
#define atomic_add_return(i, v)		__counter_add("atomic_add_return", v, i)
#define atomic_sub_return(i, v)		__counter_add("atomic_sub_return", v, -(i))
#define atomic_inc_return(v)		__counter_add("atomic_inc_return", v, 1)
#define atomic_dec_return(v)		__counter_add("atomic_dec_return", v, -1)
#define atomic_fetch_add(i, v)		__counter_fetch_add("atomic_fetch_add", v, i)
#define atomic_fetch_sub(i, v)		__counter_fetch_add("atomic_fetch_sub", v, -(i))
#define atomic_inc_and_test(v)						\
	(__counter_add("atomic_inc_and_test", v, 1) == 0)
#define atomic_dec_and_test(v)						\
	(__counter_add("atomic_dec_and_test", v, -1) == 0)
#define atomic_sub_and_test(i, v)					\
	(__counter_add("atomic_sub_and_test", v, -(i)) == 0)
#define atomic_xchg(v, n)		__counter_xchg("atomic_xchg", v, n)
#define atomic_cmpxchg(v, o, n)		__counter_cmpxchg("atomic_cmpxchg", v, o, n)
#define atomic_cmpxchg_relaxed(v, o, n)	atomic_cmpxchg(v, o, n)
#define atomic_cmpxchg_release(v, o, n)	atomic_cmpxchg(v, o, n)
#define atomic_try_cmpxchg(v, o, n)					\
	__counter_try_cmpxchg("atomic_try_cmpxchg", v, o, n)
#define atomic_add_unless(v, a, u)					\
	__counter_add_unless("atomic_add_unless", v, a, u)
#define atomic_inc_not_zero(v)						\
	__counter_add_unless("atomic_inc_not_zero", v, 1, 0)

#define atomic_long_read(v)		__counter_read("atomic_long_read", v)
#define atomic_long_set(v, i)		__counter_set("atomic_long_set", v, i)
#define atomic_long_add(i, v)		((void)__counter_add("atomic_long_add", v, i))
#define atomic_long_sub(i, v)		((void)__counter_add("atomic_long_sub", v, -(i)))
#define atomic_long_inc(v)		((void)__counter_add("atomic_long_inc", v, 1))
#define atomic_long_dec(v)		((void)__counter_add("atomic_long_dec", v, -1))
#define atomic_long_add_return(i, v)	__counter_add("atomic_long_add_return", v, i)
#define atomic_long_sub_return(i, v)	__counter_add("atomic_long_sub_return", v, -(i))
#define atomic_long_inc_return(v)	__counter_add("atomic_long_inc_return", v, 1)
#define atomic_long_dec_return(v)	__counter_add("atomic_long_dec_return", v, -1)
#define atomic_long_fetch_add(i, v)	__counter_fetch_add("atomic_long_fetch_add", v, i)
#define atomic_long_xchg(v, n)		__counter_xchg("atomic_long_xchg", v, n)
#define atomic_long_cmpxchg(v, o, n)	__counter_cmpxchg("atomic_long_cmpxchg", v, o, n)
#define atomic_long_try_cmpxchg(v, o, n)				\
	__counter_try_cmpxchg("atomic_long_try_cmpxchg", v, o, n)
#define atomic_long_add_unless(v, a, u)					\
	__counter_add_unless("atomic_long_add_unless", v, a, u)
#define atomic_long_inc_not_zero(v)					\
	__counter_add_unless("atomic_long_inc_not_zero", v, 1, 0)

#undef xchg
#undef cmpxchg
#undef try_cmpxchg

#define xchg(p, n)							\
	__atomic_rmw("xchg", p, __atomic_exchange_n(p, n, __ATOMIC_SEQ_CST))
#define cmpxchg(p, old, new)						\
	__atomic_rmw("cmpxchg", p, ({					\
		typeof(*(p)) __was = (old);				\
		__atomic_compare_exchange_n(p, &__was, new, 0,		\
				__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);	\
		__was;							\
	}))
#define try_cmpxchg(p, old, new)					\
	__atomic_rmw("try_cmpxchg", p,					\
		__atomic_compare_exchange_n(p, old, new, 0,		\
				__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))

#endif /* _MODEL_ATOMIC_H */
