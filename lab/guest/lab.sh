# SPDX-License-Identifier: GPL-2.0
# What the jobs share. A result is one line, "@lab key=value ...", that the
# host reads from the console (lab/parse.py).

# Every figure of the direct map and of the cache, as key=value words, from
# one moment. Figures that this kernel does not have are left out.
figures() {
	awk '
	FILENAME == "/proc/uptime" { printf "uptime=%s", $1 }
	/^DirectMap/ { sub(":", "", $1); printf " %s=%s", $1, $2 }
	/^(direct_map_|dmap_|nr_dmap_)/ { printf " %s=%s", $1, $2 }
	' /proc/uptime /proc/meminfo /proc/vmstat
}

# figure NAME WORDS...: one figure out of such words
figure() {
	name=$1
	shift
	for word in $*; do
		case $word in
		"$name"=*) echo "${word#*=}" ;;
		esac
	done
}

# centiseconds since the boot
now() {
	read -r up _ </proc/uptime
	echo "${up%.*}${up#*.}"
}

# One KTAP result: check DESCRIPTION COMMAND...
tests=0
failed=0
check() {
	what=$1
	shift
	tests=$((tests + 1))
	if "$@"; then
		echo "ok $tests $what"
	else
		echo "not ok $tests $what"
		failed=$((failed + 1))
	fi
}

# End a KTAP document of check() lines.
checked() {
	echo "1..$tests"
	[ "$failed" = 0 ]
}

tracing=/sys/kernel/tracing

# trace_start KIB: from now on every page that the cache hands out or takes back
# is an event, kept in KIB of memory per CPU
trace_start() {
	# One clock for all CPUs, so that a free never sorts before its
	# allocation; no more of a line than is needed.
	echo global >$tracing/trace_clock &&
	echo 0 >$tracing/options/record-cmd &&
	echo 0 >$tracing/options/irq-info &&
	echo "$1" >$tracing/buffer_size_kb &&
	echo 1 >$tracing/events/dmap/dmap_free/enable &&
	echo 1 >$tracing/events/dmap/dmap_alloc/enable
}

trace_stop() {
	echo 0 >$tracing/tracing_on
}

# how many events did not fit
trace_lost() {
	cat $tracing/per_cpu/cpu*/stats | awk '
	/^(overrun|commit overrun|dropped events):/ { lost += $NF }
	END { print lost + 0 }'
}
