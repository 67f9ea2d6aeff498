/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Write-protected page tables: windows.
 *
 * Pages that hold page tables are not writable through the direct map. Code
 * that changes an entry does so in a window, which this CPU alone has, and only
 * in the context that opened it: an interrupt, exception or NMI that arrives
 * in a window finds it closed, and the window is open again when it returns.
 *
 * Most code does not deal with windows: set_pte() and its like have one of
 * their own. A window around many entries saves the opening and closing of each,
 * since windows nest.
 *
 *	state = pgtable_wp_open();
 *	...				short, bounded, no sleep, no user access
 *	pgtable_wp_close(state);
 *
 * A window is bound to its CPU: preemption is off. With the cr0wp mechanism
 * interrupts are off as well.
 */
#ifndef _ASM_X86_PGTABLE_WP_H
#define _ASM_X86_PGTABLE_WP_H

#include <linux/const.h>

/* The protection key of page tables, in entries that map them. */
#define PGTABLE_WP_PKEY		1
/* PKRS: two bits a key, "no access" and "no write". */
#define PGTABLE_WP_PKRS_CLOSED	(_AC(2, U) << (2 * PGTABLE_WP_PKEY))
#define PGTABLE_WP_PKRS_OPEN	0
/* In what an entry hook returns: the interrupted context had a window. */
#define PGTABLE_WP_ENTRY_OPEN	0x100
/* In what pgtable_wp_open() returns: EFLAGS.IF was set (cr0wp only). */
#define PGTABLE_WP_STATE_IF	0x200

#ifndef __ASSEMBLY__

#include <linux/types.h>

struct pt_regs;

/* What a fault in kernel space has to do with protected tables. */
enum pgtable_wp_fault {
	PGTABLE_WP_NOT_OURS,
	PGTABLE_WP_RETRY,
	PGTABLE_WP_VIOLATION,
};

/*
 * The decompressor, the real mode code, purgatory and the vDSO include the
 * headers of page tables too, and have none of what is below.
 */
#if defined(CONFIG_PGTABLE_WP) && !defined(__DISABLE_EXPORTS) && \
	!defined(BUILD_VDSO) && !defined(_SETUP)

#include <linux/bitops.h>
#include <linux/instrumentation.h>
#include <linux/jump_label.h>
#include <linux/preempt.h>
#include <linux/static_call_types.h>
#include <linux/string.h>

#include <asm/asm.h>
#include <asm/cmpxchg.h>
#include <asm/page.h>
#include <asm/percpu.h>

DECLARE_STATIC_KEY_FALSE(pgtable_wp_key);
DECLARE_PER_CPU(u8, pgtable_wp_depth);

/*
 * Each mechanism has one function of each kind, in pgtable_wp_64.S. They change
 * RAX, RCX and RDX only (enter() RSI too), so that a call costs its caller
 * little.
 */
#define PGTABLE_WP_MECHANISM(name)					\
	void pgtable_wp_set_##name(void *entry, u64 val);		\
	unsigned long pgtable_wp_open_##name(void);			\
	void pgtable_wp_close_##name(unsigned long state);		\
	unsigned int pgtable_wp_enter_##name(void);			\
	void pgtable_wp_exit_##name(unsigned int saved)

PGTABLE_WP_MECHANISM(off);
PGTABLE_WP_MECHANISM(pks);
PGTABLE_WP_MECHANISM(cr0wp);

DECLARE_STATIC_CALL(pgtable_wp_call_set, pgtable_wp_set_off);
DECLARE_STATIC_CALL(pgtable_wp_call_open, pgtable_wp_open_off);
DECLARE_STATIC_CALL(pgtable_wp_call_close, pgtable_wp_close_off);
DECLARE_STATIC_CALL(pgtable_wp_call_enter, pgtable_wp_enter_off);
DECLARE_STATIC_CALL(pgtable_wp_call_exit, pgtable_wp_exit_off);

