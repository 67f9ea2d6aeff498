// SPDX-License-Identifier: GPL-2.0
/* Tables, JSON, and the budgets. */
#include <stddef.h>
#include <string.h>

#include "report.h"

enum kind { TEXT, UINT, U64, I64, F64, ULONG };

/* A figure of a result: its name in JSON and for columns, and its heading. */
struct field {
	const char *key, *head;
	enum kind kind;
	size_t offset;
	int decimals;
	double factor;
};

#define FIELD(key, head, kind, member, ...) \
	{ key, head, kind, offsetof(struct result, member), __VA_ARGS__ }

static const struct field fields[] = {
	FIELD("series", "series", TEXT, series, 0, 1),
	FIELD("machine", "machine", TEXT, machine, 0, 1),
	FIELD("memory_mib", "MiB", ULONG, memory_mib, 0, 1),
	FIELD("nodes", "nodes", UINT, nodes, 0, 1),
	FIELD("cpus", "CPUs", UINT, cpus, 0, 1),
	FIELD("trace", "trace", TEXT, trace, 0, 1),
	FIELD("fragmented_one_in", "frag", UINT, one_in, 0, 1),
	FIELD("others_per_table", "others", UINT, per_table, 0, 1),
	FIELD("policy", "policy", TEXT, policy, 0, 1),
	FIELD("events", "events", U64, events, 0, 1),
	FIELD("requests", "requests", U64, requests, 0, 1),
	FIELD("failed", "failed", U64, failed, 0, 1),
	FIELD("elsewhere", "not cached", U64, elsewhere, 0, 1),
	FIELD("peak_live", "live", U64, peak_live, 0, 1),
	FIELD("peak_idle", "idle", U64, peak_idle, 0, 1),
	FIELD("peak_blocks", "blocks", U64, peak_blocks, 0, 1),
	FIELD("peak_least", "least", U64, peak_least, 0, 1),
	FIELD("blocks_ratio", "ratio", F64, blocks_ratio, 2, 1),
	FIELD("bound", "bound", U64, bound, 0, 1),
	FIELD("fewest", "fewest", U64, fewest, 0, 1),
	FIELD("metadata_bytes", "metadata", U64, peak_metadata, 0, 1),
	FIELD("metadata_share", "meta %", F64, metadata_share, 4, 100),
	FIELD("fill", "fill %", F64, fill, 1, 100),
	FIELD("churn_fill", "churn %", F64, cost.churn_fill, 1, 100),
	FIELD("churn_blocks", "churn blocks", ULONG, cost.churn_blocks, 0, 1),
	FIELD("churn_least", "churn least", ULONG, cost.churn_least, 0, 1),
	FIELD("most_idle", "most idle", U64, most_idle, 0, 1),
	FIELD("lost_boot", "at boot", I64, lost_boot, 0, 1),
	FIELD("lost_peak", "lost", I64, lost_peak, 0, 1),
	FIELD("lost_released", "released", I64, lost_released, 0, 1),
	FIELD("lost_shrunk", "shrunk", I64, lost_shrunk, 0, 1),
	FIELD("idle_released", "kept", U64, idle_released, 0, 1),
	FIELD("leaked", "leaked", I64, leaked, 0, 1),
	FIELD("splits_2m", "splits", U64, splits_2m, 0, 1),
	FIELD("splits_1g", "splits 1G", U64, splits_1g, 0, 1),
	FIELD("collapses_2m", "collapses", U64, collapses_2m, 0, 1),
	FIELD("collapses_1g", "collapses 1G", U64, collapses_1g, 0, 1),
	FIELD("flushes", "flushes", U64, flushes, 0, 1),
	FIELD("shootdowns", "flush IPIs", U64, shootdowns, 0, 1),
	FIELD("recover_ms", "back ms", I64, recover_ms, 0, 1),
	FIELD("replay_ns", "ns/event", F64, replay_ns, 0, 1),
	FIELD("slowest_ms", "slowest ms", F64, slowest_ms, 2, 1),
	FIELD("ns_per_operation", "ns/op", F64, cost.ns, 0, 1),
	FIELD("instructions_per_operation", "insns/op", F64, cost.instructions, 1, 1),
	FIELD("seconds", "run s", F64, seconds, 1, 1),
	FIELD("error", "error", TEXT, error, 0, 1),
};
#define NR_FIELDS	(sizeof(fields) / sizeof(*fields))

bool in_series(const struct result *result, const char *series)
{
	return !strcmp(result->series, series);
}

static const struct field *field_of(const char *key)
{
	unsigned int i;

	for (i = 0; i < NR_FIELDS; i++)
		if (!strcmp(fields[i].key, key))
			return fields + i;
	return NULL;
}

