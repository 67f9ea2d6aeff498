// SPDX-License-Identifier: GPL-2.0
/* Tests of model/scale: what its figures rest on. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>

#include "../scale/random.h"
#include "../scale/report.h"

#define HEAD	"# dmap trace v1\n# cpus 2\n# nodes 1\n# memory 64\n"

/* A file of @text; the caller frees and unlinks the name. */
static char *file_of(const char *text, size_t len)
{
	char *name = strdup("/tmp/scale-test-XXXXXX");
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
	return name;
}

/* Reads all of a trace: the number of events, or -1 with @error. */
static long read_all(const char *name, char *error)
{
	struct trace *trace = trace_open_file(name, error);
	struct trace_event event;
	long nr = 0;
	int ret;

	if (!trace)
		return -1;
	while ((ret = trace->next(trace, &event)) > 0)
		nr++;
	memcpy(error, trace->error, sizeof(trace->error));
	/* An error stays one. */
	if (ret < 0)
		assert_int_equal(trace->next(trace, &event), -1);
	trace->close(trace);
	return ret < 0 ? ret : nr;
}

static long read_text(const char *text, char *error)
{
	char *name = file_of(text, strlen(text));
	long nr = read_all(name, error);

	unlink(name);
	free(name);
	return nr;
}

static void test_reader_reads_what_the_format_says(void **state)
{
	static const char text[] =
		"# dmap trace v1\n# load a b  c\n# cpus 4\n# nodes 2\n"
		"# memory 4096\n# something new\n#\n# events 6\n"
		"0 0 a 0 0 u 0\n3 3 a 1 2 k 1\n3 1 f 0\n4 0 f 1 0 1\n"
		"4 0 a 0 9 u 1\n5 0 f 1 2 1\n";
	char *name = file_of(text, strlen(text)), error[256];
	struct trace *trace = trace_open_file(name, error);
	struct trace_event e[6], more;
	int i;

	assert_non_null(trace);
	assert_int_equal(trace->info.cpus, 4);
	assert_int_equal(trace->info.nodes, 2);
	assert_int_equal(trace->info.memory_mib, 4096);
	assert_string_equal(trace->info.load, "a b  c");
	for (i = 0; i < 6; i++)
		assert_int_equal(trace->next(trace, e + i), 1);
	assert_int_equal(trace->next(trace, &more), 0);
	trace->close(trace);
	unlink(name);
	free(name);

	assert_int_equal(e[1].op, TRACE_ALLOC);
	assert_int_equal(e[1].ms, 3);
	assert_int_equal(e[1].cpu, 3);
	assert_int_equal(e[1].id, 1);
	assert_int_equal(e[1].order, 2);
	assert_int_equal(e[1].nid, 1);
	assert_false(e[1].user);
	assert_int_equal(e[2].op, TRACE_FREE);
	assert_false(e[2].part);
	assert_true(e[3].part);
	assert_int_equal(e[3].order, 1);
	assert_true(e[4].user);		/* the id is free again */
	assert_int_equal(e[5].offset, 2);
}