#define PGTABLE_WP_CALL(name)	"call " STATIC_CALL_TRAMP_STR(name)

/**
 * pgtable_wp_enabled() - are page tables written in windows?
 *
 * Context: Any. A patched branch, no load.
 * Return: true once a mechanism was chosen, for good.
 */
static __always_inline bool pgtable_wp_enabled(void)
{
	return static_branch_unlikely(&pgtable_wp_key);
}

static __always_inline void __pgtable_wp_set(void *entry, u64 val)
{
	__STATIC_CALL_MOD_ADDRESSABLE(pgtable_wp_call_set);
	asm volatile(PGTABLE_WP_CALL(pgtable_wp_call_set)
		     : ASM_CALL_CONSTRAINT
		     : "D" (entry), "S" (val)
		     : "ax", "cx", "dx", "cc", "memory");
}

static __always_inline unsigned long __pgtable_wp_open(void)
{
	unsigned long state;

	__STATIC_CALL_MOD_ADDRESSABLE(pgtable_wp_call_open);
	preempt_disable_notrace();
	asm volatile(PGTABLE_WP_CALL(pgtable_wp_call_open)
		     : ASM_CALL_CONSTRAINT, "=a" (state)
		     :
		     : "cx", "dx", "cc", "memory");
	return state;
}

#ifdef CONFIG_DMAP_DEBUG_WINDOWS
void pgtable_wp_check_close(unsigned long state);
void pgtable_wp_check_closed(const char *where);
#else
static inline void pgtable_wp_check_close(unsigned long state) { }
static inline void pgtable_wp_check_closed(const char *where) { }
#endif

static __always_inline void __pgtable_wp_close(unsigned long state)
{
	__STATIC_CALL_MOD_ADDRESSABLE(pgtable_wp_call_close);
	pgtable_wp_check_close(state);
	asm volatile(PGTABLE_WP_CALL(pgtable_wp_call_close)
		     : ASM_CALL_CONSTRAINT
		     : "D" (state)
		     : "ax", "cx", "dx", "cc", "memory");
	preempt_enable_notrace();
}

/**
 * pgtable_wp_open() - allow this context to write page tables
 *
 * Windows nest. Nothing in one may sleep, schedule, or return from the function
 * without closing it.
 *
 * Context: Any, NMI included. Preemption is off until pgtable_wp_close().
 * Return: the state to give to pgtable_wp_close(); nothing else may be done
 * with it.
 */
static __always_inline unsigned long pgtable_wp_open(void)
{
	return pgtable_wp_enabled() ? __pgtable_wp_open() : 0;
}

/**
 * pgtable_wp_close() - end a window
 * @state: what pgtable_wp_open() returned
 *
 * Context: That of the pgtable_wp_open(). A window around this one stays open.
 */
static __always_inline void pgtable_wp_close(unsigned long state)
{
	if (pgtable_wp_enabled())
		__pgtable_wp_close(state);
}

/**
 * pgtable_wp_set() - write one entry of a page table
 * @entry: the entry
 * @val: its new value
 *
 * One store, in a window of its own unless the caller has one.
 *
 * Context: Any.
 */
static __always_inline void pgtable_wp_set(void *entry, u64 val)
{
	if (pgtable_wp_enabled())
		__pgtable_wp_set(entry, val);
	else
		WRITE_ONCE(*(u64 *)entry, val);
}

/**
 * pgtable_wp_xchg() - exchange one entry of a page table
 * @entry: the entry
 * @val: its new value
 *
 * Context: Any.
 * Return: the old value.
 */
static __always_inline u64 pgtable_wp_xchg(void *entry, u64 val)
{
	unsigned long state;

	if (!pgtable_wp_enabled())
		return xchg((u64 *)entry, val);

	state = __pgtable_wp_open();
	val = xchg((u64 *)entry, val);
	__pgtable_wp_close(state);
	return val;
}

