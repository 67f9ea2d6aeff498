// SPDX-License-Identifier: GPL-2.0
/* The explorer; see explore.h. */
#include "explore.h"
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_JOBS	64
#define MAX_SWITCHES	65536
#define BATCH_SECONDS	1.0	/* of one child */
#define HANG_SECONDS	30	/* a run that takes longer hangs */
#define SEEDS		(1UL << 24)	/* of one child, if only time counts */
#define PAIRS		24	/* so few switches are tried in pairs */
#define OP_TRIES	100	/* schedules tried with operations left out */

const struct explore_options explore_defaults = {
	.seconds = 10,
	.seed = 1,
	.jobs = 2,
	.shrink = 30,
	.save = ".",
};

/* One run, as it can be repeated. */
struct plan {
	uint64_t seed;		/* of the scenario */
	uint64_t schedule_seed;	/* where there is no list */
	bool listed;
	size_t nr_switches;
	struct machine_switch switches[MAX_SWITCHES];
	unsigned char skip[EXPLORE_MAX_OPS];
};

/* What a child says; shared with it. */
struct slot {
	uint64_t seed;
	unsigned long runs, points;
	int output;		/* a file that takes its stderr */
	bool violated;
	size_t nr_switches;
	struct machine_switch switches[MAX_SWITCHES];
	char text[32768];
	char trace[32768];
};

static struct slot *child_slot;
static const unsigned char *skipped;

void lock_forget(void);
void __gcov_dump(void) __attribute__((weak));

bool explore_skips(size_t op)
{
	return skipped && op < EXPLORE_MAX_OPS && skipped[op];
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* As much of @from as there is room for. */
static void copy(char *to, size_t size, const char *from)
{
	size_t length = strnlen(from, size - 1);

	memcpy(to, from, length);
	to[length] = 0;
}

static void *xalloc(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	return p;
}

static struct slot *slot_alloc(void)
{
	struct slot *slot = xalloc(sizeof(*slot));
	FILE *f = tmpfile();

	slot->output = f ? dup(fileno(f)) : -1;
	if (slot->output < 0) {
		perror("tmpfile");
		exit(2);
	}
	fclose(f);
	return slot;
}

static void slot_free(struct slot *slot)
{
	close(slot->output);
	munmap(slot, sizeof(*slot));
}

/* The child */

static void child_exit(int status)
{
	if (__gcov_dump)
		__gcov_dump();
	_exit(status);
}

static void child_violation(const char *text)
{
	copy(child_slot->text, sizeof(child_slot->text), text);
	child_slot->violated = true;
	child_slot->points += machine_points();
	child_exit(1);
}

/* Where the program is in memory: addr2line wants to know the rest only. */
#ifdef __PIE__
extern const char __executable_start[];
#define PROGRAM_START	((unsigned long)__executable_start)
#else
#define PROGRAM_START	0UL
#endif

#define PC_MARK		"pc:0x"

static const char *place(const char *what)
{
	static char line[64];

	if (!strcmp(what, MACHINE_LOAD) || !strcmp(what, MACHINE_STORE)) {
		snprintf(line, sizeof(line), "%s " PC_MARK "%lx", what,
			 (unsigned long)machine_access_pc - 1 - PROGRAM_START);
		return line;
	}
	return what;
}

static void child_switch(const struct machine_switch *sw, const char *what,
			 bool must, const char *operation,
			 unsigned long argument)
{
	size_t length = strlen(child_slot->trace);
	char *to = child_slot->trace + length;
	size_t left = sizeof(child_slot->trace) - length;
	char from[64];
	int n;

	if (left < 1024)
		return;
	snprintf(from, sizeof(from), "%s", machine_task_name(sw->from));
	n = snprintf(to, left, "  %s", from);
	if (operation)
		n += snprintf(to + n, left - n, " in %s(%lu)", operation,
			      argument);
	if (!strcmp(what, "start") || !strcmp(what, "ended"))
		n += snprintf(to + n, left - n, ": %s", what);
	else
		n += snprintf(to + n, left - n, ", point %u, %s %.400s",
			      sw->point, must ? "waits:" : "at",
			      place(what));
	snprintf(to + n, left - n, " -> %s\n", machine_task_name(sw->task));
}

static void run_once(const struct explore_scenario *scenario, uint64_t seed,
		     const struct machine_schedule *schedule)
{
	alarm(HANG_SECONDS);
	lock_forget();
	child_slot->seed = seed;
	machine_note_switches(child_slot->switches, MAX_SWITCHES,
			      &child_slot->nr_switches);
	scenario->run(seed, schedule);
	child_slot->runs++;
	child_slot->points += machine_points();
}

/* Many seeds, from @seed on. */
static void child_batch(const struct explore_scenario *scenario, uint64_t seed,
			unsigned long runs, double until)
{
	for (; runs && (!until || now() < until); runs--, seed++) {
		struct machine_schedule schedule = { .seed = seed };

		run_once(scenario, seed, &schedule);
	}
	child_exit(0);
}

static void child_plan(const struct explore_scenario *scenario,
		       const struct plan *plan, bool trace)
{
	struct machine_schedule schedule = {
		.seed = plan->schedule_seed,
		.replay = plan->listed ? plan->switches : NULL,
		.nr_replay = plan->nr_switches,
	};

	skipped = plan->skip;
	if (trace)
		machine_on_switch = child_switch;
	run_once(scenario, plan->seed, &schedule);
	child_exit(0);
}

/* The same with other schedules. */
static void child_tries(const struct explore_scenario *scenario,
			const struct plan *plan, unsigned int tries)
{
	struct machine_schedule schedule = {
		.seed = plan->schedule_seed,
	};

	skipped = plan->skip;
	for (; tries; tries--, schedule.seed++)
		run_once(scenario, plan->seed, &schedule);
	child_exit(0);
}

static pid_t child_fork(struct slot *slot)
{
	pid_t pid;

	if (ftruncate(slot->output, 0) || lseek(slot->output, 0, SEEK_SET)) {
		perror("output");
		exit(2);
	}
	slot->violated = false;
	slot->nr_switches = 0;
	slot->text[0] = slot->trace[0] = 0;
	slot->runs = slot->points = 0;
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(2);
	}
	if (pid)
		return pid;
	child_slot = slot;
	signal(SIGALRM, SIG_DFL);
	dup2(slot->output, STDERR_FILENO);
	machine_on_violation(child_violation);
	return 0;
}

