/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The gate: everything that the sources of mm/dmap and of its x86 side see of
 * "the kernel". Each kernel header that they include is a forwarding header to
 * this file, see shim/headers.
 *
 * What is here comes, in this order of preference, from the kernel's own
 * tools/include, from the kernel's own include/, or from one of
 *
 *	stub.h		what does nothing, on purpose
 *	duplicate.h	definitions restated from 6.12, compared with it by
 *			`make check`
 *	custom/		what is modelled
 *
 * A call that is in none of them does not link, or ends in
 * machine_unmodelled().
 *
 * The order below matters: macros of the tools headers that are modelled are
 * replaced after these were included.
 */
#ifndef _MODEL_GATE_H
#define _MODEL_GATE_H

#include "custom/base.h"
#include "duplicate.h"
#include "custom/atomic.h"
#include "custom/context.h"
#include "custom/lock.h"
#include "custom/page.h"
#include "custom/slab.h"
#include <include/linux/xarray.h>
#include "custom/memory.h"
#include "custom/pgtable.h"
#include "custom/show.h"
#include "custom/kunit.h"

#endif /* _MODEL_GATE_H */
