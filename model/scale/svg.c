// SPDX-License-Identifier: GPL-2.0
/*
 * Charts: plain SVG without scripts, readable on light and on dark pages.
 * The colours are of Okabe and Ito, told apart by all kinds of sight.
 */
#include <math.h>
#include <string.h>

#include "report.h"

#define MAX_X		24
#define MAX_LINES	6
#define MAX_PANELS	24

static const char *const colours[] = {
	"#0072b2", "#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#d55e00",
};
#define NR_COLOURS	(sizeof(colours) / sizeof(*colours))

static void escaped(FILE *out, const char *what)
{
	for (; *what; what++) {
		if (*what == '<')
			fputs("&lt;", out);
		else if (*what == '>')
			fputs("&gt;", out);
		else if (*what == '&')
			fputs("&amp;", out);
		else if ((unsigned char)*what >= ' ')
			fputc(*what, out);
	}
}

static void text(FILE *out, double x, double y, const char *attributes,
		 const char *what)
{
	fprintf(out, "<text x=\"%.1f\" y=\"%.1f\"%s%s>", x, y,
		attributes[0] ? " " : "", attributes);
	escaped(out, what);
	fputs("</text>\n", out);
}

static void rect(FILE *out, double x, double y, double w, double h,
		 const char *attributes)
{
	fprintf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" %s/>\n",
		x, y, w, h, attributes);
}

static void line(FILE *out, double x1, double y1, double x2, double y2,
		 const char *attributes)
{
	fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n",
		x1, y1, x2, y2, attributes);
}

static void begin(FILE *out, int width, int height, const char *title,
		  const char *subtitle)
{
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
		"font-family=\"system-ui, sans-serif\" font-size=\"13\">\n"
		"<style>"
		".page{fill:#fff}.ink{fill:#1f2937}.dim{fill:#6b7280}"
		".grid{stroke:#e5e7eb}.large{fill:#cfd6df}"
		"@media (prefers-color-scheme:dark){"
		".page{fill:#111827}.ink{fill:#e5e7eb}.dim{fill:#9ca3af}"
		".grid{stroke:#374151}.large{fill:#3b4656}}"
		"</style>\n",
		width, height, width, height);
	rect(out, 0, 0, width, height, "class=\"page\"");
	text(out, 24, 30, "class=\"ink\" font-size=\"17\" font-weight=\"600\"",
	     title);
	text(out, 24, 50, "class=\"dim\"", subtitle);
}

static void end(FILE *out)
{
	fputs("</svg>\n", out);
}

/* A round distance of grid lines: about five of them below @top. */
static double nice_step(double top)
{
	double power = pow(10, floor(log10(top / 5)));
	double digit = top / 5 / power;

	return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
}

/* Lines over named places; a value below 0 is none. */
struct lines {
	const char *title;
	char x[MAX_X][3][24];
	const char *name[MAX_LINES];
	double y[MAX_LINES][MAX_X];
	unsigned int nr_x, nr;
	double limit;		/* drawn dashed, unless 0 */
	const char *limit_name;
};

static void lines_axes(FILE *out, const struct lines *l, double left,
		       double top, double w, double h, double most, double step)
{
	char label[32];
	double v, at;
	unsigned int i, row;

	text(out, left, top - 14, "class=\"ink\" font-weight=\"600\"", l->title);
	for (v = 0; v <= most * 1.0001; v += step) {
		at = top + h - h * v / most;
		line(out, left, at, left + w, at, "class=\"grid\"");
		snprintf(label, sizeof(label), "%g", v);
		text(out, left - 8, at + 4,
		     "class=\"dim\" text-anchor=\"end\" font-size=\"12\"", label);
	}
	for (i = 0; i < l->nr_x; i++)
		for (row = 0; row < 3; row++)
			text(out, left + w * (i + 0.5) / l->nr_x,
			     top + h + 18 + 15 * row,
			     row ? "class=\"dim\" text-anchor=\"middle\" font-size=\"11\"" :
				   "class=\"ink\" text-anchor=\"middle\" font-size=\"12\"",
			     l->x[i][row]);
}

