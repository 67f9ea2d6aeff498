# SPDX-License-Identifier: GPL-2.0
# With dmap=off the kernel is as stock: nothing is held, nothing is moved.
. /lab.sh

# Are the cache's gauges and events all zero?
nothing_cached() {
	for name in nr_dmap_live nr_dmap_idle nr_dmap_blocks dmap_alloc \
		    dmap_refill dmap_split; do
		[ "$(figure $name "$1")" -eq 0 ] || return 1
	done
}

same_direct_map() {
	[ "$(figure DirectMap4k "$1")" = "$(figure DirectMap4k "$2")" ] &&
	[ "$(figure DirectMap2M "$1")" = "$(figure DirectMap2M "$2")" ]
}

echo "KTAP version 1"
before=$(figures)
check "nothing is cached after boot" nothing_cached "$before"
storm --procs 20 --settle 0 >/dev/null
after=$(figures)
check "page tables do not come from the cache" nothing_cached "$after"
check "page tables do not split the direct map" same_direct_map "$before" "$after"
checked
