/* SPDX-License-Identifier: MIT */
/* say: lines of commands that answer and end: plain text on standard output, or log lines where JSON was
 * asked for.
 *
 * Thread: the main thread. */
#pragma once

#include <glib.h>

/* What was done or found. */
void adit_say (const char *format, ...) G_GNUC_PRINTF (1, 2);