static void test_reader_names_the_bad_line(void **state)
{
	static const struct {
		const char *text, *line, *what;
	} bad[] = {
		{ "", ":1:", "first line" },
		{ "hello\n", ":1:", "first line" },
		{ "# dmap trace v2\n", ":1:", "first line" },
		{ "# dmap trace v1\n# cpus 2\n# nodes 1\n", ":3:", "memory" },
		{ "# dmap trace v1\n# cpus 513\n", ":2:", "cpus" },
		{ "# dmap trace v1\n# cpus 0\n", ":2:", "cpus" },
		{ "# dmap trace v1\n# nodes 9\n", ":2:", "nodes" },
		{ "# dmap trace v1\n# memory -1\n", ":2:", "memory" },
		{ "# dmap trace v1\n# events many\n", ":2:", "events" },
		{ HEAD "x\n", ":5:", "time" },
		{ HEAD "\n", ":5:", "time" },
		{ HEAD "-1 0 a 0 0 u 0\n", ":5:", "time" },
		{ HEAD "99999999999999999999 0 a 0 0 u 0\n", ":5:", "time" },
		{ HEAD "5 0 a 0 0 u 0\n4 0 f 0\n", ":6:", "goes back" },
		{ HEAD "0 2 a 0 0 u 0\n", ":5:", "CPU" },
		{ HEAD "0 0 x 0\n", ":5:", "a or f" },
		{ HEAD "0 0 ab 0\n", ":5:", "a or f" },
		{ HEAD "0 0 a\n", ":5:", "id" },
		{ HEAD "0 0 a 16777216 0 u 0\n", ":5:", "id" },
		{ HEAD "0 0 a 0 10 u 0\n", ":5:", "order" },
		{ HEAD "0 0 a 0 0 x 0\n", ":5:", "u or k" },
		{ HEAD "0 0 a 0 0 u\n", ":5:", "node" },
		{ HEAD "0 0 a 0 0 u 1\n", ":5:", "node" },
		{ HEAD "0 0 a 0 0 u 0 7\n", ":5:", "node" },
		{ HEAD "0 0 a 0  0 u 0\n", ":5:", "order" },
		{ HEAD "0 0 a 0 0 u 0\n0 0 a 0 0 u 0\n", ":6:", "live already" },
		{ HEAD "0 0 f 0\n", ":5:", "not live" },
		{ HEAD "0 0 f 5000000\n", ":5:", "not live" },
		{ HEAD "0 0 a 0 0 u 0\n0 0 f 0\n0 0 f 0\n", ":7:", "not live" },
		{ HEAD "0 0 a 0 1 u 0\n0 0 f 0 2 0\n", ":6:", "part" },
		{ HEAD "0 0 a 0 2 u 0\n0 0 f 0 1 1\n", ":6:", "part" },
		{ HEAD "0 0 a 0 1 u 0\n0 0 f 0 0\n", ":6:", "order" },
		{ HEAD "0 0 a 0 1 u 0\n0 0 f 0 0 0\n0 0 f 0 0 0\n", ":7:", "part" },
		{ HEAD "0 0 a 0 1 u 0\n0 0 f 0 0 0\n0 0 f 0\n", ":7:", "in parts" },
		{ HEAD "# events 2\n0 0 a 0 0 u 0\n", ":6:", "after 1 events" },
	};
	char error[256];
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		error[0] = '\0';
		assert_int_equal(read_text(bad[i].text, error), -1);
		if (!strstr(error, bad[i].line) || !strstr(error, bad[i].what))
			fail_msg("\"%s\": expected %s ... %s, got \"%s\"",
				 bad[i].text, bad[i].line, bad[i].what, error);
	}
	assert_null(trace_open_file("/nonexistent/x.trace", error));
	assert_non_null(strstr(error, "cannot be read"));
	assert_null(trace_open_file("/nonexistent/x.trace.gz", error));
}

/* Whatever bytes are changed: events or an error, and no crash. */
static void test_reader_survives_any_bytes(void **state)
{
	static const char text[] = HEAD "# events 8\n"
		"0 0 a 0 0 u 0\n1 1 a 1 1 k 0\n2 0 a 2 9 u 0\n2 0 f 0\n"
		"3 0 f 1 0 0\n3 1 f 1 1 0\n4 0 f 2\n5 0 a 0 0 u 0\n";
	uint64_t random = random_seed(7);
	char copy[sizeof(text)], error[256], *name;
	int round, i;

	for (round = 0; round < 3000; round++) {
		size_t len = sizeof(text) - 1;

		memcpy(copy, text, sizeof(text));
		for (i = 1 + random_below(&random, 4); i; i--)
			copy[random_below(&random, len)] =
				random_below(&random, 2) ?
				"0129 afuk\n#-"[random_below(&random, 12)] :
				(char)random_below(&random, 256);
		if (!random_below(&random, 4))
			len = random_below(&random, len);
		name = file_of(copy, len);
		error[0] = '\0';
		if (read_all(name, error) < 0)
			assert_true(error[0]);
		unlink(name);
		free(name);
	}
}

static void test_reader_sees_a_cut_archive(void **state)
{
	static const char broken[] = "\x1f\x8b\x08\0\0\0\0\0\0\x03not deflate";
	char name[] = "/tmp/scale-test-XXXXXX.trace.gz", error[256] = "";
	int fd = mkstemps(name, 9);

	assert_int_equal(write(fd, broken, sizeof(broken)), sizeof(broken));
	close(fd);
	assert_int_equal(read_all(name, error), -1);
	assert_true(error[0]);
	unlink(name);
}