/**
 * pgtable_wp_try_cmpxchg() - exchange one entry if it is what it was
 * @entry: the entry
 * @old: the value that is expected; on failure, the one that was found
 * @val: its new value
 *
 * Context: Any.
 * Return: true if the entry was changed.
 */
static __always_inline bool pgtable_wp_try_cmpxchg(void *entry, void *old,
						   u64 val)
{
	unsigned long state;
	bool done;

	if (!pgtable_wp_enabled())
		return try_cmpxchg((u64 *)entry, (u64 *)old, val);

	state = __pgtable_wp_open();
	done = try_cmpxchg((u64 *)entry, (u64 *)old, val);
	__pgtable_wp_close(state);
	return done;
}

/**
 * pgtable_wp_test_and_clear_bit() - clear one bit of an entry, atomically
 * @nr: the bit
 * @entry: the entry
 *
 * Context: Any.
 * Return: true if the bit was set.
 */
static __always_inline bool pgtable_wp_test_and_clear_bit(long nr, void *entry)
{
	unsigned long state;
	bool was_set;

	if (!pgtable_wp_enabled())
		return test_and_clear_bit(nr, entry);

	state = __pgtable_wp_open();
	was_set = test_and_clear_bit(nr, entry);
	__pgtable_wp_close(state);
	return was_set;
}

/**
 * pgtable_wp_copy() - copy entries into a page table
 * @to: the first entry to write
 * @from: the first entry to read
 * @size: bytes, at most a page
 *
 * Context: Any.
 */
static __always_inline void pgtable_wp_copy(void *to, const void *from,
					    size_t size)
{
	unsigned long state = pgtable_wp_open();

	memcpy(to, from, size);
	pgtable_wp_close(state);
}

/**
 * pgtable_wp_clear_page() - zero a page that is, or becomes, a page table
 * @page: its address in the direct map
 *
 * Context: Any.
 */
static __always_inline void pgtable_wp_clear_page(void *page)
{
	unsigned long state = pgtable_wp_open();

	clear_page(page);
	pgtable_wp_close(state);
}

/**
 * pgtable_wp_kernel_enter() - close the window of the context interrupted
 *
 * Context: First thing in an interrupt, exception or NMI from kernel mode;
 * interrupts off, no instrumentation.
 * Return: what pgtable_wp_kernel_exit() needs to open the window again.
 */
static __always_inline unsigned int pgtable_wp_kernel_enter(void)
{
	unsigned int saved;

	if (!pgtable_wp_enabled())
		return 0;

	__STATIC_CALL_MOD_ADDRESSABLE(pgtable_wp_call_enter);
	asm volatile(PGTABLE_WP_CALL(pgtable_wp_call_enter)
		     : ASM_CALL_CONSTRAINT, "=a" (saved)
		     :
		     : "cx", "dx", "si", "cc", "memory");
	return saved;
}

/**
 * pgtable_wp_kernel_exit() - open the window of the context returned to
 * @saved: what pgtable_wp_kernel_enter() returned
 *
 * It may run on another CPU, if the task was preempted in between: the window
 * goes with the task.
 *
 * Context: Last thing before the return to kernel mode; interrupts off, no
 * instrumentation.
 */
static __always_inline void pgtable_wp_kernel_exit(unsigned int saved)
{
	if (IS_ENABLED(CONFIG_DMAP_DEBUG_WINDOWS) && pgtable_wp_enabled()) {
		instrumentation_begin();
		pgtable_wp_check_closed("return from an interrupt or exception");
		instrumentation_end();
	}
	if (likely(!saved))
		return;

	__STATIC_CALL_MOD_ADDRESSABLE(pgtable_wp_call_exit);
	asm volatile(PGTABLE_WP_CALL(pgtable_wp_call_exit)
		     : ASM_CALL_CONSTRAINT
		     : "D" (saved)
		     : "ax", "cx", "dx", "cc", "memory");
}

