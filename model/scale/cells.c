// SPDX-License-Identifier: GPL-2.0
/*
 * Runs cells, each in a process of its own: a machine is booted once in a
 * process, and two of them run side by side.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "replay.h"

#define MAX_JOBS	16
#define PROGRESS_S	5	/* where stderr is not a terminal */

struct job {
	pid_t pid;		/* 0: free */
	int fd;
	unsigned int cell;
	size_t have;
	double from;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

static void child(const struct cell *cell, int fd)
{
	static struct result result;
	const char *at = (const char *)&result;
	size_t left = sizeof(result);
	ssize_t n;

	replay(cell, &result);
	while (left) {
		n = write(fd, at, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(1);
		at += n;
		left -= n;
	}
	fflush(NULL);
	_exit(0);
}

static bool start(struct job *job, const struct cell *cell, unsigned int nr)
{
	int fd[2];

	if (pipe(fd))
		return false;
	fflush(NULL);
	job->pid = fork();
	if (!job->pid) {
		close(fd[0]);
		child(cell, fd[1]);
	}
	close(fd[1]);
	if (job->pid < 0) {
		job->pid = 0;
		close(fd[0]);
		return false;
	}
	job->fd = fd[0];
	job->cell = nr;
	job->have = 0;
	job->from = now();
	return true;
}

/* The child has closed its end. */
static bool finish(struct job *job, const struct cell *cell,
		   struct result *result)
{
	int status = 0;

	close(job->fd);
	waitpid(job->pid, &status, 0);
	job->pid = 0;
	if (job->have != sizeof(*result) || status) {
		memset(result, 0, sizeof(*result));
		snprintf(result->policy, sizeof(result->policy), "%s",
			 cell->policy->name);
		memcpy(result->machine, cell->machine, sizeof(result->machine));
		memcpy(result->series, cell->series, sizeof(result->series));
		snprintf(result->trace, sizeof(result->trace), "%s",
			 cell->synth.name ? cell->synth.name : "recording");
		if (WIFSIGNALED(status))
			snprintf(result->error, sizeof(result->error),
				 "the process was killed by signal %d (%s); what it wrote is above",
				 WTERMSIG(status), strsignal(WTERMSIG(status)));
		else
			snprintf(result->error, sizeof(result->error),
				 "the process ended with status %d",
				 WEXITSTATUS(status));
	}
	result->seconds = now() - job->from;
	if (result->error[0])
		fprintf(stderr, "scale: %s, %s under %s: %s\n", result->machine,
			result->trace, result->policy, result->error);
	return !result->error[0];
}

static void progress(unsigned int done, unsigned int nr, double from,
		     const struct cell *cell)
{
	static double last;
	bool terminal = isatty(STDERR_FILENO);
	double t = now();

	if (!terminal && t - last < PROGRESS_S && done < nr)
		return;
	last = t;
	fprintf(stderr, "%s%u of %u runs, %.0f s, last: %s, %s, %s%s",
		terminal ? "\r\033[K" : "scale: ", done, nr, t - from,
		cell->machine, cell->synth.name ? cell->synth.name : "recording",
		cell->policy->name, terminal && done < nr ? "" : "\n");
}

bool run_cells(const struct cell *cells, struct result *results,
	       unsigned int nr, unsigned int jobs)
{
	struct pollfd poll_fd[MAX_JOBS];
	struct job job[MAX_JOBS] = { 0 };
	unsigned int next = 0, done = 0, i, n;
	double from = now();
	bool ok = true;
	ssize_t got;

	if (!jobs || jobs > MAX_JOBS)
		jobs = MAX_JOBS;
	while (done < nr) {
		for (i = 0; i < jobs && next < nr; i++) {
			if (job[i].pid)
				continue;
			if (!start(&job[i], cells + next, next)) {
				perror("scale: a process for a run");
				return false;
			}
			next++;
		}
		for (i = n = 0; i < jobs; i++)
			if (job[i].pid)
				poll_fd[n++] = (struct pollfd){
					.fd = job[i].fd, .events = POLLIN,
				};
		if (poll(poll_fd, n, -1) < 0)
			continue;
		for (i = n = 0; i < jobs; i++) {
			struct result *result = results + job[i].cell;

			if (!job[i].pid || !poll_fd[n++].revents)
				continue;
			got = read(job[i].fd, (char *)result + job[i].have,
				   sizeof(*result) - job[i].have);
			if (got > 0) {
				job[i].have += got;
				continue;
			}
			ok &= finish(&job[i], cells + job[i].cell, result);
			done++;
			progress(done, nr, from, cells + job[i].cell);
		}
	}
	return ok;
}
