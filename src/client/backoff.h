/* SPDX-License-Identifier: MIT */
/* backoff: how long to wait before the next attempt: 250 ms doubling to 15 s, with jitter.
 *
 * Pure. A stable minute resets it. */
#pragma once

#include <glib.h>

#define ADIT_BACKOFF_FIRST_MS 250u
#define ADIT_BACKOFF_MOST_MS 15000u

typedef struct
{
  guint failures;  /* in a row */
  gint64 since_us; /* when the last success began; 0: none */
} AditBackoff;

/* An attempt succeeded. */
void adit_backoff_succeed (AditBackoff *backoff, gint64 now_us);
/* An attempt failed, or what had succeeded ended. Returns the wait in milliseconds: never less than the
 * first, never more than the most. @random: any number. */
guint adit_backoff_fail (AditBackoff *backoff, gint64 now_us, guint32 random);
void adit_backoff_reset (AditBackoff *backoff);