static struct trace *open_synth(const char *kind, uint64_t seed, bool others)
{
	const struct synth_config config = {
		.name = kind, .cpus = 4, .nodes = 2, .memory_mib = 1024,
		.live = 2000, .seed = seed,
	};
	struct trace *trace = trace_open_synth(&config);

	assert_non_null(trace);
	return others ? trace_add_others(trace, 3, 500, seed) : trace;
}

static bool same(const struct trace_event *a, const struct trace_event *b)
{
	return a->ms == b->ms && a->id == b->id && a->cpu == b->cpu &&
	       a->offset == b->offset && a->op == b->op &&
	       a->order == b->order && a->nid == b->nid &&
	       a->user == b->user && a->part == b->part;
}

static void test_generators_repeat_themselves(void **state)
{
	struct trace_event x, y, z;
	unsigned int kind;

	for (kind = 0; synth_kinds[kind].name; kind++) {
		struct trace *a = open_synth(synth_kinds[kind].name, 1, true);
		struct trace *b = open_synth(synth_kinds[kind].name, 1, true);
		struct trace *c = open_synth(synth_kinds[kind].name, 2, true);
		bool differs = false;
		int more;

		do {
			more = a->next(a, &x);
			assert_int_equal(b->next(b, &y), more);
			if (more)
				assert_true(same(&x, &y));
			if (c->next(c, &z) != more || (more && !same(&x, &z)))
				differs = true;
		} while (more);
		assert_true(differs);
		a->close(a);
		b->close(b);
		c->close(c);
	}
	assert_null(trace_open_synth(&(struct synth_config){ .name = "no" }));
}

static void test_generators_free_what_they_allocate(void **state)
{
	static uint8_t table[1 << 20], pinned[1 << 20];
	unsigned int kind;

	for (kind = 0; synth_kinds[kind].name; kind++) {
		struct trace *t = open_synth(synth_kinds[kind].name, 3, true);
		uint64_t ms = 0, live = 0, pins = 0, requests = 0, peak = 0;
		struct trace_event e;
		int ret;

		memset(table, 0, sizeof(table));
		memset(pinned, 0, sizeof(pinned));
		while ((ret = t->next(t, &e)) > 0) {
			assert_true(e.ms >= ms && e.id < sizeof(table));
			assert_true(e.cpu < 4 && e.nid < 2);
			ms = e.ms;
			switch (e.op) {
			case TRACE_ALLOC:
				assert_false(table[e.id]);
				table[e.id] = 1 + e.order;
				live += 1 << e.order;
				requests++;
				break;
			case TRACE_FREE:
				assert_int_equal(table[e.id], 1 + e.order);
				table[e.id] = 0;
				live -= 1 << e.order;
				break;
			case TRACE_PIN:
				assert_false(pinned[e.id]);
				pinned[e.id] = 1;
				assert_true(++pins <= 500);
				break;
			case TRACE_UNPIN:
				assert_true(pinned[e.id]);
				pinned[e.id] = 0;
				pins--;
				break;
			}
			if (live > peak)
				peak = live;
		}
		assert_int_equal(ret, 0);
		assert_int_equal(live, 0);
		assert_int_equal(pins, 0);
		/* Not far from what was asked for. */
		assert_true(peak > 1000 && peak < 4000);
		assert_true(requests > 2 * peak);
		t->close(t);
	}
}

static void test_survey_finds_the_peak(void **state)
{
	char *name, error[256];
	static const char text[] = HEAD "0 0 a 0 1 u 0\n0 0 a 4 3 u 0\n"
		"0 0 f 4 0 2\n0 0 f 0\n9 0 a 0 0 k 0\n";
	struct trace_survey survey;
	struct trace *trace;

	name = file_of(text, strlen(text));
	trace = trace_open_file(name, error);
	assert_true(trace_survey(trace, &survey));
	trace->close(trace);
	unlink(name);
	free(name);
	assert_int_equal(survey.events, 5);
	assert_int_equal(survey.requests, 3);
	assert_int_equal(survey.peak, 10);
	assert_int_equal(survey.peak_event, 2);
	assert_int_equal(survey.ids, 5);
	assert_int_equal(survey.pins, 0);
	assert_int_equal(survey.ms, 9);
}

