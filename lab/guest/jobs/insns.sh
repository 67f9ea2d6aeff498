# SPDX-License-Identifier: GPL-2.0
# What small operations cost: see insns.c. For a guest with -icount.
exec insns