/* Append what the child wrote. */
static void add_output(struct slot *slot)
{
	size_t length = strlen(slot->text);
	char *to = slot->text + length;
	ssize_t n;

	if (length + 1 >= sizeof(slot->text))
		return;
	n = pread(slot->output, to, sizeof(slot->text) - length - 1, 0);
	to[n > 0 ? n : 0] = 0;
}

/*
 * The line of a sanitizer's report that says what is wrong, without what
 * differs from process to process.
 */
static void crash_line(const char *output, char *line, size_t size)
{
	const char *at = strstr(output, "ERROR: ");
	size_t i = 0;

	if (!at)
		at = strstr(output, "runtime error: ");
	if (!at)
		at = "";
	while (*at && *at != '\n' && i + 1 < size) {
		if (!strncmp(at, "0x", 2)) {
			at += 2 + strspn(at + 2, "0123456789abcdef");
			line[i++] = '*';
			continue;
		}
		line[i++] = *at++;
	}
	line[i] = 0;
}

/* Did the child find something? If it crashed, say so in its slot. */
static bool child_failed(struct slot *slot, int status)
{
	char how[64], line[256];

	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return false;
	if (slot->violated) {
		add_output(slot);
		return true;
	}
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		snprintf(how, sizeof(how), "hang: a run took more than %u s",
			 HANG_SECONDS);
	else if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "crash: signal %d",
			 WTERMSIG(status));
	else
		snprintf(how, sizeof(how), "crash: exit status %d",
			 WEXITSTATUS(status));
	slot->text[0] = 0;
	add_output(slot);
	crash_line(slot->text, line, sizeof(line));
	snprintf(slot->text, sizeof(slot->text), "%s%s%s\n", how,
		 *line ? ": " : "", line);
	add_output(slot);
	return true;
}

static bool wait_failed(struct slot *slot, pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR) {
			perror("waitpid");
			exit(2);
		}
	return child_failed(slot, status);
}

static bool try_plan(const struct explore_scenario *scenario,
		     const struct plan *plan, bool trace, struct slot *slot)
{
	pid_t pid = child_fork(slot);

	if (!pid)
		child_plan(scenario, plan, trace);
	return wait_failed(slot, pid);
}

