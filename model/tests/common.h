/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What more than one test program needs.
 */
#ifndef _MODEL_TESTS_COMMON_H
#define _MODEL_TESTS_COMMON_H

#include <argp.h>
#include <stdlib.h>
#include <time.h>

#include "dmap/dmap.h"
#include "machine.h"

/* A counter of /proc/vmstat. */
static inline unsigned long event(enum vm_event_item item)
{
	unsigned long events[NR_VM_EVENT_ITEMS];

	all_vm_events(events);
	return events[item];
}

/* Seconds, from some time on. */
static inline double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* The value of an option; what is none ends the program. */
static inline unsigned long number(struct argp_state *state, const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 0);

	if (end == text || *end || *text == '-')
		argp_error(state, "%s is not a number from 0 up", text);
	return value;
}

/* For cmocka: a small machine for each test. */
static inline int boot(void **state)
{
	machine_boot(&machine_small);
	return 0;
}

static inline int power_off(void **state)
{
	machine_shutdown();
	return 0;
}

#endif /* _MODEL_TESTS_COMMON_H */
