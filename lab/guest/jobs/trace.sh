# SPDX-License-Identifier: GPL-2.0
# The trace events of the cache say what its counters say.
. /lab.sh

NOISE=300	# pages of the shell's own programs, at start and stop

# events NAME FIELDS: how many lines of the trace are such an event
events() {
	grep -Ec " $1: pfn=0x[0-9a-f]+ $2\$" /tmp/trace
}

# counted NAME: the difference of a counter under the load
counted() {
	echo $(($(figure "$1" "$after") - $(figure "$1" "$before")))
}

# tells EVENT FIELDS COUNTER: not one event less than was counted
tells() {
	traced=$(events "$1" "$2")
	counted=$(counted "$3")
	echo "# $traced events $1, $counted counted"
	[ "$counted" -gt 800 ] && [ "$traced" -ge "$counted" ] &&
	[ "$traced" -le $((counted + NOISE)) ]
}

lossless() {
	[ "$(trace_lost)" = 0 ]
}

echo "KTAP version 1"
trace_start 16384
before=$(figures)
storm --procs 20 --settle 0 >/dev/null
after=$(figures)
trace_stop
cat $tracing/trace >/tmp/trace
check "each request served is an event" \
	tells dmap_alloc 'order=[0-9] life=(user|kernel) nid=[0-9]+' dmap_alloc
check "each free is an event" tells dmap_free 'order=[0-9]' dmap_free
check "no event is lost" lossless
checked