static bool try_schedules(const struct explore_scenario *scenario,
			  const struct plan *plan, unsigned int tries,
			  struct slot *slot)
{
	pid_t pid = child_fork(slot);

	if (!pid)
		child_tries(scenario, plan, tries);
	return wait_failed(slot, pid);
}

/* Shrinking */

/* Is it the same rule? First lines, but for the numbers. */
static bool same_failure(const char *a, const char *b)
{
	for (;;) {
		while (*a >= '0' && *a <= '9')
			a++;
		while (*b >= '0' && *b <= '9')
			b++;
		if (*a != *b)
			return false;
		if (!*a || *a == '\n')
			return true;
		a++;
		b++;
	}
}

struct shrink {
	const struct explore_scenario *scenario;
	struct plan *best, *trial;
	struct slot *slot;
	char *text;		/* what is to stay */
	double until;
};

static bool shrink_try(struct shrink *s)
{
	return try_plan(s->scenario, s->trial, false, s->slot) &&
	       same_failure(s->slot->text, s->text);
}

/* The trial is the best now; its switches are what was really done. */
static void shrink_take(struct shrink *s)
{
	struct plan *best = s->best;

	memcpy(best->skip, s->trial->skip, sizeof(best->skip));
	best->listed = true;
	best->nr_switches = s->slot->nr_switches;
	memcpy(best->switches, s->slot->switches,
	       best->nr_switches * sizeof(best->switches[0]));
}

static void trial_copy(struct shrink *s)
{
	s->trial->seed = s->best->seed;
	s->trial->schedule_seed = s->best->schedule_seed;
	s->trial->listed = true;
	s->trial->nr_switches = s->best->nr_switches;
	memcpy(s->trial->switches, s->best->switches,
	       s->best->nr_switches * sizeof(s->best->switches[0]));
	memcpy(s->trial->skip, s->best->skip, sizeof(s->best->skip));
}

/* Leave out runs of switches, long ones first, as long as any can be. */
static void shrink_switches(struct shrink *s)
{
	size_t chunk = s->best->nr_switches, at;
	bool any = false;

	if (!chunk)
		return;
	for (;;) {
		for (at = 0; at < s->best->nr_switches && now() < s->until; ) {
			size_t end = at + chunk;

			trial_copy(s);
			if (end > s->trial->nr_switches)
				end = s->trial->nr_switches;
			memmove(s->trial->switches + at,
				s->trial->switches + end,
				(s->trial->nr_switches - end) *
				sizeof(s->trial->switches[0]));
			s->trial->nr_switches -= end - at;
			if (shrink_try(s) &&
			    s->slot->nr_switches < s->best->nr_switches) {
				shrink_take(s);
				any = true;
			} else {
				at = end;
			}
		}
		if (now() >= s->until || (chunk == 1 && !any))
			return;
		if (chunk > 1)
			chunk /= 2;
		else
			any = false;
		if (chunk == 1 && !s->best->nr_switches)
			return;
	}
}

/* Two that only make sense together, as there and back. */
static bool shrink_pair(struct shrink *s)
{
	size_t nr = s->best->nr_switches, i, j, k;

	if (nr > PAIRS)
		return false;
	for (i = 0; i < nr; i++) {
		for (j = i + 1; j < nr && now() < s->until; j++) {
			trial_copy(s);
			s->trial->nr_switches = 0;
			for (k = 0; k < nr; k++)
				if (k != i && k != j)
					s->trial->switches[s->trial->nr_switches++] =
						s->best->switches[k];
			if (shrink_try(s) && s->slot->nr_switches < nr) {
				shrink_take(s);
				return true;
			}
		}
	}
	return false;
}

static void shrink_all(struct shrink *s)
{
	do
		shrink_switches(s);
	while (shrink_pair(s));
}

/* Leave out operations; the points move, so look for a schedule anew. */
static bool shrink_ops_at(struct shrink *s, size_t from, size_t to)
{
	size_t op;

	trial_copy(s);
	for (op = from; op < to; op++)
		s->trial->skip[op] = 1;
	if (!memcmp(s->trial->skip, s->best->skip, sizeof(s->best->skip)))
		return false;
	if (shrink_try(s)) {
		shrink_take(s);
		return true;
	}
	if (!try_schedules(s->scenario, s->trial, OP_TRIES, s->slot) ||
	    !same_failure(s->slot->text, s->text))
		return false;
	/* What came before it in that process must not matter. */
	s->trial->nr_switches = s->slot->nr_switches;
	memcpy(s->trial->switches, s->slot->switches,
	       s->slot->nr_switches * sizeof(s->slot->switches[0]));
	if (!shrink_try(s))
		return false;
	shrink_take(s);
	return true;
}