static void lines_draw(FILE *out, const struct lines *l, double left,
		       double top, double w, double h)
{
	double most = l->limit, step, x, y;
	char attributes[96], label[96];
	unsigned int i, s;

	for (s = 0; s < l->nr; s++)
		for (i = 0; i < l->nr_x; i++)
			most = fmax(most, l->y[s][i]);
	if (most <= 0)
		most = 1;
	step = nice_step(most * 1.05);
	most = step * ceil(most * 1.05 / step);
	lines_axes(out, l, left, top, w, h, most, step);
	if (l->limit) {
		y = top + h - h * l->limit / most;
		line(out, left, y, left + w, y,
		     "stroke=\"#d55e00\" stroke-width=\"1.5\" stroke-dasharray=\"6 4\"");
		text(out, left + w - 4, y - 5,
		     "class=\"ink\" text-anchor=\"end\" font-size=\"12\"",
		     l->limit_name);
	}
	for (s = 0; s < l->nr; s++) {
		snprintf(attributes, sizeof(attributes), "%s", colours[s]);
		fputs("<polyline fill=\"none\" stroke-width=\"2.5\" points=\"", out);
		for (i = 0; i < l->nr_x; i++)
			if (l->y[s][i] >= 0)
				fprintf(out, "%.1f,%.1f ",
					left + w * (i + 0.5) / l->nr_x,
					top + h - h * l->y[s][i] / most);
		fprintf(out, "\" stroke=\"%s\"/>\n", colours[s]);
		for (i = 0; i < l->nr_x; i++) {
			if (l->y[s][i] < 0)
				continue;
			x = left + w * (i + 0.5) / l->nr_x;
			y = top + h - h * l->y[s][i] / most;
			snprintf(label, sizeof(label), "%s: %.4g", l->name[s],
				 l->y[s][i]);
			fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\"><title>",
				x, y, colours[s]);
			escaped(out, label);
			fputs("</title></circle>\n", out);
		}
		snprintf(attributes, sizeof(attributes),
			 "stroke=\"%s\" stroke-width=\"3\"", colours[s]);
		x = left + 170 * s;
		line(out, x, top + h + 72, x + 24, top + h + 72, attributes);
		text(out, x + 30, top + h + 76, "class=\"ink\"", l->name[s]);
	}
}

/* Where a result belongs in a chart: its machine, and its trace. */
static unsigned int place_x(struct lines *l, const struct result *r)
{
	char what[3][24];
	unsigned int i;

	snprintf(what[0], sizeof(what[0]), "%s", r->machine);
	snprintf(what[1], sizeof(what[1]), "%u node%s", r->nodes,
		 r->nodes > 1 ? "s" : "");
	snprintf(what[2], sizeof(what[2]), "%u CPUs", r->cpus);
	for (i = 0; i < l->nr_x; i++)
		if (!memcmp(l->x[i][0], what[0], strlen(what[0]) + 1) &&
		    !strcmp(l->x[i][1], what[1]) && !strcmp(l->x[i][2], what[2]))
			return i;
	if (i == MAX_X)
		return MAX_X - 1;
	memcpy(l->x[i], what, sizeof(what));
	l->nr_x++;
	return i;
}

static unsigned int place_line(struct lines *l, const char *name)
{
	unsigned int i, x;

	for (i = 0; i < l->nr; i++)
		if (!strcmp(l->name[i], name))
			return i;
	if (i == MAX_LINES)
		return MAX_LINES - 1;
	l->name[i] = name;
	for (x = 0; x < MAX_X; x++)
		l->y[i][x] = -1;
	l->nr++;
	return i;
}

static double insns(const struct result *r)
{
	return r->cost.instructions ? r->cost.instructions : -1;
}

static double ratio(const struct result *r)
{
	return r->blocks_ratio;
}

static double replay_us(const struct result *r)
{
	return r->replay_ns / 1000;
}

static double metadata(const struct result *r)
{
	return r->metadata_share * 100;
}

void svg_run(FILE *out, const struct result *results, unsigned int nr)
{
	static const struct {
		const char *title;
		double (*of)(const struct result *result);
		double limit;
		const char *limit_name;
		const char *series;
	} panels[] = {
		{ "instructions per operation, the same load on each machine",
		  insns, 0, NULL, "same" },
		{ "instructions per operation, the load grows with the machine",
		  insns, 0, NULL, "grown" },
		{ "2 MiB blocks held at the peak, times the fewest possible",
		  ratio, 1, "the fewest possible", "grown" },
		{ "metadata in per cent of the memory held, at the peak",
		  metadata, 0.02, "budget", "grown" },
		{ "fragmented memory: microseconds of CPU time for each event, all included",
		  replay_us, 0, NULL, "fragmented" },
	};
	const unsigned int n = sizeof(panels) / sizeof(*panels);
	unsigned int i, p;

	begin(out, 960, 90 + n * 340, "dmap from 1 GiB to 64 TiB",
	      "mm/dmap on the modelled machine; page tables of three loads");
	for (p = 0; p < n; p++) {
		struct lines l = {
			.title = panels[p].title, .limit = panels[p].limit,
			.limit_name = panels[p].limit_name,
		};

		for (i = 0; i < nr; i++)
			if (in_series(results + i, panels[p].series) &&
			    !results[i].error[0]) {
				unsigned int x = place_x(&l, results + i);

				l.y[place_line(&l, results[i].trace)][x] =
					panels[p].of(results + i);
			}
		lines_draw(out, &l, 80, 100 + p * 340, 850, 210);
	}
	end(out);
}

static void scenario(char *name, size_t size, const struct result *r)
{
	snprintf(name, size, "%s, %s%s", r->trace, r->machine,
		 r->one_in ? ", fragmented" : "");
}

static void bar(FILE *out, double left, double y, double w, double most,
		double v, const char *fill)
{
	char number[32];
	double length = most ? w * v / most : 0;

	rect(out, left, y, fmax(length, 1), 8, fill);
	snprintf(number, sizeof(number), "%.0f", v);
	text(out, left + fmax(length, 1) + 5, y + 8,
	     "class=\"dim\" font-size=\"10\"", number);
}

