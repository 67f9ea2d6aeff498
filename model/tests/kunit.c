// SPDX-License-Identifier: GPL-2.0
/* The kernel's own tests of dmap (KUnit) on the modelled machine. */
#include "dmap/dmap.h"
#include "machine.h"

int main(void)
{
	struct machine_config config = machine_small;
	int failed;

	config.node_mib = 512;
	machine_boot(&config);
	failed = kunit_run();
	machine_check();
	machine_shutdown();
	return failed != 0;
}
