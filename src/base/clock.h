/* SPDX-License-Identifier: MIT */
/* clock: monotonic time, replaceable in tests.
 *
 * Thread: any; the replacement is for single-threaded tests. */
#pragma once

#include <glib.h>

/* CLOCK_MONOTONIC in microseconds. */
gint64 adit_clock_us (void);
/* CLOCK_BOOTTIME in microseconds: it goes on while the machine sleeps, so a jump against
 * adit_clock_us() tells that it slept. */
gint64 adit_clock_boot_us (void);
/* Tests: a function that replaces adit_clock_us(); NULL restores it. */
void adit_clock_replace (gint64 (*clock_us) (void));
