/* SPDX-License-Identifier: GPL-2.0 */
/* Reports: one set of results, its tables, JSON and SVG. */
#ifndef _SCALE_REPORT_H
#define _SCALE_REPORT_H

#include <stdio.h>

#include "replay.h"

/* A budget of design.md, section 11, and how the results stand to it. */
struct budget {
	const char *what, *limit;
	double worst;
	const char *format;	/* of the worst */
	char where[80];
	bool applies, met;
};
#define MAX_BUDGETS	12

unsigned int budgets_judge(const struct result *results, unsigned int nr,
			   struct budget *budgets);

/* A table of some of the columns; a column that has no figure is "-". */
void report_table(FILE *out, const struct result *results, unsigned int nr,
		  const char *const *columns);
void report_budgets(FILE *out, const struct budget *budgets, unsigned int nr);
void report_json(FILE *out, const char *command, uint64_t seed,
		 const struct result *results, unsigned int nr,
		 const struct budget *budgets, unsigned int nr_budgets);

/* Does the result come from this series ("same", "grown", "compare")? */
bool in_series(const struct result *result, const char *series);

/* svg.c */
void svg_run(FILE *out, const struct result *results, unsigned int nr);
void svg_compare(FILE *out, const struct result *results, unsigned int nr);
void svg_demo(FILE *out, const struct result *results, unsigned int nr,
	      const char *title);

#endif /* _SCALE_REPORT_H */
