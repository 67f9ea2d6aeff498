# SPDX-License-Identifier: GPL-2.0
# What small operations cost: see insns.c, and lab/bench for what needs a
# module. For a guest with -icount.
insns || exit
for module in /modules/*.ko; do
	[ ! -e "$module" ] || insmod "$module" || exit
done