static double value(const struct field *field, const struct result *result)
{
	const char *at = (const char *)result + field->offset;

	switch (field->kind) {
	case UINT:
		return *(const unsigned int *)at;
	case ULONG:
		return *(const unsigned long *)at;
	case U64:
		return *(const uint64_t *)at;
	case I64:
		return *(const int64_t *)at;
	case F64:
		return *(const double *)at;
	case TEXT:
		break;
	}
	return 0;
}

/* "-" for what was not measured, or not run; a time of -1 is "never". */
static void cell(char *text, size_t size, const struct field *field,
		 const struct result *result)
{
	double v = value(field, result);

	if (field->kind == TEXT)
		snprintf(text, size, "%s",
			 (const char *)result + field->offset);
	else if (result->error[0] || (field->kind == F64 && !v))
		snprintf(text, size, "-");
	else if (!strcmp(field->key, "recover_ms") && v < 0)
		snprintf(text, size, "never");
	else
		snprintf(text, size, "%.*f", field->decimals,
			 v * field->factor);
}

void report_table(FILE *out, const struct result *results, unsigned int nr,
		  const char *const *columns)
{
	unsigned int i, c;
	char text[256];
	int width[32];

	for (c = 0; columns[c]; c++) {
		width[c] = strlen(field_of(columns[c])->head);
		for (i = 0; i < nr; i++) {
			cell(text, sizeof(text), field_of(columns[c]),
			     results + i);
			if ((int)strlen(text) > width[c])
				width[c] = strlen(text);
		}
	}
	for (i = 0; i <= nr; i++) {
		for (c = 0; columns[c]; c++) {
			const struct field *field = field_of(columns[c]);

			if (i)
				cell(text, sizeof(text), field, results + i - 1);
			else
				snprintf(text, sizeof(text), "%s", field->head);
			fprintf(out, "%s%*s", c ? " " : "",
				field->kind == TEXT ? -width[c] : width[c],
				text);
		}
		fputc('\n', out);
	}
}

/* How the worst result of some stands to a limit. */
static void worst(struct budget *budget, double figure, bool greater,
		  const struct result *result)
{
	if (budget->applies &&
	    (greater ? figure <= budget->worst : figure >= budget->worst))
		return;
	budget->applies = true;
	budget->worst = figure;
	snprintf(budget->where, sizeof(budget->where), "%s, %u node%s, %s",
		 result->machine, result->nodes, result->nodes > 1 ? "s" : "",
		 result->trace);
}

static const struct result *smallest(const struct result *results,
				     unsigned int nr, const struct result *like)
{
	const struct result *found = NULL;
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (in_series(results + i, like->series) &&
		    !strcmp(results[i].trace, like->trace) &&
		    (!found || results[i].memory_mib < found->memory_mib))
			found = results + i;
	return found;
}

static void judge_cost(const struct result *results, unsigned int nr,
		       const struct result *r, struct budget *insns,
		       struct budget *ns)
{
	const struct result *base = smallest(results, nr, r);

	if (base->cost.instructions && r->cost.instructions)
		worst(insns, r->cost.instructions / base->cost.instructions,
		      true, r);
	if (base->cost.ns && r->cost.ns)
		worst(ns, r->cost.ns / base->cost.ns, true, r);
}

/* Blocks of a node. */
#define ENOUGH	20

enum {
	COST_SAME, COST_SAME_NS, COST_GROWN, COST_GROWN_NS, METADATA, LOST,
	CHURN, RECOVER, FRAGMENTED, SERVED, NR_BUDGETS,
};

static void judge_result(const struct result *results, unsigned int nr,
			 const struct result *r, struct budget *b)
{
	/*
	 * Time is told, not judged: pages taken at random out of many are in no
	 * cache of the host, whatever handles them.
	 */
	if (in_series(r, "same"))
		judge_cost(results, nr, r, b + COST_SAME, b + COST_SAME_NS);
	if (in_series(r, "grown"))
		judge_cost(results, nr, r, b + COST_GROWN, b + COST_GROWN_NS);
	worst(b + SERVED, r->failed + r->elsewhere, true, r);
	if (r->one_in) {
		if (r->fewest)
			worst(b + FRAGMENTED, (double)r->peak_blocks / r->fewest,
			      true, r);
		return;
	}
	worst(b + LOST, r->lost_peak - (double)r->bound, true, r);
	/* What each node and lifetime has anyway must not be most of it. */
	if (r->peak_least >= ENOUGH * r->nodes) {
		worst(b + METADATA, r->metadata_share * 100, true, r);
		if (r->cost.churn_fill)
			worst(b + CHURN, r->cost.churn_fill * 100, false, r);
	}
	worst(b + RECOVER, r->recover_ms < 0 ? 1e9 : r->recover_ms / 1000.0,
	      true, r);
}