static void test_least_counts_each_node_and_lifetime(void **state)
{
	struct tally tally = { 0 };

	assert_int_equal(tally_least(&tally), 0);
	tally.live[0][0] = 1;
	tally.live[0][1] = 512;
	tally.live[7][1] = 513;
	assert_int_equal(tally_least(&tally), 1 + 1 + 2);
	assert_int_equal(tally_live(&tally), 1026);
}

/* Against the obvious way: take the fullest until there is enough. */
static void test_fewest_agrees_with_counting(void **state)
{
	uint64_t random = random_seed(5);
	uint16_t free_in[40], left[40];
	unsigned int round, i, best;
	unsigned long want, got, n, total;

	for (round = 0; round < 500; round++) {
		for (i = total = 0; i < 40; i++)
			total += free_in[i] = random_below(&random, 2) ?
				random_below(&random, 513) :
				random_below(&random, 4);
		want = random_below(&random, total + 1);
		memcpy(left, free_in, sizeof(left));
		for (n = got = 0; got < want; n++) {
			for (i = best = 0; i < 40; i++)
				if (left[i] > left[best])
					best = i;
			got += left[best];
			left[best] = 0;
		}
		assert_int_equal(fewest_ranges(free_in, 40, want), n);
	}
}

/* Elements closed in order, attributes quoted, no bare "&" or "<". */
static void assert_well_formed(const char *at)
{
	const char *open[16];
	size_t len[16];
	int depth = 0, roots = 0;

	while (*at) {
		if (*at == '&') {
			assert_true(!strncmp(at, "&lt;", 4) ||
				    !strncmp(at, "&gt;", 4) ||
				    !strncmp(at, "&amp;", 5));
			at++;
			continue;
		}
		if (*at != '<') {
			at++;
			continue;
		}
		if (at[1] == '/') {
			at += 2;
			assert_true(depth > 0);
			depth--;
			assert_memory_equal(at, open[depth], len[depth]);
			at += len[depth];
			assert_int_equal(*at, '>');
			continue;
		}
		if (!depth)
			roots++;
		assert_true(depth < 16);
		open[depth] = ++at;
		while (*at >= 'a' && *at <= 'z')
			at++;
		len[depth] = at - open[depth];
		assert_true(len[depth] > 0);
		while (*at == ' ') {
			const char *name = ++at;

			while ((*at >= 'a' && *at <= 'z') || *at == '-' ||
			       (*at >= 'A' && *at <= 'Z') ||
			       (*at >= '0' && *at <= '9'))
				at++;
			if (at == name)
				break;
			assert_true(at[0] == '=' && at[1] == '"');
			at += 2;
			while (*at && *at != '"') {
				assert_true(*at != '<' && *at != '&');
				at++;
			}
			assert_int_equal(*at++, '"');
		}
		if (at[0] == '/') {
			assert_int_equal(*++at, '>');
			continue;
		}
		assert_int_equal(*at, '>');
		depth++;
	}
	assert_int_equal(depth, 0);
	assert_int_equal(roots, 1);
}

static struct result *some_results(unsigned int nr)
{
	static const char *const series[] = { "same", "grown", "compare", "demo" };
	struct result *results = calloc(nr, sizeof(*results));
	unsigned int i, m;

	for (i = 0; i < nr; i++) {
		struct result *r = results + i;

		snprintf(r->machine, sizeof(r->machine), "%u GiB", 1 << i % 7);
		snprintf(r->series, sizeof(r->series), "%s", series[i % 4]);
		snprintf(r->trace, sizeof(r->trace), "a<b&\"c\"%u", i % 3);
		snprintf(r->policy, sizeof(r->policy), "%s",
			 i % 2 ? "dmap" : "none");
		r->nodes = 1 + i % 2;
		r->cpus = 2;
		r->memory_mib = 1024;
		r->lost_peak = i * 17 % 91;
		r->blocks_ratio = 1.1;
		r->metadata_share = 0.0001;
		r->cost.instructions = i % 5 ? 600 + i : 0;
		r->recover_ms = i % 3 ? 1000 : -1;
		for (m = 0; m < MOMENTS; m++) {
			r->maps[m].cells = MAP_CELLS - i % 3;
			memset(r->maps[m].level + i, i % MAP_NONE, 100);
		}
	}
	return results;
}

