# SPDX-License-Identifier: GPL-2.0
# The selftests of dmap, as the kernel's tree has them.

# One of them is killed by its memory cgroup, as it should be; the report of
# that, with its call trace, would count as a fault of the kernel. So warnings
# wait, and appear if there is one of another kind.
dmesg -c >/dev/null
dmesg -n 4
/kselftest/dmap
status=$?
dmesg -n 5
if dmesg | grep -Eq 'BUG:|WARNING:|INFO:|UBSAN:|Bad page|bad page'; then
	dmesg
fi
exit $status
