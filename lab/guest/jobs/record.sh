# SPDX-License-Identifier: GPL-2.0
# Record what the cache hands out and takes back under a load, the one that the
# boot line names (lab.load="COMMAND"). The events go to the second serial
# port, from which lab/record.py makes a trace.
. /lab.sh

port=/dev/ttyS1
load=$(sed -n 's/.*lab\.load="\([^"]*\)".*/\1/p' /proc/cmdline)
if [ -z "$load" ]; then
	echo 'record: no load: the boot line needs lab.load="COMMAND"'
	exit 1
fi
stty -F $port raw || exit	# a line feed is a line feed

# Nothing reads the events before the load has ended, so that it runs as it
# does without them: the buffer must hold them all.
trace_start 65536 || exit
$load >/tmp/output 2>&1
status=$?
trace_stop
[ $status = 0 ] || cat /tmp/output

{
	echo "# load $load"
	echo "# cpus $(nproc)"
	echo "# nodes $(ls -d /sys/devices/system/node/node[0-9]* | wc -l)"
	echo "# lost $(trace_lost)"
	cat $tracing/trace
} >$port || exit
exit $status
