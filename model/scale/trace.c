// SPDX-License-Identifier: GPL-2.0
/*
 * The reader of recorded traces: text, version 1, checked line by line.
 *
 * Whatever is wrong with the input, it ends in a message that names the line;
 * what leaves here can be replayed without another look.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "trace.h"

#define MAX_CPUS	512
#define MAX_NODES	8
#define MAX_MIB		(64UL << 20)	/* 64 TiB */

/* A live allocation: its order plus one, 0 for none; and which parts are gone. */
struct name {
	uint8_t order_plus1;
	uint16_t left;		/* pages */
	uint64_t *freed;	/* bitmap, from the first part on */
};

struct reader {
	struct trace trace;
	FILE *file;
	pid_t gzip;		/* that we read from, or 0 */
	char *path, *line;
	size_t size;
	unsigned long nr;	/* of the line */
	uint64_t ms, events, promised;
	bool has_promised;
	bool pending;		/* @line is the next event's */
	struct name *names;
	uint32_t nr_names;
};

static int bad(struct reader *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static int bad(struct reader *r, const char *fmt, ...)
{
	char what[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	snprintf(r->trace.error, sizeof(r->trace.error), "%.80s:%lu: %s",
		 r->path, r->nr, what);
	return -1;
}

/*
 * A number and what ends it, one space or the end of the line. Returns false
 * for anything else: signs, spaces before it, more than @max.
 */
static bool number(char **at, uint64_t max, uint64_t *value)
{
	char *p = *at;

	if (*p < '0' || *p > '9')
		return false;
	for (*value = 0; *p >= '0' && *p <= '9'; p++) {
		*value = *value * 10 + (*p - '0');
		if (*value > max)
			return false;
	}
	if (*p == ' ')
		p++;
	else if (*p)
		return false;
	*at = p;
	return true;
}

static bool letter(char **at, char *value)
{
	if (!(*at)[0] || ((*at)[1] && (*at)[1] != ' '))
		return false;
	*value = (*at)[0];
	*at += (*at)[1] ? 2 : 1;
	return true;
}

/* The next line without its end; false at the end of the file. */
static bool get_line(struct reader *r)
{
	ssize_t len = getline(&r->line, &r->size, r->file);

	if (len <= 0)
		return false;
	r->nr++;
	if (r->line[len - 1] == '\n')
		r->line[--len] = '\0';
	/* A zero byte would hide the rest of the line. */
	if (strlen(r->line) != (size_t)len)
		r->line[0] = '\0';
	return true;
}

static struct name *name_of(struct reader *r, uint32_t id)
{
	uint32_t nr = r->nr_names;
	struct name *names;

	if (id >= nr) {
		nr = nr ? nr : 1024;
		while (nr <= id)
			nr *= 2;
		names = realloc(r->names, nr * sizeof(*names));
		if (!names)
			return NULL;
		memset(names + r->nr_names, 0,
		       (nr - r->nr_names) * sizeof(*names));
		r->names = names;
		r->nr_names = nr;
	}
	return r->names + id;
}

static int read_alloc(struct reader *r, char *at, struct trace_event *event)
{
	uint64_t id, order, nid;
	struct name *name;
	char kind;

	if (!number(&at, TRACE_MAX_IDS - 1, &id))
		return bad(r, "an id from 0 to %u must follow \"a\"",
			   TRACE_MAX_IDS - 1);
	if (!number(&at, TRACE_MAX_ORDER, &order))
		return bad(r, "the order must be 0 to %d", TRACE_MAX_ORDER);
	if (!letter(&at, &kind) || (kind != 'u' && kind != 'k'))
		return bad(r, "u or k must follow the order");
	if (!number(&at, r->trace.info.nodes - 1, &nid) || *at)
		return bad(r, "a node from 0 to %u must end the line",
			   r->trace.info.nodes - 1);

	name = name_of(r, id);
	if (!name)
		return bad(r, "no memory for so many allocations");
	if (name->order_plus1)
		return bad(r, "allocation %u is live already", (unsigned int)id);
	name->order_plus1 = order + 1;
	name->left = 1U << order;
	event->op = TRACE_ALLOC;
	event->id = id;
	event->order = order;
	event->user = kind == 'u';
	event->nid = nid;
	return 1;
}

static bool mark_part(struct name *name, unsigned int offset, unsigned int nr)
{
	unsigned int i;

	if (!name->freed)
		name->freed = calloc((1 << TRACE_MAX_ORDER) / 64,
				     sizeof(*name->freed));
	if (!name->freed)
		return false;
	for (i = offset; i < offset + nr; i++) {
		if (name->freed[i / 64] >> i % 64 & 1)
			return false;
		name->freed[i / 64] |= 1ULL << i % 64;
	}
	return true;
}

static int read_free(struct reader *r, char *at, struct trace_event *event)
{
	uint64_t id, offset = 0, order;
	struct name *name;
	unsigned int nr;

	if (!number(&at, TRACE_MAX_IDS - 1, &id))
		return bad(r, "an id from 0 to %u must follow \"f\"",
			   TRACE_MAX_IDS - 1);
	name = id < r->nr_names ? r->names + id : NULL;
	if (!name || !name->order_plus1)
		return bad(r, "allocation %u is not live", (unsigned int)id);

	event->op = TRACE_FREE;
	event->id = id;
	order = name->order_plus1 - 1;
	if (*at) {
		if (!number(&at, (1 << TRACE_MAX_ORDER) - 1, &offset) ||
		    !number(&at, order, &order) || *at)
			return bad(r, "an offset and an order must follow the id of a part");
		nr = 1U << order;
		if (offset % nr || offset + nr > 1U << (name->order_plus1 - 1) ||
		    !mark_part(name, offset, nr))
			return bad(r, "this part of allocation %u is not live",
				   (unsigned int)id);
		event->part = true;
		event->offset = offset;
	} else if (name->freed) {
		return bad(r, "allocation %u is freed in parts, and now as a whole",
			   (unsigned int)id);
	}
	event->order = order;
	name->left -= 1U << order;
	if (!name->left) {
		name->order_plus1 = 0;
		free(name->freed);
		name->freed = NULL;
	}
	return 1;
}

static int end_of_file(struct reader *r)
{
	int status = 0;

	if (ferror(r->file))
		return bad(r, "cannot be read: %s", strerror(errno));
	if (r->gzip) {
		waitpid(r->gzip, &status, 0);
		r->gzip = 0;
		if (status)
			return bad(r, "gzip -dc failed; is the file whole, and gzip installed?");
	}
	if (r->has_promised && r->events != r->promised)
		return bad(r, "ends after %lu events, its header says %lu",
			   (unsigned long)r->events, (unsigned long)r->promised);
	return 0;
}

static int reader_next(struct trace *trace, struct trace_event *event)
{
	struct reader *r = (struct reader *)trace;
	uint64_t ms, cpu;
	char *at, op;

	if (trace->error[0])
		return -1;
	if (!r->pending && !get_line(r))
		return end_of_file(r);
	r->pending = false;

	memset(event, 0, sizeof(*event));
	at = r->line;
	if (!number(&at, 1ULL << 40, &ms))
		return bad(r, "a time in milliseconds must begin the line");
	if (ms < r->ms)
		return bad(r, "the time goes back");
	if (!number(&at, trace->info.cpus - 1, &cpu))
		return bad(r, "a CPU from 0 to %u must follow the time",
			   trace->info.cpus - 1);
	r->ms = event->ms = ms;
	event->cpu = cpu;
	if (!letter(&at, &op) || (op != 'a' && op != 'f'))
		return bad(r, "a or f must follow the CPU");
	r->events++;
	return op == 'a' ? read_alloc(r, at, event) : read_free(r, at, event);
}

static void reader_close(struct trace *trace)
{
	struct reader *r = (struct reader *)trace;
	uint32_t i;

	if (r->file)
		fclose(r->file);
	if (r->gzip)
		waitpid(r->gzip, NULL, 0);
	for (i = 0; i < r->nr_names; i++)
		free(r->names[i].freed);
	free(r->names);
	free(r->line);
	free(r->path);
	free(r);
}

static bool header_number(const char *text, uint64_t min, uint64_t max,
			  uint64_t *value)
{
	char *at = (char *)text;

	return number(&at, max, value) && !*at && *value >= min;
}

/* "# name value"; names that are not known are skipped. */
static int header_line(struct reader *r)
{
	struct trace_info *info = &r->trace.info;
	char *name = r->line + 1, *value;
	uint64_t n;

	while (*name == ' ')
		name++;
	value = strchr(name, ' ');
	if (!value)
		return 0;
	*value++ = '\0';
	if (!strcmp(name, "cpus")) {
		if (!header_number(value, 1, MAX_CPUS, &n))
			return bad(r, "cpus must be 1 to %d", MAX_CPUS);
		info->cpus = n;
	} else if (!strcmp(name, "nodes")) {
		if (!header_number(value, 1, MAX_NODES, &n))
			return bad(r, "nodes must be 1 to %d", MAX_NODES);
		info->nodes = n;
	} else if (!strcmp(name, "memory")) {
		if (!header_number(value, 16, MAX_MIB, &n))
			return bad(r, "memory must be 16 to %lu MiB", MAX_MIB);
		info->memory_mib = n;
	} else if (!strcmp(name, "events")) {
		if (!header_number(value, 0, 1ULL << 40, &n))
			return bad(r, "events must be a number");
		r->promised = n;
		r->has_promised = true;
	} else if (!strcmp(name, "load")) {
		snprintf(info->load, sizeof(info->load), "%s", value);
	}
	return 0;
}

static int header(struct reader *r)
{
	struct trace_info *info = &r->trace.info;

	if (!get_line(r) || strcmp(r->line, "# dmap trace v1")) {
		if (!r->nr)
			r->nr = 1;
		return bad(r, "not a trace: \"# dmap trace v1\" must be the first line");
	}
	while (get_line(r)) {
		r->pending = r->line[0] != '#';
		if (r->pending)
			break;
		if (header_line(r))
			return -1;
	}
	if (!info->cpus || !info->nodes || !info->memory_mib)
		return bad(r, "the header must say cpus, nodes and memory");
	return 0;
}

/* gzip -dc < path; its own complaints go to stderr. */
static FILE *open_gzip(struct reader *r)
{
	int fd[2];

	if (access(r->path, R_OK) || pipe(fd))
		return NULL;
	r->gzip = fork();
	if (r->gzip < 0) {
		r->gzip = 0;
		close(fd[0]);
		close(fd[1]);
		return NULL;
	}
	if (!r->gzip) {
		dup2(fd[1], STDOUT_FILENO);
		close(fd[0]);
		close(fd[1]);
		execlp("gzip", "gzip", "-dc", "--", r->path, NULL);
		_exit(127);
	}
	close(fd[1]);
	return fdopen(fd[0], "r");
}

static void name_after(struct trace_info *info, const char *path)
{
	const char *base = strrchr(path, '/');
	char *dot;

	snprintf(info->name, sizeof(info->name), "%s", base ? base + 1 : path);
	dot = strstr(info->name, ".trace");
	if (dot)
		*dot = '\0';
}

struct trace *trace_open_file(const char *path, char *error)
{
	size_t len = strlen(path);
	struct reader *r = calloc(1, sizeof(*r));

	if (r)
		r->path = strdup(path);
	if (!r || !r->path) {
		free(r);
		snprintf(error, 256, "%.120s: no memory", path);
		return NULL;
	}
	r->trace.next = reader_next;
	r->trace.close = reader_close;
	name_after(&r->trace.info, path);
	if (len > 3 && !strcmp(path + len - 3, ".gz"))
		r->file = open_gzip(r);
	else
		r->file = fopen(path, "r");
	if (!r->file) {
		snprintf(error, 256, "%.120s: cannot be read: %s", path,
			 strerror(errno));
		reader_close(&r->trace);
		return NULL;
	}
	if (header(r)) {
		snprintf(error, 256, "%.255s", r->trace.error);
		reader_close(&r->trace);
		return NULL;
	}
	return &r->trace;
}

bool trace_survey(struct trace *trace, struct trace_survey *survey)
{
	struct trace_event event;
	uint64_t live = 0;
	uint8_t *orders = NULL, *more;
	uint32_t nr = 0, want;
	int ret;

	memset(survey, 0, sizeof(*survey));
	while ((ret = trace->next(trace, &event)) > 0) {
		survey->events++;
		survey->ms = event.ms;
		if (event.op == TRACE_PIN || event.op == TRACE_UNPIN) {
			if (event.id >= survey->pins)
				survey->pins = event.id + 1;
			continue;
		}
		if (event.id >= nr) {
			want = nr ? nr * 2 : 1024;
			while (want <= event.id)
				want *= 2;
			more = realloc(orders, want);
			if (!more) {
				snprintf(trace->error, sizeof(trace->error),
					 "no memory for %u allocations", want);
				ret = -1;
				break;
			}
			orders = more;
			nr = want;
		}
		if (event.id >= survey->ids)
			survey->ids = event.id + 1;
		if (event.op == TRACE_ALLOC) {
			survey->requests++;
			orders[event.id] = event.order;
			live += 1ULL << event.order;
		} else {
			live -= 1ULL << (event.part ? event.order :
					 orders[event.id]);
		}
		if (live > survey->peak) {
			survey->peak = live;
			survey->peak_event = survey->events;
		}
	}
	free(orders);
	return !ret;
}
