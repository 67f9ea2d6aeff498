// SPDX-License-Identifier: GPL-2.0
/*
 * Write-protected page tables: which mechanism, and what a violation says.
 *
 * A page table page is protected by the direct-map entry that maps it, which
 * carries a protection key in every mechanism: pks needs it, and elsewhere the
 * hardware ignores it (CR4.PKS is clear) and it tells such entries from others
 * that are read-only for reasons of their own. The windows are in
 * asm/pgtable_wp.h and pgtable_wp_64.S; arch_dmap_protect() changes entries.
 *
 * Nothing here is changed after boot.
 */
#define pr_fmt(fmt) "pgtable_wp: " fmt

#include <linux/cache.h>
#include <linux/extable.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/panic.h>
#include <linux/percpu.h>
#include <linux/pgtable.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/sched/debug.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/static_call.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmstat.h>

#include <asm/cmdline.h>
#include <asm/dmap.h>
#include <asm/insn.h>
#include <asm/insn-eval.h>
#include <asm/msr.h>
#include <asm/pgalloc.h>
#include <asm/pgtable_wp.h>
#include <asm/setup.h>
#include <asm/tlbflush.h>
#include <asm/trap_pf.h>

#include <trace/events/dmap.h>

/* Exported, like what follows: set_pte() and its like are inline. */
DEFINE_STATIC_KEY_FALSE_RO(pgtable_wp_key);
EXPORT_SYMBOL(pgtable_wp_key);

DEFINE_STATIC_CALL(pgtable_wp_call_set, pgtable_wp_set_off);
DEFINE_STATIC_CALL(pgtable_wp_call_open, pgtable_wp_open_off);
DEFINE_STATIC_CALL(pgtable_wp_call_close, pgtable_wp_close_off);
DEFINE_STATIC_CALL(pgtable_wp_call_enter, pgtable_wp_enter_off);
DEFINE_STATIC_CALL(pgtable_wp_call_exit, pgtable_wp_exit_off);
EXPORT_STATIC_CALL_TRAMP(pgtable_wp_call_set);
EXPORT_STATIC_CALL_TRAMP(pgtable_wp_call_open);
EXPORT_STATIC_CALL_TRAMP(pgtable_wp_call_close);