static void shrink_ops(struct shrink *s)
{
	size_t nr = s->scenario->nr_ops, chunk, at;

	if (nr > EXPLORE_MAX_OPS)
		nr = EXPLORE_MAX_OPS;
	for (chunk = nr; chunk; chunk /= 2)
		for (at = 0; at < nr && now() < s->until; at += chunk)
			shrink_ops_at(s, at, at + chunk < nr ? at + chunk : nr);
}

/* Output */

/* "function file:line" of a place in this program, if addr2line is there. */
static bool name_of_pc(unsigned long pc, char *name, size_t size)
{
	char command[64], function[256] = "", line[512] = "";
	bool ok;
	FILE *f;

	snprintf(command, sizeof(command),
		 "addr2line -i -f -e /proc/%d/exe 0x%lx 2>/dev/null", getpid(), pc);
	f = popen(command, "r");
	if (!f)
		return false;
	ok = fgets(function, sizeof(function), f) && fgets(line, sizeof(line), f);
	pclose(f);
	if (!ok || function[0] == '?')
		return false;
	function[strcspn(function, "\n")] = 0;
	line[strcspn(line, "\n (")] = 0;
	snprintf(name, size, "%s() %s", function, line);
	return true;
}

/* Replace the marks of places by their names. */
static void name_places(char *text, size_t size)
{
	char *out = malloc(size), *mark, *end, name[800];
	size_t length = 0;
	const char *in = text;
	unsigned long pc;

	if (!out)
		abort();
	while ((mark = strstr(in, PC_MARK)) && length < size) {
		pc = strtoul(mark + strlen(PC_MARK), &end, 16);
		length += snprintf(out + length, size - length, "%.*s",
				   (int)(mark - in), in);
		if (!name_of_pc(pc, name, sizeof(name)))
			snprintf(name, sizeof(name), "0x%lx", pc);
		if (length < size)
			length += snprintf(out + length, size - length, "%s",
					   name);
		in = end;
	}
	if (length < size)
		snprintf(out + length, size - length, "%s", in);
	machine_short_names(out);
	copy(text, size, out);
	free(out);
}

static void print_json_string(FILE *out, const char *s)
{
	fputc('"', out);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(out, "\\%c", *s);
		else if (*s == '\n')
			fputs("\\n", out);
		else if ((unsigned char)*s < ' ')
			fprintf(out, "\\u%04x", *s);
		else
			fputc(*s, out);
	}
	fputc('"', out);
}

static void print_result(const struct explore_scenario *scenario,
			 const struct explore_result *r, bool json)
{
	if (json) {
		printf("{\"scenario\": ");
		print_json_string(stdout, scenario->name);
		printf(", \"found\": %s, \"runs\": %lu, \"points\": %lu, \"seconds\": %.2f",
		       r->found ? "true" : "false", r->runs, r->points,
		       r->seconds);
		if (r->found) {
			printf(", \"seed\": %" PRIu64 ", \"repeats\": %s, \"switches_found\": %zu, \"switches\": %zu, \"skipped\": %zu, \"file\": ",
			       r->seed, r->repeats ? "true" : "false",
			       r->nr_switches_found, r->nr_switches,
			       r->nr_skipped);
			print_json_string(stdout, r->file);
			printf(", \"trace\": ");
			print_json_string(stdout, r->trace);
			printf(", \"report\": ");
			print_json_string(stdout, r->text);
		}
		printf("}\n");
		return;
	}
	printf("%s: %lu runs, %lu points, %.1f s: %s\n", scenario->name,
	       r->runs, r->points, r->seconds,
	       r->found ? "FOUND" : "nothing found");
	if (!r->found)
		return;
	printf("seed %" PRIu64 ", %zu switches, shrunk to %zu%s\n", r->seed,
	       r->nr_switches_found, r->nr_switches,
	       r->repeats ? "" : "; NOT the same when run again");
	if (scenario->nr_ops)
		printf("%zu of %zu operations left out\n", r->nr_skipped,
		       scenario->nr_ops);
	printf("what happened:\n%s%s", r->trace, r->text);
	if (r->file[0])
		printf("saved: %s\n", r->file);
}

