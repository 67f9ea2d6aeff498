/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ground: configuration, types, small arithmetic, the log, warnings, static
 * keys, and what runs at boot.
 */
#ifndef _MODEL_BASE_H
#define _MODEL_BASE_H

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "stub.h"

/* The kernel that the model is. */
#define CONFIG_64BIT			1
#define CONFIG_X86_64			1
#define CONFIG_SMP			1
#define CONFIG_NUMA			1
#define CONFIG_PHYS_ADDR_T_64BIT	1
#define CONFIG_ZONE_DMA			1
#define CONFIG_ZONE_DMA32		1
#define CONFIG_CMA			1
#define CONFIG_MEMORY_ISOLATION		1
#define CONFIG_MEMORY_FAILURE		1
#define CONFIG_PROC_FS			1
#define CONFIG_KFENCE			1
#define CONFIG_KUNIT			1
#define CONFIG_LOCKDEP			1
#define CONFIG_DMAP			1

#include <tools/include/linux/kconfig.h>

/* tools/include has a toy gfp_t with values of its own. */
#define gfp_t		__tools_gfp_t
#define GFP_KERNEL	__TOOLS_GFP_KERNEL
#define GFP_ATOMIC	__TOOLS_GFP_ATOMIC
#define __GFP_HIGHMEM	__TOOLS_GFP_HIGHMEM
#define __GFP_HIGH	__TOOLS_GFP_HIGH
#include <tools/include/linux/types.h>
#undef gfp_t
#undef GFP_KERNEL
#undef GFP_ATOMIC
#undef __GFP_HIGHMEM
#undef __GFP_HIGH

#include <linux/compiler.h>
#include <linux/build_bug.h>
#include <linux/const.h>
#include <linux/align.h>
#include <linux/math.h>
#include <linux/stringify.h>

/* That of the tools is a statement, which clang dislikes inside of others. */
#undef roundup
#define roundup(x, y)		(((x) + ((y) - 1)) / (y) * (y))

typedef unsigned int gfp_t;
typedef unsigned short umode_t;

#undef __used
#define __used		__attribute__((used))

#ifndef container_of
#define container_of(pointer, type, member) ({				\
	void *__member = (void *)(pointer);				\
									\
	(type *)(__member - offsetof(type, member)); })
#endif

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#endif

#define __compare(op, x, y) ({						\
	__auto_type __compare_x = (x);					\
	__auto_type __compare_y = (y);					\
									\
	__compare_x op __compare_y ? __compare_x : __compare_y; })
#define min(x, y)		__compare(<, x, y)
#define max(x, y)		__compare(>, x, y)
#define min_t(type, x, y)	__compare(<, (type)(x), (type)(y))
#define max_t(type, x, y)	__compare(>, (type)(x), (type)(y))
#define clamp(value, low, high)	min(max(value, low), high)
#define swap(a, b) do {							\
	typeof(a) __swap = (a);						\
									\
	(a) = (b);							\
	(b) = __swap;							\
} while (0)

/* The tools have them for sources that are built from there. */
int scnprintf(char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
unsigned long long memparse(const char *text, char **end);
void *memchr_inv(const void *start, int c, size_t bytes);

#include <tools/include/linux/err.h>
#include <tools/include/linux/bitops.h>
#include <tools/include/linux/bitmap.h>
#include <linux/log2.h>
#include <tools/include/linux/list.h>
#include <tools/include/linux/rbtree.h>
#include <linux/sizes.h>

#include "bitmap.h"

/*
 * The log: its last lines are shown with a violation; with MODEL_LOG in the environment
 * shown at once.
 */
void machine_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#ifndef pr_fmt
#define pr_fmt(fmt)		fmt
#endif
#define pr_err(fmt, ...)	machine_log(pr_fmt(fmt), ##__VA_ARGS__)
#define pr_warn(fmt, ...)	machine_log(pr_fmt(fmt), ##__VA_ARGS__)
#define pr_info(fmt, ...)	machine_log(pr_fmt(fmt), ##__VA_ARGS__)
#define pr_debug(fmt, ...)	((void)0)

/*
 * Warnings are counted, and mostly are violations: machine_allow_warnings().
 */
void machine_warn(const char *what, const char *function, const char *file,
		  int line);

#define __warn(condition, what) ({					\
	bool __warn_on = !!(condition);					\
									\
	if (unlikely(__warn_on))					\
		machine_warn(what, __func__, __FILE__, __LINE__);	\
	unlikely(__warn_on); })
#define WARN_ON(condition)		__warn(condition, #condition)
#define WARN_ON_ONCE(condition)		__warn(condition, #condition)
#define WARN(condition, fmt, ...)	__warn(condition, fmt)
#define WARN_ONCE(condition, fmt, ...)	__warn(condition, fmt)
#define BUG_ON(condition) do {						\
	if (unlikely(condition))					\
		machine_violation("BUG: %s", #condition);		\
} while (0)
#define BUG()			BUG_ON(1)
#define VM_BUG_ON(condition)	BUG_ON(condition)

/* Reports are never too many here: each is in the log. */
struct ratelimit_state {
	int unused;
};
#define DEFAULT_RATELIMIT_INTERVAL	0
#define DEFAULT_RATELIMIT_BURST		0
#define DEFINE_RATELIMIT_STATE(name, interval, burst)			\
	struct ratelimit_state name = {}
#define __ratelimit(state)		((void)(state), 1)

/* Static keys. Switched in process context alone, with nobody else about. */
struct static_key_false {
	bool enabled;
};

#define DECLARE_STATIC_KEY_FALSE(name)	extern struct static_key_false name
#define DEFINE_STATIC_KEY_FALSE(name)	struct static_key_false name
#define static_branch_unlikely(key)	unlikely((key)->enabled)
#define static_key_enabled(key)		((key)->enabled)
#define static_branch_enable(key)	((void)((key)->enabled = true))
#define static_branch_disable(key)	((void)((key)->enabled = false))

/*
 * What runs at boot: machine_boot() gives each option to its function, once
 * with the value that stands for the default and once with what the machine's
 * configuration says, and then runs the initcalls.
 */
struct machine_param {
	const char *name;
	int (*set)(char *value);
	struct machine_param *next;
};

struct machine_initcall {
	const char *name;
	int (*fn)(void);
	struct machine_initcall *next;
};

void machine_add_param(struct machine_param *param);
void machine_add_initcall(struct machine_initcall *call);

#define early_param(text, function)					\
	static void __attribute__((constructor)) function##_param(void)	\
	{								\
		static struct machine_param param = {			\
			.name = text, .set = function,			\
		};							\
									\
		machine_add_param(&param);				\
	}
#define fs_initcall(function)						\
	static void __attribute__((constructor)) function##_call(void)	\
	{								\
		static struct machine_initcall call = {			\
			.name = #function, .fn = function,		\
		};							\
									\
		machine_add_initcall(&call);				\
	}

#endif /* _MODEL_BASE_H */