/* One scenario: a pair of bars for each policy. */
static void bars_draw(FILE *out, const struct result *const *of, unsigned int nr,
		      const char *title, double left, double top, double w)
{
	char fill[64];
	double most = 0, y;
	unsigned int i;

	text(out, left, top, "class=\"ink\" font-weight=\"600\"", title);
	for (i = 0; i < nr; i++)
		most = fmax(most, fmax(of[i]->lost_peak, of[i]->lost_released));
	for (i = 0; i < nr; i++) {
		y = top + 12 + i * 26;
		text(out, left + 96, y + 13,
		     "class=\"ink\" text-anchor=\"end\" font-size=\"12\"",
		     of[i]->policy);
		snprintf(fill, sizeof(fill), "fill=\"%s\"",
			 colours[i % NR_COLOURS]);
		bar(out, left + 104, y, w - 160, most, of[i]->lost_peak, fill);
		snprintf(fill, sizeof(fill), "fill=\"%s\" fill-opacity=\"0.45\"",
			 colours[i % NR_COLOURS]);
		bar(out, left + 104, y + 10, w - 160, most,
		    of[i]->lost_released, fill);
	}
}

void svg_compare(FILE *out, const struct result *results, unsigned int nr)
{
	char titles[MAX_PANELS][96], title[96];
	unsigned int n = 0, i, p, k;

	for (i = 0; i < nr; i++) {
		scenario(title, sizeof(title), results + i);
		for (p = 0; p < n && strcmp(titles[p], title); p++)
			;
		if (p == n && n < MAX_PANELS)
			memcpy(titles[n++], title, sizeof(title));
	}
	begin(out, 960, 90 + (n + 1) / 2 * 210,
	      "2 MiB mappings of the direct map lost, by policy",
	      "upper bar: the most while the load ran; lower, pale bar: after everything was released; fewer is better");
	for (p = 0; p < n; p++) {
		const struct result *of[8];

		for (i = k = 0; i < nr && k < 8; i++) {
			scenario(title, sizeof(title), results + i);
			if (!strcmp(title, titles[p]) && !results[i].error[0])
				of[k++] = results + i;
		}
		bars_draw(out, of, k, titles[p], 24 + p % 2 * 470,
			  92 + p / 2 * 210, 450);
	}
	end(out);
}

static const char *const map_fill[MAP_LEVELS] = {
	[MAP_LARGE] = "class=\"large\"", [MAP_IDLE] = "fill=\"#f0e442\"",
	[MAP_SPARSE] = "fill=\"#e69f00\"", [MAP_HALF] = "fill=\"#d55e00\"",
	[MAP_DENSE] = "fill=\"#0072b2\"", [MAP_NONE] = "fill=\"none\"",
};

/* Cells of one level side by side are one rectangle. */
static void map_draw(FILE *out, const struct map *map, double left, double top)
{
	const double size = 4.5;
	unsigned int i, from = 0;

	for (i = 1; i <= map->cells; i++) {
		if (i < map->cells && i % MAP_WIDTH &&
		    map->level[i] == map->level[from])
			continue;
		rect(out, left + from % MAP_WIDTH * size,
		     top + from / MAP_WIDTH * 10, (i - from) * size,
		     9, map_fill[map->level[from]]);
		from = i;
	}
}

static void map_legend(FILE *out, double top)
{
	static const char *const names[MAP_NONE] = {
		"2 MiB entries", "4 KiB entries, nothing live",
		"under 1/4 live", "under 3/4 live", "more live",
	};
	double x = 24;
	unsigned int i;

	for (i = 0; i < MAP_NONE; i++) {
		rect(out, x, top - 10, 12, 12, map_fill[i]);
		text(out, x + 18, top, "class=\"ink\" font-size=\"12\"",
		     names[i]);
		x += 44 + 7 * strlen(names[i]);
	}
}

void svg_demo(FILE *out, const struct result *results, unsigned int nr,
	      const char *title)
{
	static const char *const moments[MOMENTS] = {
		"before", "under load", "released",
	};
	char label[96];
	unsigned int i, m;
	double top;

	snprintf(label, sizeof(label),
		 "one square for %u MiB; how many 2 MiB mappings are broken up",
		 nr ? results[0].maps[BEFORE].ranges_per_cell * 2 : 0);
	begin(out, 960, 110 + nr * 72, title, label);
	map_legend(out, 78);
	for (i = 0; i < nr; i++) {
		top = 110 + i * 72;
		for (m = 0; m < MOMENTS; m++) {
			snprintf(label, sizeof(label), "%s%s%s: %lu",
				 m ? "" : results[i].policy, m ? "" : ", ",
				 moments[m], results[i].maps[m].split);
			text(out, 24 + m * 308, top,
			     m ? "class=\"ink\" font-size=\"12\"" :
				 "class=\"ink\" font-size=\"12\" font-weight=\"600\"",
			     label);
			map_draw(out, &results[i].maps[m], 24 + m * 308,
				 top + 8);
		}
	}
	end(out);
}