static void save_plan(const struct explore_scenario *scenario,
		      const struct plan *plan, const char *dir,
		      struct explore_result *r)
{
	FILE *f;
	size_t i;

	snprintf(r->file, sizeof(r->file), "%s/%s-%" PRIu64 ".schedule", dir,
		 scenario->name, plan->seed);
	f = fopen(r->file, "w");
	if (!f) {
		perror(r->file);
		r->file[0] = 0;
		return;
	}
	fprintf(f, "dmap-schedule 1\nscenario %s\nseed %" PRIu64 "\n",
		scenario->name, plan->seed);
	if (!plan->listed)
		fprintf(f, "schedule-seed %" PRIu64 "\n", plan->schedule_seed);
	for (i = 0; i < EXPLORE_MAX_OPS; i++)
		if (plan->skip[i])
			fprintf(f, "skip %zu\n", i);
	for (i = 0; plan->listed && i < plan->nr_switches; i++)
		fprintf(f, "switch %u:%u:%u\n", plan->switches[i].from,
			plan->switches[i].point, plan->switches[i].task);
	fprintf(f, "# %.*s\n", (int)strcspn(r->text, "\n"), r->text);
	fclose(f);
}

/* Exploring */

struct job {
	pid_t pid;
	struct slot *slot;
};

static void stop_jobs(struct job *jobs, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!jobs[i].pid)
			continue;
		kill(jobs[i].pid, SIGKILL);
		waitpid(jobs[i].pid, NULL, 0);
		jobs[i].pid = 0;
	}
}

/* Until one of the jobs fails; its slot, or NULL. */
static struct slot *search(const struct explore_scenario *scenario,
			   const struct explore_options *options,
			   struct job *jobs, struct explore_result *r)
{
	double start = now();
	double until = options->seconds ? start + options->seconds : 0;
	unsigned int nr_jobs = options->jobs, running = 0, i;
	unsigned long given = 0, batch = options->runs ? 64 : SEEDS;
	double batch_until;
	uint64_t seed = options->seed;
	int status;
	pid_t pid;

	for (;;) {
		for (i = 0; i < nr_jobs; i++) {
			unsigned long n = batch;

			if (jobs[i].pid || (until && now() > until))
				continue;
			if (options->runs && n > options->runs - given)
				n = options->runs - given;
			if (!n)
				continue;
			batch_until = until;
			if (until && until > now() + BATCH_SECONDS)
				batch_until = now() + BATCH_SECONDS;
			jobs[i].pid = child_fork(jobs[i].slot);
			if (!jobs[i].pid)
				child_batch(scenario, seed, n, batch_until);
			given += n;
			seed += n;
			running++;
		}
		if (!running)
			return NULL;
		pid = waitpid(-1, &status, 0);
		if (pid < 0 && errno != EINTR) {
			perror("waitpid");
			exit(2);
		}
		for (i = 0; i < nr_jobs; i++) {
			if (jobs[i].pid != pid || pid <= 0)
				continue;
			jobs[i].pid = 0;
			running--;
			r->seconds = now() - start;
			if (child_failed(jobs[i].slot, status)) {
				stop_jobs(jobs, nr_jobs);
				r->runs += jobs[i].slot->runs + 1;
				r->points += jobs[i].slot->points;
				return jobs[i].slot;
			}
			r->runs += jobs[i].slot->runs;
			r->points += jobs[i].slot->points;
		}
	}
}

static void found(const struct explore_scenario *scenario,
		  const struct explore_options *options, struct slot *slot,
		  struct explore_result *r)
{
	struct plan *best = xalloc(sizeof(*best));
	struct plan *trial = xalloc(sizeof(*trial));
	struct slot *other = slot_alloc();
	struct shrink s = {
		.scenario = scenario,
		.best = best,
		.trial = trial,
		.slot = other,
	};
	double start = now();
	bool failed;
	size_t i;

	s.text = strdup(slot->text);
	if (!s.text)
		abort();
	r->found = true;
	r->seed = best->seed = best->schedule_seed = slot->seed;
	r->nr_switches_found = best->nr_switches = slot->nr_switches;
	memcpy(best->switches, slot->switches,
	       slot->nr_switches * sizeof(slot->switches[0]));

