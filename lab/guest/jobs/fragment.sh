# SPDX-License-Identifier: GPL-2.0
# Page tables in memory without a free 2 MiB page: see fragment.c.
exec fragment
