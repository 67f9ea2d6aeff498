/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel shows: debugfs files by way of seq_file, and tracepoints. */
#ifndef _MODEL_SHOW_H
#define _MODEL_SHOW_H

struct seq_file {
	char *text;
	size_t size, count;
	void *private;
};

void seq_printf(struct seq_file *m, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
#define seq_puts(m, string)	seq_printf(m, "%s", string)
#define seq_putc(m, c)		seq_printf(m, "%c", c)

struct file_operations {
	int (*show)(struct seq_file *m, void *unused);
};

#define DEFINE_SHOW_ATTRIBUTE(name)					\
	static const struct file_operations name##_fops = {		\
		.show = name##_show,					\
	}

struct dentry;
struct dentry *debugfs_create_dir(const char *name, struct dentry *parent);
struct dentry *debugfs_create_file(const char *name, umode_t mode,
				   struct dentry *parent, void *data,
				   const struct file_operations *fops);

/*
 * Tracepoints. Each event NAME is a function trace_NAME(), which calls what the
 * pointer machine_trace_NAME points to, NULL at first. The pointers are weak,
 * so that every file that includes the header can bring them along.
 */
#define TP_PROTO(args...)	args
#define TP_ARGS(args...)	args
#define DECLARE_EVENT_CLASS(name, ...)
#define DEFINE_EVENT(class, name, proto, args)				\
	extern void (*machine_trace_##name)(proto);			\
	__attribute__((weak)) void (*machine_trace_##name)(proto);	\
	static inline void trace_##name(proto)				\
	{								\
		if (unlikely(machine_trace_##name))			\
			machine_trace_##name(args);			\
	}								\
	static inline bool trace_##name##_enabled(void)			\
	{								\
		return machine_trace_##name;				\
	}								\
	struct machine_trace_swallows_the_semicolon
#define TRACE_EVENT(name, proto, args, ...)				\
	DEFINE_EVENT(, name, TP_PROTO(proto), TP_ARGS(args))

#endif /* _MODEL_SHOW_H */