	/* By its switches, or else by the seed. */
	best->listed = true;
	trial_copy(&s);
	if (shrink_try(&s)) {
		/* Runs are shorter with fewer operations, so these first. */
		s.until = start + options->shrink / 2;
		if (scenario->nr_ops)
			shrink_ops(&s);
		s.until = start + options->shrink;
		shrink_all(&s);
	} else {
		best->listed = false;
	}

	/* Twice as it is now, and the second time for the reader. */
	failed = try_plan(scenario, best, true, slot);
	r->repeats = failed && try_plan(scenario, best, true, other) &&
		     same_failure(slot->text, s.text) &&
		     same_failure(slot->text, other->text) &&
		     !strcmp(slot->trace, other->trace) &&
		     (!slot->violated || !strcmp(slot->text, other->text));
	copy(r->text, sizeof(r->text), failed ? slot->text : s.text);
	copy(r->trace, sizeof(r->trace), slot->trace);
	name_places(r->trace, sizeof(r->trace));
	r->nr_switches = best->listed ? best->nr_switches : slot->nr_switches;
	for (i = 0; i < EXPLORE_MAX_OPS; i++)
		r->nr_skipped += best->skip[i];
	if (options->save)
		save_plan(scenario, best, options->save, r);
	free(s.text);
	munmap(best, sizeof(*best));
	munmap(trial, sizeof(*trial));
	slot_free(other);
}

bool explore(const struct explore_scenario *scenario,
	     const struct explore_options *options,
	     struct explore_result *result)
{
	struct job jobs[MAX_JOBS] = {};
	struct slot *slot;
	unsigned int i;

	memset(result, 0, sizeof(*result));
	for (i = 0; i < options->jobs; i++)
		jobs[i].slot = slot_alloc();
	slot = search(scenario, options, jobs, result);
	if (slot)
		found(scenario, options, slot, result);
	if (!options->quiet)
		print_result(scenario, result, options->json);
	for (i = 0; i < options->jobs; i++)
		slot_free(jobs[i].slot);
	return result->found;
}

static const struct explore_scenario *
find_scenario(const struct explore_scenario *scenarios, size_t nr,
	      const char *name)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (!strcmp(scenarios[i].name, name))
			return &scenarios[i];
	fprintf(stderr, "no scenario %s; see --list\n", name);
	return NULL;
}

static const struct explore_scenario *
read_plan(const struct explore_scenario *scenarios, size_t nr,
	  const char *file, struct plan *plan)
{
	const struct explore_scenario *scenario = NULL;
	unsigned int from, point, task;
	unsigned long line = 0;
	char text[256], name[128];
	size_t op;
	FILE *f = fopen(file, "r");

	if (!f) {
		perror(file);
		return NULL;
	}
	plan->listed = true;
	while (fgets(text, sizeof(text), f)) {
		line++;
		if (line == 1 ? !strcmp(text, "dmap-schedule 1\n") :
		    text[0] == '#' || text[0] == '\n')
			continue;
		if (sscanf(text, "scenario %127s", name) == 1) {
			scenario = find_scenario(scenarios, nr, name);
			if (!scenario)
				break;
		} else if (sscanf(text, "seed %" SCNu64, &plan->seed) == 1) {
			;
		} else if (sscanf(text, "schedule-seed %" SCNu64,
				  &plan->schedule_seed) == 1) {
			plan->listed = false;
		} else if (sscanf(text, "skip %zu", &op) == 1 &&
			   op < EXPLORE_MAX_OPS) {
			plan->skip[op] = 1;
		} else if (sscanf(text, "switch %u:%u:%u", &from, &point,
				  &task) == 3 && from < 65536 &&
			   task < 65536 && plan->nr_switches < MAX_SWITCHES) {
			plan->switches[plan->nr_switches++] =
				(struct machine_switch){ point, from, task };
		} else {
			fprintf(stderr, "%s:%lu: not a schedule\n", file, line);
			scenario = NULL;
			break;
		}
	}
	fclose(f);
	return scenario;
}