void __pgtable_wp_switch(void);

/**
 * pgtable_wp_switch() - a task switch: no window may be open
 *
 * Context: __switch_to().
 */
static __always_inline void pgtable_wp_switch(void)
{
	if (pgtable_wp_enabled() && unlikely(this_cpu_read(pgtable_wp_depth)))
		__pgtable_wp_switch();
}

/**
 * pgtable_wp_user_exit() - a return to user mode: no window may be open
 *
 * Only debug kernels check.
 *
 * Context: Interrupts off.
 */
static __always_inline void pgtable_wp_user_exit(void)
{
	if (IS_ENABLED(CONFIG_DMAP_DEBUG_WINDOWS) && pgtable_wp_enabled())
		pgtable_wp_check_closed("return to user mode");
}

enum pgtable_wp_fault __pgtable_wp_fault(struct pt_regs *regs,
					 unsigned long error_code,
					 unsigned long address);

/**
 * pgtable_wp_fault() - was this fault a write to a protected page table?
 * @regs: registers
 * @error_code: hardware error code
 * @address: the address, in kernel space
 *
 * Counts and reports a violation; with pgtable_wp_violation=panic it does not
 * return from one.
 *
 * Context: Page fault handler.
 * Return: not ours; to be retried, for the protection is gone by now; or a
 * violation, which ends like any other bad access.
 */
static __always_inline enum pgtable_wp_fault
pgtable_wp_fault(struct pt_regs *regs, unsigned long error_code,
		 unsigned long address)
{
	if (!pgtable_wp_enabled())
		return PGTABLE_WP_NOT_OURS;
	return __pgtable_wp_fault(regs, error_code, address);
}

void pgtable_wp_select(void);
void pgtable_wp_init_cpu(void);
bool pgtable_wp_is_open(void);
const char *pgtable_wp_name(void);
void pgtable_wp_masks(u64 *set, u64 *clr);
bool pgtable_wp_entry_protected(u64 entry);

#else /* !CONFIG_PGTABLE_WP */

/* Also for 32-bit kernels, where entries may be wider than a long. */
#define pgtable_wp_set(entry, val)					\
	WRITE_ONCE(*(typeof(val) *)(entry), (val))
#define pgtable_wp_xchg(entry, val)					\
	xchg((unsigned long *)(entry), (unsigned long)(val))
#define pgtable_wp_try_cmpxchg(entry, old, val)				\
	try_cmpxchg((long *)(entry), (long *)(old), (long)(val))
#define pgtable_wp_test_and_clear_bit(nr, entry)			\
	test_and_clear_bit(nr, (unsigned long *)(entry))
#define pgtable_wp_copy(to, from, size)	memcpy(to, from, size)
#define pgtable_wp_clear_page(page)	clear_page(page)

static inline bool pgtable_wp_enabled(void) { return false; }
static inline unsigned long pgtable_wp_open(void) { return 0; }
static inline void pgtable_wp_close(unsigned long state) { }
static __always_inline unsigned int pgtable_wp_kernel_enter(void) { return 0; }
static __always_inline void pgtable_wp_kernel_exit(unsigned int saved) { }
static inline void pgtable_wp_switch(void) { }
static inline void pgtable_wp_user_exit(void) { }
static inline enum pgtable_wp_fault pgtable_wp_fault(struct pt_regs *regs,
						     unsigned long error_code,
						     unsigned long address)
{
	return PGTABLE_WP_NOT_OURS;
}

static inline void pgtable_wp_select(void) { }
static inline void pgtable_wp_init_cpu(void) { }
static inline bool pgtable_wp_entry_protected(u64 entry) { return false; }
static inline void pgtable_wp_masks(u64 *set, u64 *clr) { }

#endif /* CONFIG_PGTABLE_WP */

#endif /* __ASSEMBLY__ */

#endif /* _ASM_X86_PGTABLE_WP_H */
