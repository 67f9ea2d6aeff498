// SPDX-License-Identifier: GPL-2.0
/* What is said when a rule is broken. */
#include "task.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NR_OPERATIONS	16
#define REPORT_SIZE	32768

struct machine_stats machine_stats __attribute__((weak));

static void (*violation_handler)(const char *text);

/* The last operations of all tasks. */
static struct operation {
	const char *task;
	unsigned int cpu;
	const char *name;
	unsigned long argument;
} operations[NR_OPERATIONS];
static unsigned int nr_operations;

/* What was gathered by report() since the last violation. */
static char details[REPORT_SIZE / 2];
static size_t details_length;

void report(const char *fmt, ...)
{
	size_t left = sizeof(details) - details_length;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(details + details_length, left, fmt, args);
	va_end(args);
	if (n > 0)
		details_length += (size_t)n < left ? (size_t)n : left - 1;
}

void violation_boot(void)
{
	details_length = 0;
	nr_operations = 0;
}

void machine_on_violation(void (*handler)(const char *text))
{
	violation_handler = handler;
}

#ifdef MODEL_THREADS
__attribute__((no_sanitize("thread")))
#endif
void machine_operation(const char *name, unsigned long argument)
{
	struct operation *op;
	unsigned int nr;

#ifdef MODEL_THREADS
	nr = __atomic_fetch_add(&nr_operations, 1, __ATOMIC_RELAXED);
#else
	nr = nr_operations++;
#endif
	op = &operations[nr % NR_OPERATIONS];
	op->task = machine_current->name;
	op->cpu = machine_current->cpu;
	op->name = name;
	op->argument = argument;
	machine_current->operation = name;
	machine_current->argument = argument;
}

static void report_context(const struct task_struct *context)
{
	for (; context; context = context->under) {
		report("  %s on CPU %u%s%s", context->name, context->cpu,
		       context->irqs_off ? ", interrupts off" : "",
		       context->rcu ? ", RCU reader" : "");
		if (context->operation)
			report(", in %s(%lu)", context->operation,
			       context->argument);
		report(context->depth ? ", holding:\n" : "\n");
		lock_print_held(context);
		if (context->under)
			report("  interrupts:\n");
	}
}

static void report_operations(void)
{
	unsigned int i = nr_operations > NR_OPERATIONS ?
			 nr_operations - NR_OPERATIONS : 0;

	if (i < nr_operations)
		report("last operations:\n");
	for (; i < nr_operations; i++) {
		const struct operation *op = &operations[i % NR_OPERATIONS];

		report("  %s on CPU %u: %s(%lu)\n", op->task, op->cpu, op->name,
		       op->argument);
	}
}

void machine_short_names(char *text)
{
	static const char * const tops[] = { "/kernel/", "/model/", "/tools/" };
	char *word, *end, *keep, *at;
	size_t i;

	for (word = strchr(text, '/'); word; word = strchr(end, '/')) {
		end = word + strcspn(word, " \n");
		while (word > text && word[-1] != ' ' && word[-1] != '\n')
			word--;
		keep = word;
		for (i = 0; i < ARRAY_SIZE(tops); i++)
			for (at = word; (at = strstr(at, tops[i])) && at < end;
			     at++)
				if (at >= keep)
					keep = at + 1;
		if (!strncmp(keep, "../", strlen("../")))
			keep += strlen("../");
		memmove(word, keep, strlen(keep) + 1);
		end -= keep - word;
	}
}

#ifdef __SANITIZE_ADDRESS__
void __sanitizer_print_stack_trace(void);
#define print_stack()	__sanitizer_print_stack_trace()
#else
#define print_stack()	((void)0)
#endif

void machine_violation(const char *fmt, ...)
{
	static __model_thread bool busy;
	static char text[REPORT_SIZE];
	va_list args;
	int n;

	if (busy) {
		fputs("a violation while one was reported\n", stderr);
		abort();
	}
	busy = true;

	n = snprintf(text, sizeof(text), "violation: ");
	va_start(args, fmt);
	n += vsnprintf(text + n, 1024, fmt, args);
	va_end(args);
	if ((size_t)n > 1023 + sizeof("violation: "))
		n = 1023 + sizeof("violation: ") - 1;

	/* Rules that come with details have reported them by now. */
	report_context(machine_current);
	sched_print_tasks();
	report_operations();
	log_print();
	sched_print_schedule();
	snprintf(text + n, sizeof(text) - n, "\n%s", details);
	details_length = 0;
	machine_short_names(text);

	if (violation_handler) {
		violation_handler(text);
		busy = false;
		return;
	}
	fputs(text, stderr);
	print_stack();
	abort();
}

void machine_unmodelled(const char *what)
{
	machine_violation("not modelled: %s", what);
	abort();
}