static void test_svg_is_well_formed(void **state)
{
	unsigned int nr;

	for (nr = 0; nr <= 60; nr += 12) {
		struct result *results = some_results(nr);
		char *text;
		size_t size;
		FILE *out;

		out = open_memstream(&text, &size);
		svg_run(out, results, nr);
		fclose(out);
		assert_well_formed(text);
		free(text);
		out = open_memstream(&text, &size);
		svg_compare(out, results, nr);
		fclose(out);
		assert_well_formed(text);
		free(text);
		out = open_memstream(&text, &size);
		svg_demo(out, results, nr, "under <load> & more");
		fclose(out);
		assert_well_formed(text);
		free(text);
		free(results);
	}
}

/* Past one JSON value, or NULL. */
static const char *json_skip(const char *at)
{
	at += strspn(at, " \n");
	if (*at == '"') {
		for (at++; *at && *at != '"'; at++) {
			if ((unsigned char)*at < ' ')
				return NULL;
			if (*at == '\\' && !*++at)
				return NULL;
		}
		return *at ? at + 1 : NULL;
	}
	if (*at == '{' || *at == '[') {
		char close = *at == '{' ? '}' : ']';

		at++;
		at += strspn(at, " \n");
		if (*at == close)
			return at + 1;
		for (;;) {
			if (close == '}') {
				at += strspn(at, " \n");
				if (*at != '"')
					return NULL;
				at = json_skip(at);
				if (!at || *at++ != ':')
					return NULL;
			}
			at = json_skip(at);
			if (!at)
				return NULL;
			at += strspn(at, " \n");
			if (*at == close)
				return at + 1;
			if (*at++ != ',')
				return NULL;
		}
	}
	if (!strncmp(at, "true", 4))
		return at + 4;
	if (!strncmp(at, "false", 5))
		return at + 5;
	if (strspn(at, "-0123456789") == 0)
		return NULL;
	return at + strspn(at, "-+0123456789.e");
}

static void test_json_is_well_formed(void **state)
{
	struct result *results = some_results(12);
	struct budget budgets[MAX_BUDGETS];
	unsigned int nr = budgets_judge(results, 12, budgets);
	const char *end;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_true(nr <= MAX_BUDGETS);
	report_json(out, "run", 1, results, 12, budgets, nr);
	fclose(out);
	end = json_skip(text);
	assert_non_null(end);
	assert_string_equal(end, "\n");
	free(text);
	free(results);
}

static void test_budgets_find_the_worst(void **state)
{
	struct result r[3] = {
		{ .policy = "dmap", .series = "same", .memory_mib = 1024,
		  .machine = "1 GiB", .trace = "t", .nodes = 1,
		  .cost = { .instructions = 100, .ns = 50, .churn_fill = 0.95 } },
		{ .policy = "dmap", .series = "same", .memory_mib = 65536,
		  .machine = "64 GiB", .trace = "t", .nodes = 2,
		  .peak_least = 40, .bound = 44, .lost_peak = 45,
		  .metadata_share = 0.0001, .recover_ms = -1,
		  .cost = { .instructions = 109, .ns = 60, .churn_fill = 0.85 } },
		{ .policy = "rfc", .series = "same", .memory_mib = 65536,
		  .machine = "64 GiB", .trace = "t", .nodes = 2, .failed = 9 },
	};
	struct budget b[MAX_BUDGETS];
	unsigned int nr = budgets_judge(r, 3, b), i;

	for (i = 0; i < nr; i++) {
		if (strstr(b[i].what, "instructions per operation, same")) {
			assert_true(b[i].met);
			assert_non_null(strstr(b[i].where, "64 GiB"));
		} else if (strstr(b[i].what, "time per operation, same")) {
			assert_true(b[i].met);	/* told, not judged */
		} else if (strstr(b[i].what, "metadata")) {
			assert_true(b[i].met && b[i].worst == 0.01);
		} else if (strstr(b[i].what, "lost at peak")) {
			assert_false(b[i].met);
			assert_true(b[i].worst == 1);
		} else if (strstr(b[i].what, "churn")) {
			assert_false(b[i].met);
			assert_true(b[i].worst == 85);
		} else if (strstr(b[i].what, "back after")) {
			assert_false(b[i].met);
		} else if (strstr(b[i].what, "not served")) {
			assert_true(b[i].met);	/* rfc is not judged */
		} else if (strstr(b[i].what, "fragmented")) {
			assert_false(b[i].applies);
		}
	}
}

