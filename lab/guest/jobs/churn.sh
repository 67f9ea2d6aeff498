# SPDX-License-Identifier: GPL-2.0
# How full blocks stay while page tables come and go: see churn.c.
exec churn
