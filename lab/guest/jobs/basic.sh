# SPDX-License-Identifier: GPL-2.0
# What every kernel of the lab must do, with or without dmap.
. /lab.sh

total() {
	awk '/^DirectMap/ { kb += $2 } END { print kb }' /proc/meminfo
}

total_is_constant() {
	before=$(total)
	storm --procs 20 --settle 0 >/dev/null
	[ "$before" = "$(total)" ]
}

large_pages_at_boot() {
	awk '/^DirectMap4k/ { small = $2 } /^DirectMap[21]/ { large += $2 }
	     END { exit !(large > small * 10) }' /proc/meminfo
}

split_counters() {
	grep -q '^direct_map_level2_splits ' /proc/vmstat
}

# Lists per CPU keep some of it, so a leak is what adds up over rounds.
memory_is_returned() {
	before=$(awk '/^MemFree/ { print $2 }' /proc/meminfo)
	for round in 1 2 3 4 5 6 7 8; do
		head -c 67108864 /dev/zero >/tmp/file && rm /tmp/file
	done
	after=$(awk '/^MemFree/ { print $2 }' /proc/meminfo)
	[ $((before - after)) -lt 262144 ]
}

echo "KTAP version 1"
check "direct map starts with large pages" large_pages_at_boot
check "direct map keeps its size under fork" total_is_constant
check "splits of the direct map are counted" split_counters
check "freed memory is free again" memory_is_returned
checked
