/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Write-protected page tables: the mechanisms, one function of each kind.
 *
 *	set(entry, val)		one store in a window of its own
 *	open(), close(state)	a window
 *	enter(), exit(saved)	interrupts, exceptions and NMIs from kernel mode
 *
 * All change RAX, RCX, RDX (enter() RSI too) and flags only. No call, no stack
 * but for EFLAGS: what opens a window is a constant, and so is what closes it. A
 * jump to the instruction that closes it, with another value, ends in UD2.
 *
 * pgtable_wp_depth counts the windows of this context, those of set() aside. It
 * goes up after the window is open and down before it is closed, so that an NMI
 * that finds it not 0 finds the window open; enter() looks at the register
 * itself. Nobody can keep a window open by changing it: 0 in a window makes
 * the next close() close it, anything else outside of one makes stores fault.
 */
#include <linux/linkage.h>

#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/percpu.h>
#include <asm/pgtable_wp.h>
#include <asm/processor-flags.h>

	.section .noinstr.text, "ax"

/* Supervisor protection keys: one register, per CPU, no TLB flush. */

.macro PKRS_OPEN
	movl	$MSR_IA32_PKRS, %ecx
	xorl	%eax, %eax
	xorl	%edx, %edx
	wrmsr
.endm

/* ECX and EDX are what they have to be. */
.macro __PKRS_CLOSE
	movl	$PGTABLE_WP_PKRS_CLOSED, %eax
	wrmsr
	cmpl	$PGTABLE_WP_PKRS_CLOSED, %eax
	je	.Lclosed_\@
	ud2
.Lclosed_\@:
.endm

.macro PKRS_CLOSE
	movl	$MSR_IA32_PKRS, %ecx
	xorl	%edx, %edx
	__PKRS_CLOSE
.endm

SYM_FUNC_START(pgtable_wp_set_pks)
	cmpb	$0, PER_CPU_VAR(pgtable_wp_depth)
	jne	1f
	PKRS_OPEN
	movq	%rsi, (%rdi)
	__PKRS_CLOSE
	RET
1:	movq	%rsi, (%rdi)
	RET
SYM_FUNC_END(pgtable_wp_set_pks)

SYM_FUNC_START(pgtable_wp_open_pks)
	movzbl	PER_CPU_VAR(pgtable_wp_depth), %eax
	testl	%eax, %eax
	jne	1f
	PKRS_OPEN
1:	incb	PER_CPU_VAR(pgtable_wp_depth)
	RET
SYM_FUNC_END(pgtable_wp_open_pks)

SYM_FUNC_START(pgtable_wp_close_pks)
	movb	%dil, PER_CPU_VAR(pgtable_wp_depth)
	testb	%dil, %dil
	jne	1f
	PKRS_CLOSE
1:	RET
SYM_FUNC_END(pgtable_wp_close_pks)

SYM_FUNC_START(pgtable_wp_enter_pks)
	movl	$MSR_IA32_PKRS, %ecx
	rdmsr
	cmpl	$PGTABLE_WP_PKRS_CLOSED, %eax
	jne	1f
	xorl	%eax, %eax
	RET
	/* Not the other way round: an NMI in between would find depth wrong. */
1:	movzbl	PER_CPU_VAR(pgtable_wp_depth), %esi
	movb	$0, PER_CPU_VAR(pgtable_wp_depth)
	PKRS_CLOSE
	movl	%esi, %eax
	orl	$PGTABLE_WP_ENTRY_OPEN, %eax
	RET
SYM_FUNC_END(pgtable_wp_enter_pks)

SYM_FUNC_START(pgtable_wp_exit_pks)
	PKRS_OPEN
	movb	%dil, PER_CPU_VAR(pgtable_wp_depth)
	RET
SYM_FUNC_END(pgtable_wp_exit_pks)

/*
 * CR0.WP, with interrupts off: for this CPU no page is read-only in a window.
 */

.macro CR0_OPEN
	movq	%cr0, %rcx
	andq	$~X86_CR0_WP, %rcx
	movq	%rcx, %cr0
.endm

.macro CR0_CLOSE
	movq	%cr0, %rcx
	orq	$X86_CR0_WP, %rcx
	movq	%rcx, %cr0
	testl	$X86_CR0_WP, %ecx
	jnz	.Lclosed_\@
	ud2
.Lclosed_\@:
.endm

SYM_FUNC_START(pgtable_wp_set_cr0wp)
	cmpb	$0, PER_CPU_VAR(pgtable_wp_depth)
	jne	1f
	pushfq
	popq	%rax
	cli
	CR0_OPEN
	movq	%rsi, (%rdi)
	CR0_CLOSE
	testl	$X86_EFLAGS_IF, %eax
	jz	2f
	sti
2:	RET
1:	movq	%rsi, (%rdi)
	RET
SYM_FUNC_END(pgtable_wp_set_cr0wp)

SYM_FUNC_START(pgtable_wp_open_cr0wp)
	movzbl	PER_CPU_VAR(pgtable_wp_depth), %eax
	testl	%eax, %eax
	jne	1f
	pushfq
	popq	%rax
	andl	$PGTABLE_WP_STATE_IF, %eax
	cli
	CR0_OPEN
1:	incb	PER_CPU_VAR(pgtable_wp_depth)
	RET
SYM_FUNC_END(pgtable_wp_open_cr0wp)

SYM_FUNC_START(pgtable_wp_close_cr0wp)
	movb	%dil, PER_CPU_VAR(pgtable_wp_depth)
	testb	%dil, %dil
	jne	1f
	CR0_CLOSE
	testl	$PGTABLE_WP_STATE_IF, %edi
	jz	1f
	sti
1:	RET
SYM_FUNC_END(pgtable_wp_close_cr0wp)

SYM_FUNC_START(pgtable_wp_enter_cr0wp)
	movq	%cr0, %rax
	testl	$X86_CR0_WP, %eax
	jz	1f
	xorl	%eax, %eax
	RET
1:	movzbl	PER_CPU_VAR(pgtable_wp_depth), %eax
	movb	$0, PER_CPU_VAR(pgtable_wp_depth)
	CR0_CLOSE
	orl	$PGTABLE_WP_ENTRY_OPEN, %eax
	RET
SYM_FUNC_END(pgtable_wp_enter_cr0wp)

SYM_FUNC_START(pgtable_wp_exit_cr0wp)
	CR0_OPEN
	movb	%dil, PER_CPU_VAR(pgtable_wp_depth)
	RET
SYM_FUNC_END(pgtable_wp_exit_cr0wp)

/* Off: never called, since pgtable_wp_key is off too. */

SYM_FUNC_START(pgtable_wp_set_off)
	movq	%rsi, (%rdi)
	RET
SYM_FUNC_END(pgtable_wp_set_off)

SYM_FUNC_START(pgtable_wp_open_off)
	xorl	%eax, %eax
	RET
SYM_FUNC_END(pgtable_wp_open_off)

SYM_FUNC_START(pgtable_wp_close_off)
	RET
SYM_FUNC_END(pgtable_wp_close_off)

SYM_FUNC_START(pgtable_wp_enter_off)
	xorl	%eax, %eax
	RET
SYM_FUNC_END(pgtable_wp_enter_off)

SYM_FUNC_START(pgtable_wp_exit_off)
	RET
SYM_FUNC_END(pgtable_wp_exit_off)