/* Whatever a policy does, in the end every page is somewhere. */
static void conserve(unsigned int one_in)
{
	struct cell cells[8] = { 0 };
	static struct result results[8];
	unsigned int nr, i;

	for (nr = 0; policies[nr]; nr++) {
		cells[nr] = (struct cell){
			.policy = policies[nr], .cpus = 4, .nodes = 2,
			.memory_mib = 256, .one_in = one_in, .maps = true,
			.machine = "256 MiB", .per_table = one_in ? 0 : 4,
			.others = one_in ? 0 : 4000,
			.synth = {
				.name = "containers", .cpus = 4, .nodes = 2,
				.memory_mib = 256, .live = 1500, .seed = 11,
			},
		};
	}
	assert_true(run_cells(cells, results, nr, 2));
	for (i = 0; i < nr; i++) {
		const struct result *r = results + i;

		assert_string_equal(r->error, "");
		assert_string_equal(r->policy, policies[i]->name);
		assert_int_equal(r->failed, 0);
		if (r->leaked)
			fail_msg("%s: %ld pages are nowhere", r->policy,
				 (long)r->leaked);
		assert_true(r->peak_live > 1000);
		assert_true(r->lost_peak >= 1);
		/* Held by a policy that gives all of it back. */
		if (policies[i]->is_dmap && !one_in)
			assert_int_equal(r->lost_released, r->lost_boot);
		assert_true(r->maps[UNDER].split > 0);
	}
}

static void test_policies_conserve_pages(void **state)
{
	conserve(0);
}

static void test_policies_conserve_pages_in_fragmented_memory(void **state)
{
	conserve(8);
}

/*
 * Bug: what was freed in parts was not made single pages before, and what was
 * left of it in the end was freed as a whole. Looked like: "page of order 1
 * freed with order 0", under every policy.
 */
static void test_regression_freed_in_parts(void **state)
{
	static const char text[] = HEAD "0 0 a 0 1 u 0\n0 0 a 1 4 k 0\n"
		"0 0 f 0 0 0\n1 0 f 0 1 0\n1 0 f 1 8 2\n1 0 f 1 0 0\n";
	char *name = file_of(text, strlen(text));
	struct cell cell = {
		.cpus = 2, .nodes = 1, .memory_mib = 64, .recording = name,
	};
	static struct result result;
	unsigned int i;

	for (i = 0; policies[i]; i++) {
		cell.policy = policies[i];
		assert_true(run_cells(&cell, &result, 1, 1));
		assert_int_equal(result.peak_live, 18);
		assert_int_equal(result.failed, 0);
		assert_int_equal(result.leaked, 0);
	}
	unlink(name);
	free(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reader_reads_what_the_format_says),
		cmocka_unit_test(test_reader_names_the_bad_line),
		cmocka_unit_test(test_reader_survives_any_bytes),
		cmocka_unit_test(test_reader_sees_a_cut_archive),
		cmocka_unit_test(test_generators_repeat_themselves),
		cmocka_unit_test(test_generators_free_what_they_allocate),
		cmocka_unit_test(test_survey_finds_the_peak),
		cmocka_unit_test(test_least_counts_each_node_and_lifetime),
		cmocka_unit_test(test_fewest_agrees_with_counting),
		cmocka_unit_test(test_svg_is_well_formed),
		cmocka_unit_test(test_json_is_well_formed),
		cmocka_unit_test(test_budgets_find_the_worst),
		cmocka_unit_test(test_policies_conserve_pages),
		cmocka_unit_test(test_policies_conserve_pages_in_fragmented_memory),
		cmocka_unit_test(test_regression_freed_in_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
