// SPDX-License-Identifier: GPL-2.0
/*
 * Every access to memory as a point where another CPU may come between.
 *
 * The locks, atomics and barriers alone are not enough to find that a lock is
 * missing: what is between two of them happens at once. So the variant "access"
 * has the kernel's sources compiled with -fsanitize=thread, for the calls that
 * the compiler then puts before each load and store, but is not linked with the
 * sanitizer: the calls come here. A plain counter++ can be torn apart so.
 *
 * What is on the stack of the task is its own, and is no point; nor is what the
 * model itself keeps.
 */
#include "task.h"

#ifdef MODEL_ACCESS

#define STACK_NEAR	(256UL << 10)

const void *machine_access_pc;

static inline void access_point(const void *addr, const char *what,
				const void *pc)
{
	if (!machine_interleaved)
		return;
	if ((unsigned long)addr - (unsigned long)__builtin_frame_address(0) <
	    STACK_NEAR)
		return;
	if ((unsigned long)addr - (unsigned long)machine_current <
	    sizeof(*machine_current) || addr == &machine_current ||
	    addr == &machine_interleaved)
		return;
	machine_access_pc = pc;
	machine_point_slow(what);
}

#define ACCESS(name, what)						\
void name(void *addr);							\
void name(void *addr)							\
{									\
	access_point(addr, what, __builtin_return_address(0));		\
}

#define ACCESSES(size)							\
ACCESS(__tsan_read##size, MACHINE_LOAD)					\
ACCESS(__tsan_write##size, MACHINE_STORE)				\
ACCESS(__tsan_read_write##size, MACHINE_STORE)				\
ACCESS(__tsan_unaligned_read##size, MACHINE_LOAD)			\
ACCESS(__tsan_unaligned_write##size, MACHINE_STORE)			\
ACCESS(__tsan_unaligned_read_write##size, MACHINE_STORE)		\
ACCESS(__tsan_volatile_read##size, MACHINE_LOAD)			\
ACCESS(__tsan_volatile_write##size, MACHINE_STORE)

ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)

void __tsan_read_range(void *addr, unsigned long size);
void __tsan_read_range(void *addr, unsigned long size)
{
	access_point(addr, MACHINE_LOAD, __builtin_return_address(0));
}

void __tsan_write_range(void *addr, unsigned long size);
void __tsan_write_range(void *addr, unsigned long size)
{
	access_point(addr, MACHINE_STORE, __builtin_return_address(0));
}

void __tsan_init(void);
void __tsan_init(void) {}
void __tsan_func_entry(void *pc);
void __tsan_func_entry(void *pc) {}
void __tsan_func_exit(void);
void __tsan_func_exit(void) {}

/*
 * Atomic operations become calls, too. They have their point already, from
 * custom/atomic.h; the order that was asked for does not matter on one thread.
 */
#define ATOMIC_RMW(type, bits, name)					\
type __tsan_atomic##bits##_##name(volatile type *p, type v, int order);	\
type __tsan_atomic##bits##_##name(volatile type *p, type v, int order)	\
{									\
	return __atomic_##name(p, v, __ATOMIC_SEQ_CST);			\
}

#define ATOMIC_CAS(type, bits, name)					\
int __tsan_atomic##bits##_##name(volatile type *p, type *old, type new,	\
				 int order, int fail_order);		\
int __tsan_atomic##bits##_##name(volatile type *p, type *old, type new,	\
				 int order, int fail_order)		\
{									\
	return __atomic_compare_exchange_n(p, old, new, 0,		\
			__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);		\
}

#define ATOMICS(type, bits)						\
type __tsan_atomic##bits##_load(const volatile type *p, int order);	\
type __tsan_atomic##bits##_load(const volatile type *p, int order)	\
{									\
	return __atomic_load_n(p, __ATOMIC_SEQ_CST);			\
}									\
void __tsan_atomic##bits##_store(volatile type *p, type v, int order);	\
void __tsan_atomic##bits##_store(volatile type *p, type v, int order)	\
{									\
	__atomic_store_n(p, v, __ATOMIC_SEQ_CST);			\
}									\
type __tsan_atomic##bits##_exchange(volatile type *p, type v, int order);\
type __tsan_atomic##bits##_exchange(volatile type *p, type v, int order)\
{									\
	return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);		\
}									\
ATOMIC_RMW(type, bits, fetch_add)					\
ATOMIC_RMW(type, bits, fetch_sub)					\
ATOMIC_RMW(type, bits, fetch_and)					\
ATOMIC_RMW(type, bits, fetch_or)					\
ATOMIC_RMW(type, bits, fetch_xor)					\
ATOMIC_RMW(type, bits, fetch_nand)					\
ATOMIC_CAS(type, bits, compare_exchange_strong)				\
ATOMIC_CAS(type, bits, compare_exchange_weak)				\
type __tsan_atomic##bits##_compare_exchange_val(volatile type *p,	\
		type old, type new, int order, int fail_order);		\
type __tsan_atomic##bits##_compare_exchange_val(volatile type *p,	\
		type old, type new, int order, int fail_order)		\
{									\
	__atomic_compare_exchange_n(p, &old, new, 0,			\
			__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);		\
	return old;							\
}

ATOMICS(u8, 8)
ATOMICS(u16, 16)
ATOMICS(u32, 32)
ATOMICS(u64, 64)

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_thread_fence(int order)
{
	barrier();
}

void __tsan_atomic_signal_fence(int order);
void __tsan_atomic_signal_fence(int order)
{
	barrier();
}

#else

const void *machine_access_pc;

#endif /* MODEL_ACCESS */
