// SPDX-License-Identifier: GPL-2.0
/* debugfs and seq_file. */
#include "memory.h"
#include <stdio.h>

struct dentry {
	struct list_head list;
	char path[64];
	const struct file_operations *fops;
	void *data;
	char *text;	/* as it was last read */
};

static LIST_HEAD(files);

static struct dentry *add(const char *name, struct dentry *parent)
{
	struct dentry *dentry = calloc(1, sizeof(*dentry));

	BUG_ON(!dentry);
	if (snprintf(dentry->path, sizeof(dentry->path), "%s%s%s",
		     parent ? parent->path : "", parent ? "/" : "", name) >=
	    (int)sizeof(dentry->path))
		machine_unmodelled("so long a path in debugfs");
	list_add_tail(&dentry->list, &files);
	return dentry;
}

struct dentry *debugfs_create_dir(const char *name, struct dentry *parent)
{
	return add(name, parent);
}

struct dentry *debugfs_create_file(const char *name, umode_t mode,
				   struct dentry *parent, void *data,
				   const struct file_operations *fops)
{
	struct dentry *dentry = add(name, parent);

	dentry->fops = fops;
	dentry->data = data;
	return dentry;
}

void seq_printf(struct seq_file *m, const char *fmt, ...)
{
	va_list args;
	int n;

	for (;;) {
		va_start(args, fmt);
		n = vsnprintf(m->text + m->count, m->size - m->count, fmt, args);
		va_end(args);
		if (m->count + n < m->size)
			break;
		m->size = 2 * m->size + n + 1;
		m->text = realloc(m->text, m->size);
		BUG_ON(!m->text);
	}
	m->count += n;
}

const char *machine_debugfs_read(const char *path)
{
	struct dentry *dentry;

	list_for_each_entry(dentry, &files, list) {
		struct seq_file m = { .size = 4096 };

		if (strcmp(dentry->path, path) || !dentry->fops)
			continue;
		m.text = calloc(1, m.size);
		BUG_ON(!m.text);
		m.private = dentry->data;
		dentry->fops->show(&m, NULL);
		free(dentry->text);
		dentry->text = m.text;
		return m.text;
	}
	return NULL;
}

void show_shutdown(void)
{
	struct dentry *dentry, *next;

	list_for_each_entry_safe(dentry, next, &files, list) {
		list_del(&dentry->list);
		free(dentry->text);
		free(dentry);
	}
}
