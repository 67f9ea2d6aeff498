// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer: the first four bytes make the machine, the rest are operations,
 * each checked against the reference model.
 */
#include "machine.h"
#include "ops.h"

#define MACHINE_BYTES	4
#define MAX_OPS		4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ops ops;
	struct machine_config config = machine_small;

	if (size < MACHINE_BYTES || size > MACHINE_BYTES + MAX_OPS * OPS_SIZE)
		return -1;
	config.nr_nodes = 1 + data[0] % 2;
	config.nr_cpus = 1 + data[1] % 3;
	config.node_mib = 8 << data[2] % 3;
	config.gib_pages = data[2] & 0x80;
	config.options = data[2] & 0x40 ? "dmap_reserve=2M" : NULL;
	config.seed = data[3];

	machine_boot(&config);
	if (data[3] & 0x80)
		machine_fail_random(16);
	ops_init(&ops, OPS_CHECKS, true);
	ops_run(&ops, data + MACHINE_BYTES, size - MACHINE_BYTES);
	machine_fail_random(0);
	ops_end(&ops);
	ops_end_shared();
	machine_shutdown();
	return 0;
}