int explore_replay(const struct explore_scenario *scenarios, size_t nr,
		   const char *file, bool json)
{
	struct plan *plan = xalloc(sizeof(*plan));
	struct slot *slot = slot_alloc();
	const struct explore_scenario *scenario;
	struct explore_result r = { .repeats = true };

	scenario = read_plan(scenarios, nr, file, plan);
	if (!scenario)
		return 2;
	if (plan->listed)
		plan->schedule_seed = plan->seed;
	r.found = try_plan(scenario, plan, true, slot);
	r.seed = plan->seed;
	r.runs = 1;
	r.points = slot->points;
	r.nr_switches = r.nr_switches_found = slot->nr_switches;
	copy(r.text, sizeof(r.text), slot->text);
	copy(r.trace, sizeof(r.trace), slot->trace);
	name_places(r.trace, sizeof(r.trace));
	print_result(scenario, &r, json);
	return r.found;
}

struct command_line {
	const struct explore_scenario *scenarios;
	size_t nr;
	const struct explore_scenario *chosen[64];
	size_t nr_chosen;
	struct explore_options options;
	const char *replay;
	bool first;
};

enum { RUNS = 256, SHRINK, REPLAY, LIST, JSON };

static const struct argp_option option_list[] = {
	{ "scenario", 'c', "NAME", 0, "only this one; more than once for more", 0 },
	{ "list", LIST, NULL, 0, "list the scenarios", 0 },
	{ "seconds", 'd', "N", 0, "how long to explore each (10)", 0 },
	{ "runs", RUNS, "N", 0, "or how many runs of each", 0 },
	{ "seed", 's', "N", 0, "of the first run (1)", 0 },
	{ "jobs", 'j', "N", 0, "processes at a time (2)", 0 },
	{ "first", 'f', NULL, 0, "end with the first scenario that finds something", 0 },
	{ "shrink", SHRINK, "N", 0, "seconds for making a schedule short", 0 },
	{ "save", 'o', "DIR", 0, "where the schedules that fail are saved", 0 },
	{ "replay", REPLAY, "FILE", 0, "run a saved schedule again", 0 },
	{ "json", JSON, NULL, 0, "one JSON object for each scenario", 0 },
	{}
};

static double number(struct argp_state *state, const char *text, double least,
		     double most)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || value < least || value > most)
		argp_error(state, "%s is not a number from %g to %g", text, least,
			   most);
	return value;
}

static void choose(struct command_line *line, struct argp_state *state,
		   const char *name)
{
	const struct explore_scenario *scenario;

	scenario = find_scenario(line->scenarios, line->nr, name);
	if (!scenario || line->nr_chosen == 64)
		argp_failure(state, 2, 0, "unknown scenario");
	line->chosen[line->nr_chosen++] = scenario;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct command_line *line = state->input;
	size_t i;

	switch (key) {
	case 'c':
		choose(line, state, arg);
		return 0;
	case LIST:
		for (i = 0; i < line->nr; i++)
			printf("%-20s %s\n", line->scenarios[i].name,
			       line->scenarios[i].what);
		exit(0);
	case 'd':
		line->options.seconds = number(state, arg, 0, 1e6);
		return 0;
	case RUNS:
		line->options.runs = number(state, arg, 1, 1e15);
		line->options.seconds = 0;
		return 0;
	case 's':
		line->options.seed = number(state, arg, 0, 1e15);
		return 0;
	case 'j':
		line->options.jobs = number(state, arg, 1, MAX_JOBS);
		return 0;
	case 'f':
		line->first = true;
		return 0;
	case SHRINK:
		line->options.shrink = number(state, arg, 0, 1e6);
		return 0;
	case 'o':
		line->options.save = arg;
		return 0;
	case REPLAY:
		line->replay = arg;
		return 0;
	case JSON:
		line->options.json = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int explore_main(int argc, char **argv,
		 const struct explore_scenario *scenarios, size_t nr)
{
	static struct explore_result result;
	static const struct argp argp = {
		.options = option_list, .parser = parse_option,
		.doc = "Run scenarios under very many schedules, and make the first that breaks a rule short.\v"
		       "Exit status: 0 nothing found, 1 found, 2 wrong usage.",
	};
	struct command_line line = {
		.scenarios = scenarios, .nr = nr, .options = explore_defaults,
	};
	bool any = false;
	size_t i;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &line);
	if (line.replay)
		return explore_replay(scenarios, nr, line.replay,
				      line.options.json);
	for (i = 0; !line.nr_chosen && i < nr && i < 64; i++)
		line.chosen[i] = &scenarios[i];
	if (!line.nr_chosen)
		line.nr_chosen = i;
	for (i = 0; i < line.nr_chosen && !(any && line.first); i++)
		any |= explore(line.chosen[i], &line.options, &result);
	return any;
}