unsigned int budgets_judge(const struct result *results, unsigned int nr,
			   struct budget *b)
{
	static const struct {
		const char *what, *limit, *format;
		double bound;
		bool below;
	} all[NR_BUDGETS] = {
		[COST_SAME] = { "instructions per operation, same load, to 1 GiB",
				"1.10x", "%.3fx", 1.1, true },
		[COST_SAME_NS] = { "time per operation, same load, to 1 GiB",
				"-", "%.2fx", 0, true },
		[COST_GROWN] = { "instructions per operation, load grown, to 1 GiB",
				"1.10x", "%.3fx", 1.1, true },
		[COST_GROWN_NS] = { "time per operation, load grown, to 1 GiB",
				"-", "%.2fx", 0, true },
		[METADATA] = { "metadata of held memory, 20 blocks a node or more", "0.02 %", "%.4f %%",
				0.02, true },
		[LOST] = { "lost at peak above ceil(N/512), lifetimes, + 1 a node",
				"0", "%.0f", 0, true },
		[CHURN] = { "fill under random churn, 20 blocks a node or more", "90 %", "%.1f %%",
				90, false },
		[RECOVER] = { "large mappings back after", "5 s", "%.1f s",
				5, true },
		[FRAGMENTED] = { "fragmented: blocks to the fewest that suffice",
				"1.25x", "%.2fx", 1.25, true },
		[SERVED] = { "requests not served by the cache", "0", "%.0f",
				0, true },
	};
	unsigned int i;

	for (i = 0; i < NR_BUDGETS; i++)
		b[i] = (struct budget){
			.what = all[i].what, .limit = all[i].limit,
			.format = all[i].format,
		};
	for (i = 0; i < nr; i++)
		if (!strcmp(results[i].policy, "dmap") && !results[i].error[0])
			judge_result(results, nr, results + i, b);
	for (i = 0; i < NR_BUDGETS; i++)
		b[i].met = !strcmp(all[i].limit, "-") ||
			   (all[i].below ? b[i].worst <= all[i].bound :
					   b[i].worst >= all[i].bound);
	return NR_BUDGETS;
}

void report_budgets(FILE *out, const struct budget *budgets, unsigned int nr)
{
	char text[32];
	unsigned int i;

	fprintf(out, "\n%-54s %7s %10s         worst\n", "budget (dmap)",
		"limit", "measured");
	for (i = 0; i < nr; i++) {
		const struct budget *b = budgets + i;

		if (!b->applies)
			continue;
		if (b->worst >= 1e9)
			snprintf(text, sizeof(text), "never");
		else
			snprintf(text, sizeof(text), b->format, b->worst);
		fprintf(out, "%-54s %7s %10s %-7s %s\n", b->what, b->limit, text,
			!strcmp(b->limit, "-") ? "" : b->met ? "met" : "MISSED",
			b->where);
	}
}

static void json_text(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else if ((unsigned char)*text < ' ')
			fprintf(out, "\\u%04x", (unsigned char)*text);
		else
			fputc(*text, out);
	}
	fputc('"', out);
}

static void json_number(FILE *out, double v)
{
	if (v == (double)(long long)v)
		fprintf(out, "%lld", (long long)v);
	else
		fprintf(out, "%.6g", v);
}

static void json_result(FILE *out, const struct result *result)
{
	unsigned int f;

	fputs("  {", out);
	for (f = 0; f < NR_FIELDS; f++) {
		fprintf(out, "%s\"%s\": ", f ? ", " : "", fields[f].key);
		if (fields[f].kind == TEXT)
			json_text(out, (const char *)result + fields[f].offset);
		else
			json_number(out, value(fields + f, result));
	}
	if (result->cost.reason[0]) {
		fputs(", \"not_counted\": ", out);
		json_text(out, result->cost.reason);
	}
	fputc('}', out);
}

void report_json(FILE *out, const char *command, uint64_t seed,
		 const struct result *results, unsigned int nr,
		 const struct budget *budgets, unsigned int nr_budgets)
{
	unsigned int i, written = 0;

	fprintf(out, "{\n \"version\": 1,\n \"command\": \"%s\",\n \"seed\": %lu,\n \"results\": [\n",
		command, (unsigned long)seed);
	for (i = 0; i < nr; i++) {
		json_result(out, results + i);
		fputs(i + 1 < nr ? ",\n" : "\n", out);
	}
	fputs(" ],\n \"budgets\": [", out);
	for (i = 0; i < nr_budgets; i++) {
		if (!budgets[i].applies)
			continue;
		fprintf(out, "%s\n  {\"what\": ", written++ ? "," : "");
		json_text(out, budgets[i].what);
		fputs(", \"limit\": ", out);
		json_text(out, budgets[i].limit);
		fputs(", \"measured\": ", out);
		json_number(out, budgets[i].worst);
		fputs(", \"where\": ", out);
		json_text(out, budgets[i].where);
		fprintf(out, ", \"met\": %s}", budgets[i].met ? "true" : "false");
	}
	fputs("\n ]\n}\n", out);
}