#define USE_MECHANISM(name)						\
do {									\
	static_call_update(pgtable_wp_call_set, pgtable_wp_set_##name);	\
	static_call_update(pgtable_wp_call_open, pgtable_wp_open_##name); \
	static_call_update(pgtable_wp_call_close, pgtable_wp_close_##name); \
	static_call_update(pgtable_wp_call_enter, pgtable_wp_enter_##name); \
	static_call_update(pgtable_wp_call_exit, pgtable_wp_exit_##name); \
} while (0)

/* Windows that this context has open, other than pgtable_wp_set()'s own. */
DEFINE_PER_CPU(u8, pgtable_wp_depth);

/* In an entry of the direct map: it maps page tables. */
#define PGTABLE_WP_KEY	((u64)PGTABLE_WP_PKEY << _PAGE_BIT_PKEY_BIT0)
#define PGTABLE_WP_KEYS	((u64)0xf << _PAGE_BIT_PKEY_BIT0)

/* More windows inside each other than any code has. */
#define MAX_DEPTH	8

/* Tables that a report looks at before it gives up to say whose one is. */
#define MAX_SEARCH	65536

/**
 * struct mechanism - a way to open page tables for writing on one CPU
 * @name:	its name in pgtable_wp=
 * @refuse:	says why it cannot hold on this CPU, or NULL if it can
 * @start:	makes it the one that is used
 */
struct mechanism {
	const char *name;
	const char *(*refuse)(void);
	void (*start)(void);
};

static const char *mechanism_name __ro_after_init = "off";
static bool pks_on __ro_after_init;
static bool violation_panics __ro_after_init;
static char wanted[16] __initdata = "auto";
static char wanted_violation[16] __initdata = "oops";

static int __init setup_pgtable_wp(char *value)
{
	strscpy(wanted, value ?: "", sizeof(wanted));
	return 0;
}
early_param("pgtable_wp", setup_pgtable_wp);

static int __init setup_pgtable_wp_violation(char *value)
{
	strscpy(wanted_violation, value ?: "", sizeof(wanted_violation));
	return 0;
}
early_param("pgtable_wp_violation", setup_pgtable_wp_violation);

static const char * __init refuse_pks(void)
{
	if (!boot_cpu_has(X86_FEATURE_PKS))
		return "this CPU has no supervisor protection keys";
	return NULL;
}

static void __init start_pks(void)
{
	pks_on = true;
	/* Other CPUs get the bit with cr4_init(), which pins it. */
	cr4_set_bits(X86_CR4_PKS);
	pgtable_wp_init_cpu();
	USE_MECHANISM(pks);
}

/* The place of the alias view in the order of preference. */
static const char * __init refuse_cr3(void)
{
	return "this kernel does not have it";
}

static const char * __init refuse_cr0wp(void)
{
	if (__read_cr4() & X86_CR4_CET)
		return "CR4.CET is set, so CR0.WP cannot be cleared";
	return NULL;
}

static void __init start_cr0wp(void)
{
	USE_MECHANISM(cr0wp);
}

/* The best one first. */
static const struct mechanism mechanisms[] __initconst = {
	{ "pks", refuse_pks, start_pks },
	{ "cr3", refuse_cr3, NULL },
	{ "cr0wp", refuse_cr0wp, start_cr0wp },
};

static void __init start(const struct mechanism *mechanism)
{
	mechanism->start();
	mechanism_name = mechanism->name;
	static_branch_enable(&pgtable_wp_key);
}

static void __init start_first(void)
{
	char why[192] = "";
	const char *refusal;
	size_t len = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(mechanisms); i++) {
		refusal = mechanisms[i].refuse();
		if (!refusal) {
			start(&mechanisms[i]);
			pr_info("%s (auto: the first that holds here%s)\n",
				mechanisms[i].name, why);
			return;
		}
		len += scnprintf(why + len, sizeof(why) - len, "; not %s: %s",
				 mechanisms[i].name, refusal);
	}
	pr_info("off (auto: none holds here%s)\n", why);
}

static void __init start_named(const struct mechanism *mechanism)
{
	const char *refusal = mechanism->refuse();

	if (refusal) {
		pr_warn("off: %s was asked for, but %s\n", mechanism->name,
			refusal);
		return;
	}
	start(mechanism);
	pr_info("%s (asked for)\n", mechanism->name);
}

static void __init select_violation(void)
{
	if (!strcmp(wanted_violation, "panic"))
		violation_panics = true;
	else if (strcmp(wanted_violation, "oops"))
		pr_warn("pgtable_wp_violation=%s is not known, valid are oops and panic; using oops\n",
			wanted_violation);
}

/**
 * pgtable_wp_select() - choose the mechanism, as pgtable_wp= says
 *
 * Context: The boot CPU, its features and CR4 settled but for pinning, before
 * any other CPU is up.
 */
void __init pgtable_wp_select(void)
{
	const char *why;
	char dmap[8];
	int i;

	select_violation();
	if (!strcmp(wanted, "off")) {
		pr_info("off (asked for)\n");
		return;
	}
	if (!arch_dmap_supported(&why)) {
		pr_info("off: %s\n", why);
		return;
	}
	if (cmdline_find_option(boot_command_line, "dmap", dmap,
				sizeof(dmap)) == 3 && !strcmp(dmap, "off")) {
		pr_info("off: dmap=off\n");
		return;
	}

	for (i = 0; i < ARRAY_SIZE(mechanisms); i++) {
		if (!strcmp(wanted, mechanisms[i].name)) {
			start_named(&mechanisms[i]);
			return;
		}
	}
	if (strcmp(wanted, "auto"))
		pr_warn("pgtable_wp=%s is not known, valid are auto, pks, cr3, cr0wp and off; using auto\n",
			wanted);
	start_first();
}

/**
 * pgtable_wp_init_cpu() - close the window of a CPU that comes up or resumes
 *
 * Context: That CPU, interrupts off, CR4 as it has to be.
 */
void pgtable_wp_init_cpu(void)
{
	if (pks_on)
		wrmsrl(MSR_IA32_PKRS, PGTABLE_WP_PKRS_CLOSED);
}

/**
 * pgtable_wp_name() - the mechanism in use
 *
 * Context: Any.
 * Return: its name as in pgtable_wp=, "off" for none.
 */
const char *pgtable_wp_name(void)
{
	return mechanism_name;
}

/**
 * pgtable_wp_is_open() - can this CPU write page tables now?
 *
 * The register, not what we think that it is: for tests and checks.
 *
 * Context: Preemption off.
 * Return: true in a window.
 */
bool pgtable_wp_is_open(void)
{
	u64 pkrs;

	if (!pgtable_wp_enabled())
		return true;
	if (!pks_on)
		return !(native_read_cr0() & X86_CR0_WP);
	rdmsrl(MSR_IA32_PKRS, pkrs);
	return pkrs != PGTABLE_WP_PKRS_CLOSED;
}

/**
 * pgtable_wp_masks() - what an entry that maps protected page tables looks like
 * @set: bits that are set
 * @clr: bits that are clear
 *
 * Context: Any.
 */
void pgtable_wp_masks(u64 *set, u64 *clr)
{
	*set = PGTABLE_WP_KEY;
	/* Read-only and dirty would say shadow stack: the two go together. */
	*clr = pks_on ? 0 : _PAGE_RW | _PAGE_DIRTY;
}

/**
 * pgtable_wp_entry_protected() - does an entry map protected page tables?
 * @entry: the entry, of any level, that maps a page
 *
 * Context: Any.
 * Return: true if only a window can write through it.
 */
bool pgtable_wp_entry_protected(u64 entry)
{
	if (!pgtable_wp_enabled() || (entry & PGTABLE_WP_KEYS) != PGTABLE_WP_KEY)
		return false;
	return pks_on || !(entry & _PAGE_RW);
}

/* A window was left open over a schedule(): say so, and close it. */
void __pgtable_wp_switch(void)
{
	WARN_ONCE(1, "pgtable_wp: a window is open in a task switch\n");
	static_call(pgtable_wp_call_close)(0);
}

#ifdef CONFIG_DMAP_DEBUG_WINDOWS
void pgtable_wp_check_close(unsigned long state)
{
	unsigned int depth = this_cpu_read(pgtable_wp_depth);

	WARN_ONCE(depth != (state & 0xff) + 1,
		  "pgtable_wp: window %lu closed, but %u are open\n",
		  (state & 0xff) + 1, depth);
	WARN_ONCE(depth > MAX_DEPTH, "pgtable_wp: %u windows are open\n",
		  depth);
	WARN_ONCE(!pgtable_wp_is_open(),
		  "pgtable_wp: somebody closed a window that is not his\n");
}
EXPORT_SYMBOL(pgtable_wp_check_close);

void pgtable_wp_check_closed(const char *where)
{
	unsigned int depth = this_cpu_read(pgtable_wp_depth);

	WARN_ONCE(depth, "pgtable_wp: %u windows are open: %s\n", depth, where);
	WARN_ONCE(pgtable_wp_is_open(),
		  "pgtable_wp: page tables are writable: %s\n", where);
}
#endif

/* What a report says of a table page. */
struct table {
	int level;		/* of its entries: 1 for PTEs; 0: not found */
	unsigned long base;	/* the address that its first entry maps */
	char owner[TASK_COMM_LEN + 16];
};

struct search {
	unsigned long pfn;
	unsigned int left;	/* tables that may still be looked at */
	struct table *found;
};

static const char * const level_names[] = {
	"page table", "PTE table", "PMD table", "PUD table", "P4D table",
	"PGD table",
};

/* The address that an entry maps, as the CPU sees it. */
static unsigned long entry_address(int level, unsigned long base, int index)
{
	int shift = PAGE_SHIFT + 9 * (level - 1);
	unsigned long addr = base + ((unsigned long)index << shift);

	return __canonical_address(addr, __VIRTUAL_MASK_SHIFT + 1);
}

/*
 * Look for a table below another. The tables may change or go away at any time:
 * they are read in a way that cannot fault, and what is found is a hint.
 */
static bool search_below(struct search *search, u64 *entries, int level,
			 unsigned long base)
{
	unsigned long pfn;
	u64 entry;
	int i;

	if (!search->left)
		return false;
	search->left--;

	for (i = 0; i < PTRS_PER_PTE; i++) {
		unsigned long addr = entry_address(level, base, i);

		if (get_kernel_nofault(entry, entries + i))
			return false;
		if (!(entry & _PAGE_PRESENT) || (level < 5 && entry & _PAGE_PSE))
			continue;
		pfn = (entry & PTE_PFN_MASK) >> PAGE_SHIFT;
		if (!pfn_valid(pfn))
			continue;
		if (pfn == search->pfn) {
			search->found->level = level - 1;
			search->found->base = addr;
			return true;
		}
		if (level > 2 && search_below(search, pfn_to_kaddr(pfn),
					      level - 1, addr))
			return true;
	}
	return false;
}

static bool search_mm(struct search *search, struct mm_struct *mm)
{
	unsigned long top = PHYS_PFN(__pa(mm->pgd));
	int level = pgtable_l5_enabled() ? 5 : 4;

	search->left = MAX_SEARCH;
	/* With PTI the user half is the page after it. */
	if (search->pfn - top < (1UL << PGD_ALLOCATION_ORDER)) {
		search->found->level = 5;
		search->found->base = 0;
		return true;
	}
	return search_below(search, (u64 *)mm->pgd, level, 0);
}

/* Whose table is it? The likeliest first. */
static void find_table(unsigned long pfn, struct table *table)
{
	struct search search = { .pfn = pfn, .found = table };
	struct task_struct *task;
	bool found;

	table->level = 0;
	if (search_mm(&search, &init_mm)) {
		strscpy(table->owner, "the kernel", sizeof(table->owner));
		return;
	}

	rcu_read_lock();
	for_each_process(task) {
		/* Not to wait: whoever holds the lock may be who faulted. */
		if (!spin_trylock(&task->alloc_lock))
			continue;
		found = task->mm && search_mm(&search, task->mm);
		spin_unlock(&task->alloc_lock);
		if (found) {
			snprintf(table->owner, sizeof(table->owner), "%s[%d]",
				 task->comm, task_pid_nr(task));
			break;
		}
	}
	rcu_read_unlock();
}

/* The value that a plain MOV was about to store. */
static bool attempted_value(struct pt_regs *regs, u64 *val, int *bytes)
{
	unsigned char buf[MAX_INSN_SIZE];
	unsigned long *reg;
	struct insn insn;

	if (user_mode(regs) ||
	    copy_from_kernel_nofault(buf, (void *)regs->ip, sizeof(buf)) ||
	    insn_decode_kernel(&insn, buf))
		return false;

	switch (insn_decode_mmio(&insn, bytes)) {
	case INSN_MMIO_WRITE:
		reg = insn_get_modrm_reg_ptr(&insn, regs);
		if (!reg)
			return false;
		*val = *reg;
		break;
	case INSN_MMIO_WRITE_IMM:
		*val = insn.immediate1.value;
		break;
	default:
		return false;
	}

	if (*bytes < sizeof(*val))
		*val &= (1ULL << (*bytes * BITS_PER_BYTE)) - 1;
	return true;
}

static void report(struct pt_regs *regs, unsigned long address)
{
	u64 *entry = (u64 *)ALIGN_DOWN(address, sizeof(*entry));
	int index = offset_in_page(entry) / sizeof(*entry);
	unsigned long pfn = PHYS_PFN(__pa(address));
	struct table table;
	u64 old, val;
	int bytes;

	find_table(pfn, &table);
	if (table.level)
		pr_alert("write to a protected %s of %s: entry %d, which maps 0x%lx\n",
			 level_names[table.level], table.owner, index,
			 entry_address(min(table.level, pgtable_l5_enabled() ? 5 : 4),
				       table.base, index));
	else
		pr_alert("write to a protected page table page, which no mm uses: pfn 0x%lx, entry %d\n",
			 pfn, index);

	if (!get_kernel_nofault(old, entry))
		pr_alert("the entry is, and stays, %016llx\n", old);
	if (attempted_value(regs, &val, &bytes))
		pr_alert("%d bytes at offset %lu should have become %0*llx\n",
			 bytes, address & (sizeof(*entry) - 1), bytes * 2, val);
	pr_alert("by %pS in %s[%d] on CPU %d\n",
		 (void *)regs->ip, current->comm, task_pid_nr(current),
		 raw_smp_processor_id());
}

enum pgtable_wp_fault __pgtable_wp_fault(struct pt_regs *regs,
					 unsigned long error_code,
					 unsigned long address)
{
	const unsigned long kernel_write = X86_PF_PROT | X86_PF_WRITE;
	unsigned int level;
	pte_t *entry, val;

	if ((error_code & (kernel_write | X86_PF_USER | X86_PF_RSVD)) !=
	    kernel_write)
		return PGTABLE_WP_NOT_OURS;

	/* Interrupts are off: the tables that are walked do not go away. */
	entry = lookup_address(address, &level);
	if (!entry)
		return PGTABLE_WP_NOT_OURS;
	val = READ_ONCE(*entry);
	if (!pte_present(val))
		return PGTABLE_WP_NOT_OURS;
	if (!pgtable_wp_entry_protected(pte_val(val))) {
		/* The key went away while the fault was on its way here. */
		if (error_code & X86_PF_PK)
			return PGTABLE_WP_RETRY;
		return PGTABLE_WP_NOT_OURS;
	}

	count_vm_event(DMAP_VIOLATION);
	trace_dmap_violation(address, regs->ip);
	/* Whoever can deal with a fault gets an error from it, and no oops. */
	if (!user_mode(regs) && search_exception_tables(regs->ip)) {
		pr_warn_ratelimited("write to a protected page table at 0x%lx by %pS, which takes it for an error\n",
				    address, (void *)regs->ip);
		return PGTABLE_WP_VIOLATION;
	}

	report(regs, address);
	if (violation_panics) {
		show_regs(regs);
		panic("pgtable_wp: write to a protected page table");
	}
	return PGTABLE_WP_VIOLATION;
}
