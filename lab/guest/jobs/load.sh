# SPDX-License-Identifier: GPL-2.0
# The load of "make run": the direct map after boot, under three loads and
# after each has released everything.
. /lab.sh

SAMPLE=0.2	# seconds between two samples under a load
RECOVERY=500	# centiseconds that the direct map has to come back

sampler() {
	while :; do
		echo "@lab phase=sample load=$1 $(figures)"
		sleep $SAMPLE
	done
}

# Are the large mappings as many as after boot?
recovered() {
	[ "$(figure DirectMap2M "$1")" = "$(figure DirectMap2M "$boot")" ] &&
	[ "$(figure DirectMap1G "$1")" = "$(figure DirectMap1G "$boot")" ]
}

# load NAME COMMAND...
load() {
	load=$1
	shift
	echo "@lab phase=load load=$load"
	sampler "$load" >/tmp/samples &
	sampler=$!
	"$@" >/tmp/output 2>&1
	status=$?
	kill $sampler
	wait $sampler 2>/dev/null
	start=$(now)
	while :; do
		after=$(figures)
		waited=$(($(now) - start))
		back=no
		recovered "$after" && back=yes
		[ $back = yes ] || [ $waited -ge $RECOVERY ] && break
		sleep 0.1
	done
	cat /tmp/samples
	if [ $status = 0 ]; then grep @lab /tmp/output; else cat /tmp/output; fi
	echo "@lab phase=after load=$load status=$status recovered=$back" \
	     "waited_cs=$waited $after"
	[ $status = 0 ] || bad=1
}

bad=0
boot=$(figures)
echo "@lab phase=boot $boot"
load mmapfork stress-ng --mmapfork 4 --timeout 2s
load storm storm --hold 1 --settle 0
load secretmem secretmem-load --hold 1 --settle 0
exit $bad
