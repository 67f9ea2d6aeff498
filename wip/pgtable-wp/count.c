/* QEMU TCG plugin: how often are these instructions executed? args: name=hexaddr ... */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb; struct qemu_plugin_insn; struct qemu_info_t;
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int, void *, uint64_t);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
__attribute__((visibility("default"))) int qemu_plugin_version = 1;
#define MAX 32
static struct { char name[48]; uint64_t addr, n; } c[MAX];
static int nr;
static void trans(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb), i; int k;
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t a = qemu_plugin_insn_vaddr(insn);
		for (k = 0; k < nr; k++)
			if (a == c[k].addr)
				qemu_plugin_register_vcpu_insn_exec_inline(insn, 0, &c[k].n, 1);
	}
}
static void end(qemu_plugin_id_t id, void *p)
{
	int k;
	for (k = 0; k < nr; k++)
		fprintf(stderr, "@count %s %lu\n", c[k].name, (unsigned long)c[k].n);
}
__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv)
{
	int i;
	for (i = 0; i < argc && nr < MAX; i++) {
		char *eq = strchr(argv[i], '=');
		if (!eq) continue;
		snprintf(c[nr].name, sizeof(c[nr].name), "%.*s", (int)(eq - argv[i]), argv[i]);
		c[nr++].addr = strtoull(eq + 1, NULL, 16);
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, trans);
	qemu_plugin_register_atexit_cb(id, end, NULL);
	return 0;
}
